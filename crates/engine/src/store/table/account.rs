//! Who is signed in, with the secrets of it. Safe here because the database is sealed.

use rusqlite::{Connection, OptionalExtension as _};
use secrecy::{ExposeSecret, SecretString};

use crate::store::StoreError;

/// The CRM account of this profile.
#[derive(Debug, Clone)]
pub struct Account {
    /// The CRM's address: credentials are for this origin only.
    pub url: String,
    /// E-mail.
    pub email: String,
    /// The person's name in the CRM.
    pub name: String,
    /// Role in the CRM.
    pub role: String,
    /// The company.
    pub business: String,
    /// The newest session cookie.
    pub cookie: Option<SecretString>,
    /// The password, where the person wants to stay signed in.
    pub password: Option<SecretString>,
}

/// The CRM account, if somebody signed in.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection) -> Result<Option<Account>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT url, email, name, role, business, cookie, password FROM account WHERE source = 'crm'",
    )?;
    let found = statement.query_row([], |row| {
        Ok(Account {
            url: row.get(0)?,
            email: row.get(1)?,
            name: row.get(2)?,
            role: row.get(3)?,
            business: row.get(4)?,
            cookie: row.get::<_, Option<String>>(5)?.map(SecretString::from),
            password: row.get::<_, Option<String>>(6)?.map(SecretString::from),
        })
    });
    Ok(found.optional()?)
}

/// Signs in: replaces whoever was.
///
/// # Errors
/// SQLite's.
pub fn put(conn: &Connection, account: &Account) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO account (source, url, email, name, role, business, cookie, password)
         VALUES ('crm', ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        &account.url,
        &account.email,
        &account.name,
        &account.role,
        &account.business,
        account.cookie.as_ref().map(ExposeSecret::expose_secret),
        account.password.as_ref().map(ExposeSecret::expose_secret),
    ))?;
    Ok(())
}

/// Keeps the newest cookie of the CRM at `url`, or none when the session ended. Where somebody has signed in elsewhere
/// meanwhile nothing is written: one server's cookie must never be sent to another.
///
/// # Errors
/// SQLite's.
pub fn set_cookie(conn: &Connection, url: &str, cookie: Option<&SecretString>) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE account SET cookie = ?2 WHERE source = 'crm' AND url = ?1")?
        .execute((url, cookie.map(ExposeSecret::expose_secret)))?;
    Ok(())
}

/// Forgets a kept password that the CRM at `url` refused. One that somebody typed meanwhile stays.
///
/// # Errors
/// SQLite's.
pub fn forget_password(conn: &Connection, url: &str, refused: &SecretString) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE account SET password = NULL WHERE source = 'crm' AND url = ?1 AND password = ?2")?
        .execute((url, refused.expose_secret()))?;
    Ok(())
}

/// Keeps the role that the CRM at `url` says this person has now.
///
/// # Errors
/// SQLite's.
pub fn set_role(conn: &Connection, url: &str, role: &str) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE account SET role = ?2 WHERE source = 'crm' AND url = ?1")?.execute((url, role))?;
    Ok(())
}

/// Signs out of every source, and forgets the private keys of encrypted recordings.
///
/// # Errors
/// SQLite's.
pub fn clear(conn: &Connection) -> Result<(), StoreError> {
    conn.execute("DELETE FROM account", [])?;
    conn.execute("DELETE FROM twilio_keys", [])?;
    Ok(())
}
