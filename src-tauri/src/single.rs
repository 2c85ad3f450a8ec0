//! One window for one profile: a second start brings the first one's window to the front, with its link.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use tauri::Runtime;
use tauri::plugin::TauriPlugin;

use crate::links;

/// The name by which the starts of one profile find each other. Another profile is another app.
fn name_of(profile: Option<&Path>) -> String {
    match profile {
        None => "app.aftercall.desktop".to_owned(),
        Some(profile) => {
            let mut hash = DefaultHasher::new();
            std::path::absolute(profile).unwrap_or_else(|_| profile.to_owned()).hash(&mut hash);
            format!("app.aftercall.desktop.p{:016x}", hash.finish())
        }
    }
}

/// The plugin that lets them find each other. Where the desktop has no way to, the profile's own lock still holds.
pub fn plugin<R: Runtime>(profile: Option<&Path>) -> TauriPlugin<R> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(name_of(profile))
        .callback(|app, arguments, _folder| links::followed(app, links::among(arguments)))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_profile_has_one_name_and_another_has_another() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(name_of(None), "app.aftercall.desktop");
        assert_eq!(name_of(Some(a.path())), name_of(Some(&a.path().join("."))));
        assert_ne!(name_of(Some(a.path())), name_of(Some(b.path())));
    }
}
