//! The account at Twilio of this profile: signing in, and going on with it.

use std::sync::Arc;

use aftercall_domain::clock::Clock;
use aftercall_domain::ids::Source;
use aftercall_engine::store::table::twilio::{self, TwilioAccount};
use aftercall_engine::store::{Store, Tag};
use aftercall_engine::upstream::{Limits, PrivateKey, Twilio, TwilioCredentials, check_private_key, twilio_origin};
use secrecy::SecretString;

use crate::errors::AppError;
use crate::report::TwilioSignedIn;

/// What somebody signs in to Twilio with.
#[derive(Clone)]
pub struct TwilioSignIn {
    /// `AC…`.
    pub account: String,
    /// `SK…`, or the account's sid again where its token is the secret.
    pub key: String,
    /// The key's secret, or the token.
    pub secret: SecretString,
    /// The API's address, where it is not Twilio's default: a region's, or a stand-in on this computer.
    pub base_url: Option<String>,
    /// Private keys of encrypted recordings: `CR…` and PEM.
    pub recording_keys: Vec<(String, SecretString)>,
}

fn client(
    account: &TwilioAccount,
    keys: Vec<(String, SecretString)>,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
) -> Result<Twilio, AppError> {
    let credentials = TwilioCredentials::new(&account.account, &account.user, account.secret.clone())?;
    let keys = keys.into_iter().map(|(sid, pem)| PrivateKey { sid, pem }).collect();
    Ok(Twilio::new(twilio_origin(Some(&account.url))?, credentials, keys, limits.clone(), clock.clone())?)
}

/// Twilio as of an earlier run, where somebody signed in.
pub(crate) async fn restore(
    store: &Store,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Twilio>, AppError> {
    let kept = store.read(|conn| Ok((twilio::account(conn)?, twilio::keys(conn)?)));
    match kept.await? {
        (Some(account), keys) => Ok(Some(client(&account, keys, limits, clock)?)),
        (None, _) => Ok(None),
    }
}

/// Signs in with one question, and keeps who did, sealed.
pub(crate) async fn sign_in(
    store: &Store,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
    ask: TwilioSignIn,
) -> Result<(Twilio, TwilioSignedIn), AppError> {
    for (sid, pem) in &ask.recording_keys {
        let is_sid = sid.len() == 34 && sid.starts_with("CR") && sid[2..].bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_sid || check_private_key(pem).is_err() {
            return Err(AppError::InvalidInput(
                "a recording key is CR… and an RSA private key in PEM (PKCS#1 or PKCS#8, without a passphrase)",
            ));
        }
    }
    let origin = twilio_origin(ask.base_url.as_deref())?;
    let account = TwilioAccount {
        url: origin.to_string(),
        account: ask.account.trim().to_owned(),
        user: ask.key.trim().to_owned(),
        secret: ask.secret,
    };
    client(&account, Vec::new(), limits, clock)?.check().await?;
    let (kept, new_keys) = (account.clone(), ask.recording_keys);
    let written = store.write(move |tx, changes| {
        twilio::put_account(tx, &kept)?;
        for (sid, pem) in &new_keys {
            twilio::put_key(tx, sid, pem)?;
        }
        changes.touch(Tag::Account);
        twilio::keys(tx)
    });
    let keys = written.await?;
    let twilio = client(&account, keys, limits, clock)?;
    Ok((twilio, TwilioSignedIn { source: Source::Twilio, account: account.account }))
}
