//! Settings and the profile's own random keys.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::secrets::random;
use crate::store::StoreError;

const NAME_MAC: &str = "name_mac";

/// A setting, or null when it was never set (or another version wrote what this one cannot read).
///
/// # Errors
/// SQLite's.
pub fn get<T: DeserializeOwned>(conn: &Connection, key: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = conn
        .prepare_cached("SELECT value FROM profile WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Sets it.
///
/// # Errors
/// SQLite's; `BadValue` for what is not JSON.
pub fn set(conn: &Connection, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_string(value).map_err(|_| StoreError::BadValue("a setting that is not JSON"))?;
    conn.prepare_cached("INSERT OR REPLACE INTO profile (key, value) VALUES (?1, ?2)")?.execute((key, text))?;
    Ok(())
}

/// Forgets it.
///
/// # Errors
/// SQLite's.
pub fn remove(conn: &Connection, key: &str) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM profile WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// The key that makes file names. Random and kept here, so that a new root key renames no file.
///
/// # Errors
/// SQLite's; `BadValue` when it is not there.
pub fn name_mac(conn: &Connection) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let text: Zeroizing<String> =
        Zeroizing::new(get(conn, NAME_MAC)?.ok_or(StoreError::BadValue("the key of file names"))?);
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.as_str(), key.as_mut_slice())
        .map_err(|_| StoreError::BadValue("the key of file names"))?;
    Ok(key)
}

/// Makes the key of file names, once.
pub(crate) fn ensure_name_mac(conn: &Connection) -> Result<(), StoreError> {
    let key = random::<32>().map_err(|_| StoreError::Internal)?;
    let text = Zeroizing::new(format!("\"{}\"", hex::encode(key.as_slice())));
    conn.execute("INSERT OR IGNORE INTO profile (key, value) VALUES (?1, ?2)", (NAME_MAC, text.as_str()))?;
    Ok(())
}
