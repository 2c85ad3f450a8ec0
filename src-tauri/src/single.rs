//! One window for one profile: a second start brings the first one's window to the front, with its link.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::time::Duration;

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

/// What tauri calls it.
pub const PLUGIN: &str = "single-instance";
/// Starts that found one that was about to end, so far.
const TRY_VARIABLE: &str = "AFTERCALL_START_TRY";
const TRIES_MAX: u32 = 10;
const NEXT_TRY_IN: Duration = Duration::from_millis(200);

/// Begins this start anew, in place of this process: the first one was there when it was looked for, and gone before it
/// took anything over. A person who closes the app and opens it again at once gets a window.
///
/// # Errors
/// It was tried often enough, or cannot be.
pub fn begin_anew<T>() -> std::io::Result<T> {
    let tries = std::env::var(TRY_VARIABLE).ok().and_then(|tries| tries.parse().ok()).unwrap_or(0_u32);
    if tries >= TRIES_MAX {
        return Err(std::io::Error::other("another start of the app neither answers nor ends"));
    }
    std::thread::park_timeout(NEXT_TRY_IN);
    let mut again = std::process::Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(TRY_VARIABLE, (tries + 1).to_string());
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut again));
    #[cfg(not(unix))]
    {
        again.spawn()?;
        std::process::exit(0)
    }
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
