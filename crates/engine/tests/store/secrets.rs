//! The root key: found, made over nothing, never made over data.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aftercall_domain::error::Code;
use aftercall_engine::secrets::{
    KeyChoice, SecretsError, destroy_root_key, destroy_root_key_in, open_root_key, open_root_key_in,
};
use keyring_core::{CredentialStore, mock};
use secrecy::SecretString;

use crate::place::folder;

fn chain() -> Arc<CredentialStore> {
    mock::Store::new().expect("a mock keychain")
}

type Opened = Result<aftercall_engine::secrets::RootKey, SecretsError>;

fn with_chain(folder: &Path, store: &Arc<CredentialStore>) -> Opened {
    open_root_key_in(folder, &KeyChoice::Keychain, &|| Ok(store.clone()))
}

fn without_chain(folder: &Path, choice: &KeyChoice) -> Opened {
    open_root_key_in(folder, choice, &|| Err(SecretsError::NoKeychain))
}

fn passphrase(text: &str) -> KeyChoice {
    KeyChoice::Passphrase(SecretString::from(text))
}

fn bytes_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
    files.map(|path| (path.display().to_string(), fs::read(&path).expect("bytes"))).collect()
}

fn populate(folder: &Path) {
    fs::write(folder.join("library.db"), b"sealed with the old key").expect("data");
}

/// Debug says nothing of a key, so tell keys apart by what they seal: the same database key opens the same file.
fn same(a: &aftercall_engine::secrets::RootKey, b: &aftercall_engine::secrets::RootKey) -> bool {
    let folder = folder();
    let path = folder.path().join("probe.db");
    let clock = aftercall_domain::clock::ManualClock::at(1);
    drop(aftercall_engine::store::Store::open(&path, &a.db_key(), &clock).expect("a library"));
    aftercall_engine::store::Store::open(&path, &b.db_key(), &clock).is_ok()
}

#[test]
fn the_same_key_comes_back_from_each_place() {
    let store = chain();
    let by_chain = folder();
    let first = with_chain(by_chain.path(), &store).expect("made");
    populate(by_chain.path());
    assert!(same(&first, &with_chain(by_chain.path(), &store).expect("found")));

    let by_file = folder();
    let choice = KeyChoice::File(by_file.path().join("key"));
    let first = without_chain(by_file.path(), &choice).expect("made");
    let text = fs::read_to_string(by_file.path().join("key")).expect("file");
    assert!(text.len() == 65 && text.ends_with('\n') && text.trim_end().bytes().all(|b| b.is_ascii_hexdigit()));
    populate(by_file.path());
    assert!(same(&first, &without_chain(by_file.path(), &choice).expect("found")));

    let by_words = folder();
    let first = without_chain(by_words.path(), &passphrase("סוס סוללה סיכה")).expect("made");
    populate(by_words.path());
    assert!(same(&first, &without_chain(by_words.path(), &passphrase("סוס סוללה סיכה")).expect("found")));
    assert!(!same(&first, &without_chain(by_file.path(), &choice).expect("found")));
}

#[test]
fn two_profiles_in_one_keychain_have_two_keys() {
    let (store, one, two) = (chain(), folder(), folder());
    let first = with_chain(one.path(), &store).expect("made");
    let second = with_chain(two.path(), &store).expect("made");
    assert!(!same(&first, &second));
}

#[test]
fn over_data_no_key_is_ever_made_and_no_byte_changes() {
    let keys = folder();
    let write_key = |name: &str, text: &str| {
        let path = keys.path().join(name);
        fs::write(&path, text).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        }
        KeyChoice::File(path)
    };
    let wrong = write_key("wrong", &format!("{}\n", "ab".repeat(32)));
    let nonsense = write_key("nonsense", "not a key\n");
    let absent = KeyChoice::File(keys.path().join("absent"));
    let empty_chain = chain();

    type Attempt<'a> = Box<dyn Fn(&Path) -> Opened + 'a>;
    let attempts: Vec<(&str, Code, Attempt<'_>)> = vec![
        ("keychain without entry", Code::KeyLost, Box::new(|dir| with_chain(dir, &empty_chain))),
        ("no keychain", Code::NoKeychain, Box::new(|dir| without_chain(dir, &KeyChoice::Keychain))),
        ("wrong key file", Code::KeyLost, Box::new(|dir| without_chain(dir, &wrong))),
        ("key file of nonsense", Code::InvalidInput, Box::new(|dir| without_chain(dir, &nonsense))),
        ("absent key file", Code::KeyLost, Box::new(|dir| without_chain(dir, &absent))),
        ("wrong passphrase", Code::KeyLost, Box::new(|dir| without_chain(dir, &passphrase("אחר")))),
    ];
    for (name, code, attempt) in &attempts {
        // Sealed with a key of each kind before.
        let (by_chain, by_file, by_words) = (folder(), folder(), folder());
        with_chain(by_chain.path(), &chain()).expect("made");
        without_chain(by_file.path(), &KeyChoice::File(by_file.path().join("key"))).expect("made");
        without_chain(by_words.path(), &passphrase("נכון")).expect("made");
        for profile in [&by_chain, &by_file, &by_words] {
            populate(profile.path());
            let before = bytes_of(profile.path());
            assert_eq!(attempt(profile.path()).expect_err(name).code(), *code, "{name}");
            assert_eq!(bytes_of(profile.path()), before, "{name}");
        }
    }
    assert!(!keys.path().join("absent").exists());
}

#[test]
fn over_nothing_a_key_is_made_only_where_it_can_be_kept() {
    let (fresh, keys) = (folder(), folder());
    let refused = without_chain(fresh.path(), &KeyChoice::Keychain).expect_err("no keychain");
    assert_eq!(refused.code(), Code::NoKeychain);
    assert!(bytes_of(fresh.path()).is_empty(), "a refusal leaves nothing behind");

    let store = chain();
    with_chain(fresh.path(), &store).expect("made in the keychain");
    let path = keys.path().join("key");
    without_chain(folder().path(), &KeyChoice::File(path.clone())).expect("made in a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
        let open = without_chain(folder().path(), &KeyChoice::File(path.clone())).expect_err("readable by others");
        assert!(matches!(open, SecretsError::KeyFileIsOpen));
    }
}

/// Fails its next call on the entry of every profile, like a keychain that is locked.
#[derive(Debug)]
struct Locked;

impl keyring_core::api::CredentialStoreApi for Locked {
    fn vendor(&self) -> String {
        "test".into()
    }
    fn id(&self) -> String {
        "locked".into()
    }
    fn build(
        &self,
        _: &str,
        _: &str,
        _: Option<&std::collections::HashMap<&str, &str>>,
    ) -> keyring_core::Result<keyring_core::Entry> {
        Err(keyring_core::Error::NoStorageAccess("locked".into()))
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Locked")
    }
}

#[test]
fn a_locked_keychain_is_waited_for_and_never_taken_for_an_empty_one() {
    let (store, profile) = (chain(), folder());
    let first = with_chain(profile.path(), &store).expect("made");
    populate(profile.path());
    let before = bytes_of(profile.path());
    let locked: Arc<CredentialStore> = Arc::new(Locked);
    assert_eq!(with_chain(profile.path(), &locked).expect_err("locked").code(), Code::NoKeychain);
    assert_eq!(bytes_of(profile.path()), before);
    assert!(same(&first, &with_chain(profile.path(), &store).expect("unlocked")));
    let fresh = folder();
    assert_eq!(with_chain(fresh.path(), &locked).expect_err("locked").code(), Code::NoKeychain);
    assert!(bytes_of(fresh.path()).is_empty());
}

#[test]
fn data_without_its_marker_is_a_lost_key() {
    let profile = folder();
    populate(profile.path());
    let before = bytes_of(profile.path());
    assert_eq!(with_chain(profile.path(), &chain()).expect_err("no marker").code(), Code::KeyLost);
    assert_eq!(bytes_of(profile.path()), before);
    fs::write(profile.path().join("profile.json"), b"{\"format\": 9}").expect("a later marker");
    assert_eq!(with_chain(profile.path(), &chain()).expect_err("newer").code(), Code::StoreTooNew);
    fs::write(profile.path().join("profile.json"), b"{").expect("a torn marker");
    assert_eq!(with_chain(profile.path(), &chain()).expect_err("torn").code(), Code::StoreDamaged);
}

/// Where a desktop's keychain answers (the end-to-end run unlocks one), it is used from within an async runtime, as
/// the app does; where none answers, that is said, and nothing is left behind.
#[tokio::test]
async fn the_platforms_keychain_can_be_asked_from_an_async_runtime() {
    let profile = folder();
    match open_root_key(profile.path(), &KeyChoice::Keychain) {
        Ok(first) => {
            populate(profile.path());
            let second = open_root_key(profile.path(), &KeyChoice::Keychain).expect("found");
            assert!(tokio::task::spawn_blocking(move || same(&first, &second)).await.expect("compared"));
        }
        Err(refused) => {
            assert_eq!(refused.code(), Code::NoKeychain);
            assert!(bytes_of(profile.path()).is_empty());
        }
    }
}

#[test]
fn a_destroyed_key_is_gone_from_each_place_and_what_it_sealed_is_never_opened_again() {
    let store = chain();
    let by_chain = folder();
    let first = with_chain(by_chain.path(), &store).expect("made");
    populate(by_chain.path());
    let destroyed = destroy_root_key_in(by_chain.path(), &KeyChoice::Keychain, &|| Ok(store.clone()));
    destroyed.expect("destroyed");
    assert!(matches!(with_chain(by_chain.path(), &store), Err(SecretsError::KeyLost)));
    fs::remove_file(by_chain.path().join("library.db")).expect("removed");
    assert!(!same(&first, &with_chain(by_chain.path(), &store).expect("made anew")));

    let by_file = folder();
    let path = by_file.path().join("key");
    let choice = KeyChoice::File(path.clone());
    let profile = by_file.path().join("profile");
    fs::create_dir(&profile).expect("a folder");
    open_root_key(&profile, &choice).expect("made");
    destroy_root_key(&profile, &choice).expect("destroyed");
    assert!(!path.exists());
    destroy_root_key(&profile, &choice).expect("twice is as good as once");

    let by_passphrase = folder();
    let before = open_root_key(by_passphrase.path(), &passphrase("a long one")).expect("made");
    destroy_root_key(by_passphrase.path(), &passphrase("a long one")).expect("destroyed");
    let after = open_root_key(by_passphrase.path(), &passphrase("a long one")).expect("made anew");
    assert!(!same(&before, &after), "the salt went with the marker");
}

#[test]
fn a_locked_keychain_destroys_nothing_and_a_file_that_is_no_key_stays() {
    let store = chain();
    let place = folder();
    with_chain(place.path(), &store).expect("made");
    populate(place.path());
    let before = bytes_of(place.path());
    let locked = destroy_root_key_in(place.path(), &KeyChoice::Keychain, &|| Err(SecretsError::NoKeychain));
    assert!(matches!(locked, Err(SecretsError::NoKeychain)));
    assert_eq!(bytes_of(place.path()), before);
    with_chain(place.path(), &store).expect("still there");

    let letter = place.path().join("letter.txt");
    fs::write(&letter, "dear friend").expect("a file");
    #[cfg(unix)]
    fs::set_permissions(&letter, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mode");
    assert!(destroy_root_key(place.path(), &KeyChoice::File(letter.clone())).is_err());
    assert_eq!(fs::read_to_string(letter).expect("bytes"), "dear friend");
}
