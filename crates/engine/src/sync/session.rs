//! Carrying the session from the wire into the profile.

use crate::store::table::account;
use crate::store::{Store, StoreError};
use crate::upstream::Crm;

/// Forgets a kept password that the server refused, and writes the newest cookie into the profile when it is due (see [`Crm::session_to_keep`]). A sync does it at its
/// end; whoever fetches recordings without syncing does it when done.
///
/// # Errors
/// The library's.
pub async fn keep_session(crm: &Crm, store: &Store) -> Result<(), StoreError> {
    if let Some(refused) = crm.refused_password() {
        let url = crm.origin().to_string();
        store.write(move |tx, _| account::forget_password(tx, &url, &refused)).await?;
    }
    let Some(cookie) = crm.session_to_keep() else { return Ok(()) };
    let url = crm.origin().to_string();
    store.write(move |tx, _| account::set_cookie(tx, &url, Some(&cookie))).await
}
