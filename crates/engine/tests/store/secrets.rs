//! The root key: found, made over nothing, never made over data.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aftercall_domain::error::Code;
use aftercall_engine::secrets::{
    KeyChoice, KeyPlace, NewPlace, RootKey, SecretsError, choose_place, describe, destroy_root_key,
    destroy_root_key_in, move_root_key_in, open_root_key, open_root_key_in, tidy_in,
};
use keyring_core::{CredentialStore, mock};
use secrecy::SecretString;

use crate::place::folder;

fn chain() -> Arc<CredentialStore> {
    mock::Store::new().expect("a mock keychain")
}

type Opened = Result<aftercall_engine::secrets::RootKey, SecretsError>;

fn with_chain(folder: &Path, store: &Arc<CredentialStore>) -> Opened {
    open_root_key_in(folder, &KeyChoice::OfProfile, &|| Ok(store.clone()))
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
    // What is answered where the key lay in the keychain, in a file, under a passphrase.
    let attempts: Vec<(&str, [Code; 3], Attempt<'_>)> = vec![
        (
            "keychain without entry",
            [Code::KeyLost, Code::KeyLost, Code::Locked],
            Box::new(|dir| with_chain(dir, &empty_chain)),
        ),
        (
            "no keychain",
            [Code::NoKeychain, Code::NoKeychain, Code::Locked],
            Box::new(|dir| without_chain(dir, &KeyChoice::OfProfile)),
        ),
        ("wrong key file", [Code::KeyLost; 3], Box::new(|dir| without_chain(dir, &wrong))),
        ("key file of nonsense", [Code::InvalidInput; 3], Box::new(|dir| without_chain(dir, &nonsense))),
        (
            "absent key file",
            [Code::NoKeychain, Code::KeyLost, Code::Locked],
            Box::new(|dir| without_chain(dir, &absent)),
        ),
        (
            "wrong passphrase",
            [Code::KeyLost, Code::KeyLost, Code::WrongPassword],
            Box::new(|dir| without_chain(dir, &passphrase("אחר"))),
        ),
    ];
    for (name, codes, attempt) in &attempts {
        // Sealed with a key of each kind before.
        let (by_chain, by_file, by_words) = (folder(), folder(), folder());
        with_chain(by_chain.path(), &chain()).expect("made");
        without_chain(by_file.path(), &KeyChoice::File(by_file.path().join("key"))).expect("made");
        without_chain(by_words.path(), &passphrase("נכון")).expect("made");
        for (profile, code) in [&by_chain, &by_file, &by_words].into_iter().zip(codes) {
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
    let refused = without_chain(fresh.path(), &KeyChoice::OfProfile).expect_err("no keychain");
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

/// A keychain that is there, and whose every entry fails like this.
#[derive(Debug)]
struct Failing {
    entries: Arc<CredentialStore>,
    how: fn() -> keyring_core::Error,
}

impl keyring_core::api::CredentialStoreApi for Failing {
    fn vendor(&self) -> String {
        "test".into()
    }
    fn id(&self) -> String {
        "failing".into()
    }
    fn build(
        &self,
        service: &str,
        user: &str,
        modifiers: Option<&std::collections::HashMap<&str, &str>>,
    ) -> keyring_core::Result<keyring_core::Entry> {
        let entry = self.entries.build(service, user, modifiers)?;
        entry.as_any().downcast_ref::<mock::Cred>().expect("a mock entry").set_error((self.how)());
        Ok(entry)
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failing")
    }
}

fn failing(entries: &Arc<CredentialStore>, how: fn() -> keyring_core::Error) -> Arc<CredentialStore> {
    Arc::new(Failing { entries: entries.clone(), how })
}

fn locked(entries: &Arc<CredentialStore>) -> Arc<CredentialStore> {
    failing(entries, || keyring_core::Error::NoStorageAccess("locked".into()))
}

/// Six ways in which a keychain fails, each over a profile that holds nothing and over one that holds data.
#[test]
fn six_failures_of_the_keychain_over_nothing_and_over_data_change_no_byte_of_the_data() {
    use keyring_core::Error;
    type How = Option<fn() -> Error>;
    let failures: [(&str, How, Option<Code>, Code); 6] = [
        ("there is none", None, Some(Code::NoKeychain), Code::NoKeychain),
        ("it fails", Some(|| Error::PlatformFailure("gone".into())), Some(Code::NoKeychain), Code::NoKeychain),
        ("it is locked", Some(|| Error::NoStorageAccess("locked".into())), Some(Code::NoKeychain), Code::NoKeychain),
        ("it has no entry", Some(|| Error::NoEntry), None, Code::KeyLost),
        ("its entry is torn", Some(|| Error::BadEncoding(vec![255])), Some(Code::NoKeychain), Code::NoKeychain),
        ("it has two entries", Some(|| Error::Ambiguous(Vec::new())), Some(Code::NoKeychain), Code::NoKeychain),
    ];
    for (name, how, over_nothing, over_data) in failures {
        let store = chain();
        let ask = |dir: &Path| match how {
            // A new key can be kept where the entry is only absent.
            Some(how) if over_nothing.is_some() || dir.join("library.db").exists() => {
                with_chain(dir, &failing(&store, how))
            }
            Some(_) => with_chain(dir, &store),
            None => without_chain(dir, &KeyChoice::OfProfile),
        };
        let fresh = folder();
        let answer = ask(fresh.path());
        assert_eq!(answer.as_ref().err().map(SecretsError::code), over_nothing, "{name}, over nothing");
        assert_eq!(bytes_of(fresh.path()).is_empty(), over_nothing.is_some(), "{name}, over nothing");

        let populated = folder();
        let first = with_chain(populated.path(), &store).expect("made");
        populate(populated.path());
        let before = bytes_of(populated.path());
        assert_eq!(ask(populated.path()).expect_err(name).code(), over_data, "{name}, over data");
        assert_eq!(bytes_of(populated.path()), before, "{name}, over data");
        let found = with_chain(populated.path(), &store).expect("the keychain works again");
        assert!(same(&first, &found), "{name}: the key was left alone");
    }
}

#[test]
fn a_locked_keychain_is_waited_for_and_never_taken_for_an_empty_one() {
    let (store, profile) = (chain(), folder());
    let first = with_chain(profile.path(), &store).expect("made");
    populate(profile.path());
    let before = bytes_of(profile.path());
    let locked = locked(&chain());
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
    match open_root_key(profile.path(), &KeyChoice::OfProfile) {
        Ok(first) => {
            populate(profile.path());
            let second = open_root_key(profile.path(), &KeyChoice::OfProfile).expect("found");
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
    let destroyed = destroy_root_key_in(by_chain.path(), &KeyChoice::OfProfile, &|| Ok(store.clone()));
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
    let locked = destroy_root_key_in(place.path(), &KeyChoice::OfProfile, &|| Err(SecretsError::NoKeychain));
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

fn place(dir: &Path) -> KeyPlace {
    describe(dir).expect("described").place.expect("a place")
}

/// The key goes round all places and stays the same; where it was before, nothing is left of it.
#[test]
fn a_key_moves_from_place_to_place_stays_the_same_and_leaves_no_copy_behind() {
    let (store, profile, keys) = (chain(), folder(), folder());
    let open = |choice: &KeyChoice| open_root_key_in(profile.path(), choice, &|| Ok(store.clone()));
    let move_to = |choice: &KeyChoice, key: &RootKey, to: NewPlace| {
        move_root_key_in(profile.path(), choice, key, &to, &|| Ok(store.clone()))
    };
    let words = |text: &str| NewPlace::Passphrase(SecretString::from(text));
    let of_profile = KeyChoice::OfProfile;
    let key = open(&of_profile).expect("made");
    populate(profile.path());

    move_to(&of_profile, &key, words("סוס סוללה סיכה")).expect("under a passphrase");
    assert_eq!(place(profile.path()), KeyPlace::Passphrase);
    assert_eq!(open(&of_profile).expect_err("nobody said it").code(), Code::Locked);
    assert_eq!(open(&passphrase("סוס סוללה סיבה")).expect_err("another").code(), Code::WrongPassword);
    assert!(same(&key, &open(&passphrase("סוס סוללה סיכה")).expect("opened")));

    move_to(&of_profile, &key, words("another one altogether")).expect("another passphrase");
    assert_eq!(open(&passphrase("סוס סוללה סיכה")).expect_err("the former").code(), Code::WrongPassword);
    assert!(same(&key, &open(&passphrase("another one altogether")).expect("opened")));

    let file = keys.path().join("folder/root.key");
    move_to(&of_profile, &key, NewPlace::File(file.clone())).expect("into a file");
    assert_eq!(place(profile.path()), KeyPlace::File);
    assert_eq!(open(&passphrase("another one altogether")).expect_err("no passphrase any more").code(), Code::KeyLost);
    assert!(same(&key, &open(&of_profile).expect("opened")));

    move_to(&of_profile, &key, NewPlace::Keychain).expect("into the keychain");
    assert_eq!((place(profile.path()), file.exists()), (KeyPlace::Keychain, false));
    assert!(same(&key, &open(&of_profile).expect("opened")));

    // A passphrase may not be guessed at once, and a stranger's key changes nothing.
    let before = bytes_of(profile.path());
    assert_eq!(move_to(&of_profile, &key, words("short")).expect_err("weak").code(), Code::InvalidInput);
    let stranger = with_chain(folder().path(), &chain()).expect("another profile's");
    assert_eq!(move_to(&of_profile, &stranger, words("long enough")).expect_err("a stranger's").code(), Code::KeyLost);
    assert_eq!(bytes_of(profile.path()), before);

    move_to(&of_profile, &key, words("long enough")).expect("under a passphrase");
    let text = fs::read_to_string(profile.path().join("profile.json")).expect("the marker");
    assert!(text.contains("memory_kib") && !text.contains("long enough"));
    let empty = open_root_key_in(profile.path(), &of_profile, &|| Ok(store.clone()));
    assert_eq!(empty.expect_err("nothing is left in the keychain").code(), Code::Locked);
    fs::write(profile.path().join("profile.json"), text.replace("\"passphrase\"", "\"keychain\"")).expect("a marker");
    assert_eq!(open(&of_profile).expect_err("no entry").code(), Code::KeyLost);
}

#[test]
fn a_keychain_that_fails_while_the_key_moves_into_it_leaves_the_key_where_it_was() {
    let (store, profile) = (chain(), folder());
    let key = without_chain(profile.path(), &passphrase("a long one")).expect("made");
    populate(profile.path());
    for failing_chain in [locked(&store), failing(&store, || keyring_core::Error::PlatformFailure("gone".into()))] {
        let moved = move_root_key_in(profile.path(), &KeyChoice::OfProfile, &key, &NewPlace::Keychain, &|| {
            Ok(failing_chain.clone())
        });
        assert_eq!(moved.expect_err("it fails").code(), Code::NoKeychain);
        assert!(same(&key, &without_chain(profile.path(), &passphrase("a long one")).expect("as before")));
    }
}

#[test]
fn a_copy_that_could_not_be_removed_is_named_and_removed_at_a_later_start() {
    let (store, profile) = (chain(), folder());
    let key = with_chain(profile.path(), &store).expect("made");
    populate(profile.path());
    let closed = locked(&store);
    let words = NewPlace::Passphrase(SecretString::from("a long one"));
    move_root_key_in(profile.path(), &KeyChoice::OfProfile, &key, &words, &|| Ok(closed.clone())).expect("moved");
    assert!(describe(profile.path()).expect("described").has_leftovers);
    tidy_in(profile.path(), &|| Ok(closed.clone())).expect("still closed");
    assert!(describe(profile.path()).expect("described").has_leftovers);
    tidy_in(profile.path(), &|| Ok(store.clone())).expect("open again");
    assert!(!describe(profile.path()).expect("described").has_leftovers);
    let marker = profile.path().join("profile.json");
    let text = fs::read_to_string(&marker).expect("the marker");
    fs::write(&marker, text.replace("\"passphrase\"", "\"keychain\"")).expect("a marker");
    assert_eq!(with_chain(profile.path(), &store).expect_err("nothing is left there").code(), Code::KeyLost);
}

#[test]
fn a_profile_whose_passphrase_made_the_key_itself_is_still_opened() {
    let profile = folder();
    // As version 0.1.0 wrote it before there were envelopes: Argon2id of "a long one" with this salt is the key.
    fs::write(profile.path().join("profile.json"), include_str!("profile-1.json")).expect("a marker of format 1");
    populate(profile.path());
    without_chain(profile.path(), &passphrase("a long one")).expect("opened");
    let wrong = without_chain(profile.path(), &passphrase("a long two")).expect_err("another");
    assert_eq!(wrong.code(), Code::WrongPassword);
    let key = without_chain(profile.path(), &passphrase("a long one")).expect("opened");
    let words = NewPlace::Passphrase(SecretString::from("a new long one"));
    move_root_key_in(profile.path(), &KeyChoice::OfProfile, &key, &words, &|| Err(SecretsError::NoKeychain))
        .expect("changed");
    assert!(same(&key, &without_chain(profile.path(), &passphrase("a new long one")).expect("opened")));
}

#[test]
fn a_place_is_chosen_for_a_profile_that_holds_nothing_and_is_then_found_without_being_named() {
    let (by_file, by_words, keys) = (folder(), folder(), folder());
    let path = keys.path().join("root.key");
    let key = choose_place(by_file.path(), &NewPlace::File(path.clone())).expect("a file");
    populate(by_file.path());
    assert!(same(&key, &without_chain(by_file.path(), &KeyChoice::OfProfile).expect("found")));

    let weak = choose_place(by_words.path(), &NewPlace::Passphrase(SecretString::from("short")));
    assert_eq!(weak.expect_err("weak").code(), Code::InvalidInput);
    assert!(bytes_of(by_words.path()).is_empty());
    choose_place(by_words.path(), &NewPlace::Passphrase(SecretString::from("long enough"))).expect("a passphrase");
    populate(by_words.path());
    assert_eq!(without_chain(by_words.path(), &KeyChoice::OfProfile).expect_err("locked").code(), Code::Locked);

    let before = bytes_of(by_words.path());
    let over_data = choose_place(by_words.path(), &NewPlace::File(keys.path().join("other.key")));
    assert_eq!(over_data.expect_err("there is data").code(), Code::KeyLost);
    assert_eq!(bytes_of(by_words.path()), before);
}
