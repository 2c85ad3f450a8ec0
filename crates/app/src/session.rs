//! Who is signed in, and the CRM that they are signed in to.

use std::sync::Arc;

use aftercall_domain::clock::Clock;
use aftercall_engine::store::table::account::{self, Account};
use aftercall_engine::store::{Store, Tag};
use aftercall_engine::upstream::{Credentials, Crm, Limits, Origin};
use secrecy::SecretString;

use crate::dto::AccountView;
use crate::errors::AppError;

/// The CRM with the session of an earlier run, where somebody signed in.
pub(crate) async fn restore(store: &Store, limits: &Limits, clock: &Arc<dyn Clock>) -> Result<Option<Crm>, AppError> {
    let Some(account) = store.read(account::get).await? else { return Ok(None) };
    let origin: Origin = account.url.parse()?;
    let email = account.email;
    let credentials = account.password.map(|password| Credentials { email, password });
    Ok(Some(Crm::new(origin, limits.clone(), clock.clone())?.with_session(account.cookie, credentials)))
}

/// Signs in, and keeps who did.
pub(crate) async fn sign_in(
    store: &Store,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
    (url, email): (&str, &str),
    password: SecretString,
    stay_signed_in: bool,
) -> Result<(Crm, AccountView), AppError> {
    let origin: Origin = url.parse()?;
    let crm = Crm::new(origin, limits.clone(), clock.clone())?;
    let credentials = Credentials { email: email.trim().to_owned(), password: password.clone() };
    let signed_in = crm.sign_in(credentials, stay_signed_in).await?;
    let kept = Account {
        url: crm.origin().to_string(),
        email: signed_in.email,
        name: signed_in.name,
        role: signed_in.role,
        business: signed_in.business,
        cookie: crm.session_to_keep(),
        password: stay_signed_in.then_some(password),
    };
    let shown = view(&kept);
    let written = store.write(move |tx, changes| {
        account::put(tx, &kept)?;
        changes.touch(Tag::Account);
        Ok(())
    });
    written.await?;
    Ok((crm, shown))
}

/// Who is signed in, without the secrets.
pub(crate) fn view(account: &Account) -> AccountView {
    AccountView {
        email: account.email.clone(),
        name: account.name.clone(),
        role: account.role.clone(),
        business: account.business.clone(),
        url: account.url.clone(),
    }
}
