//! Links into the app, `aftercall://call/<sid>` and `aftercall://lead/<id>`: whoever follows one brings the window to the
//! front and shows a place. What is no such link, and what comes while the app is locked, only shows the window.

use std::sync::{Mutex, PoisonError};

use aftercall_app::dto::AppEvent;
use aftercall_domain::link::Link;
use tauri::{AppHandle, Manager, Runtime};
use tokio::sync::Notify;

use crate::shell::Shell;
use crate::window;

/// The last link that was followed and not shown yet.
#[derive(Default)]
pub struct Links {
    waiting: Mutex<Option<Link>>,
    came: Notify,
}

impl Links {
    /// Somebody followed it.
    pub fn put(&self, link: Link) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
        self.came.notify_one();
    }

    /// The next one, once.
    pub async fn next(&self) -> AppEvent {
        loop {
            let link = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            match link {
                Some(Link::Call { sid, at_s }) => {
                    return AppEvent::Open { sid: Some(sid.to_string()), at_s, lead_id: None };
                }
                Some(Link::Lead(id)) => {
                    return AppEvent::Open { sid: None, at_s: None, lead_id: Some(id.to_string()) };
                }
                None => self.came.notified().await,
            }
        }
    }

    /// Forgets what was not shown: it was followed while the app was locked.
    pub fn forget(&self) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The first link among a program's arguments.
pub fn among(arguments: impl IntoIterator<Item = String>) -> Option<Link> {
    arguments.into_iter().find_map(|argument| argument.parse().ok())
}

/// Somebody followed one, or opened the app a second time.
pub fn followed<R: Runtime>(app: &AppHandle<R>, link: Option<Link>) {
    if let Some(link) = link {
        app.state::<Shell>().links().put(link);
    }
    window::come_to_front(app);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[&str]) -> Option<Link> {
        among(arguments.iter().map(|word| (*word).to_owned()))
    }

    #[tokio::test]
    async fn a_link_is_shown_once_and_what_is_none_is_nothing() {
        assert_eq!(words(&["aftercall", "--profile", "x"]), None);
        assert_eq!(words(&["aftercall", "aftercall://lead/7;rm", "https://example.com"]), None);
        let links = Links::default();
        links.put(words(&["aftercall", "aftercall://lead/7"]).unwrap());
        assert_eq!(links.next().await, AppEvent::Open { sid: None, at_s: None, lead_id: Some("7".into()) });
        links.put(words(&["aftercall://lead/8"]).unwrap());
        links.forget();
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), links.next()).await;
        assert!(waits.is_err());
    }
}
