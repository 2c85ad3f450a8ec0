//! Who is signed in, and the CRM that they are signed in to.

use std::sync::Arc;

use aftercall_domain::clock::Clock;
use aftercall_engine::store::table::account::{self, Account};
use aftercall_engine::store::table::{health, profile};
use aftercall_engine::store::{Connection, Store, StoreError, Tag};
use aftercall_engine::upstream::{Credentials, Crm, Limits, Origin};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::dto::AccountView;
use crate::errors::AppError;
use crate::offline;

/// The CRM with the session of an earlier run, where somebody signed in.
pub(crate) async fn restore(store: &Store, limits: &Limits, clock: &Arc<dyn Clock>) -> Result<Option<Crm>, AppError> {
    let Some(account) = store.read(account::get).await? else { return Ok(None) };
    let origin: Origin = account.url.parse()?;
    let email = account.email;
    let credentials = account.password.map(|password| Credentials { email, password });
    Ok(Some(Crm::new(origin, limits.clone(), clock.clone())?.with_session(account.cookie, credentials)))
}

/// Asks the CRM to sign somebody in. Nothing is kept yet.
pub(crate) async fn ask(
    store: &Store,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
    (url, email): (&str, &str),
    password: SecretString,
    stay_signed_in: bool,
) -> Result<(Crm, Account), AppError> {
    let origin: Origin = url.parse()?;
    let email = email.trim().to_owned();
    let typed = Owner { url: origin.to_string(), email: email.clone() };
    if !store.read(move |conn| may_own(conn, &typed)).await? {
        return Err(AppError::OtherAccount);
    }
    let crm = Crm::new(origin, limits.clone(), clock.clone())?;
    let credentials = Credentials { email, password: password.clone() };
    let signed_in = crm.sign_in(credentials, stay_signed_in).await?;
    let account = Account {
        url: crm.origin().to_string(),
        email: signed_in.email,
        name: signed_in.name,
        role: signed_in.role,
        business: signed_in.business,
        cookie: crm.session_to_keep(),
        password: stay_signed_in.then_some(password),
    };
    Ok((crm, account))
}

/// Keeps who signed in, and whose profile it is from now on.
pub(crate) async fn keep(store: &Store, account: Account, now_ms: i64) -> Result<(), AppError> {
    let owner = Owner { url: account.url.clone(), email: account.email.clone() };
    let kept = store.write(move |tx, changes| {
        // The server's own word for who that is decides.
        if !may_own(tx, &owner)? {
            return Ok(false);
        }
        account::put(tx, &account)?;
        profile::set(tx, OWNER, &owner)?;
        offline::asked(tx, now_ms)?;
        changes.touch(Tag::Account);
        Ok(true)
    });
    if kept.await? { Ok(()) } else { Err(AppError::OtherAccount) }
}

/// Whose library a profile holds. Kept when they sign out, because the library is.
#[derive(Serialize, Deserialize)]
struct Owner {
    url: String,
    email: String,
}

const OWNER: &str = "owner";

/// A second account is a second profile, unless nothing of the first is here. Profiles without an owner are older than
/// this rule: who is signed in is it.
fn may_own(conn: &Connection, candidate: &Owner) -> Result<bool, StoreError> {
    let owner = match profile::get::<Owner>(conn, OWNER)? {
        Some(owner) => Some(owner),
        None => account::get(conn)?.map(|account| Owner { url: account.url, email: account.email }),
    };
    let Some(owner) = owner else { return Ok(true) };
    let same = owner.url == candidate.url && owner.email.to_lowercase() == candidate.email.to_lowercase();
    Ok(same || health::is_bare(conn)?)
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
