//! The key of a profile, by script: no choice is made silently, and none loses anything.

use std::process::Command;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_aftercall-cli");

struct Profile(tempfile::TempDir);

impl Profile {
    fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> (bool, Value) {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--json").arg("--profile").arg(self.0.path().join("profile"));
        // No desktop: nobody answers for a keychain.
        for name in ["AFTERCALL_KEY_FILE", "AFTERCALL_PASSPHRASE", "DBUS_SESSION_BUS_ADDRESS"] {
            command.env_remove(name);
        }
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").envs(variables.iter().copied());
        let output = command.output().unwrap();
        (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    fn code(&self, variables: &[(&str, &str)], arguments: &[&str]) -> String {
        let (done, answer) = self.run(variables, arguments);
        assert!(!done, "{answer}");
        answer["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

const WORDS: (&str, &str) = ("AFTERCALL_PASSPHRASE", "a long one");

#[cfg(target_os = "linux")]
#[test]
fn a_passphrase_is_set_asked_for_changed_and_the_key_is_changed_under_it() {
    let profile = Profile(tempfile::tempdir().unwrap());
    assert_eq!(profile.code(&[], &["calls"]), "no_keychain", "nothing is chosen silently");
    assert!(profile.run(&[WORDS], &["calls"]).0);
    assert_eq!(profile.run(&[], &["key", "show"]).1["place"], "passphrase");
    assert_eq!(profile.code(&[], &["calls"]), "locked");
    assert_eq!(profile.code(&[("AFTERCALL_PASSPHRASE", "a long two")], &["calls"]), "wrong_password");
    assert!(profile.run(&[WORDS], &["key", "rotate"]).0);
    assert!(profile.run(&[WORDS], &["calls"]).0);

    let new = ("AFTERCALL_NEW_PASSPHRASE", "another long one");
    assert_eq!(profile.code(&[WORDS, ("AFTERCALL_NEW_PASSPHRASE", "short")], &["key", "passphrase"]), "invalid_input");
    assert!(profile.run(&[WORDS, new], &["key", "passphrase"]).0);
    assert_eq!(profile.code(&[WORDS], &["calls"]), "wrong_password");
    let words = ("AFTERCALL_PASSPHRASE", "another long one");
    assert_eq!(profile.code(&[words], &["key", "keychain"]), "no_keychain");
    assert!(profile.run(&[words], &["calls"]).0, "it stayed where it was");

    let file = profile.0.path().join("root.key").display().to_string();
    assert_eq!(profile.run(&[words], &["key", "file", &file]).1["place"], "file");
    assert!(profile.run(&[], &["calls"]).0, "the profile names the file that was chosen");
    assert_eq!(profile.code(&[], &["key", "anew"]), "invalid_input", "it opens");
    std::fs::rename(&file, format!("{file}.gone")).unwrap();
    assert_eq!(profile.code(&[], &["calls"]), "key_lost");
    let aside = profile.run(&[], &["key", "anew"]).1["aside"].as_str().unwrap().to_owned();
    assert!(std::path::Path::new(&aside).join("library.db").exists());
    assert_eq!(profile.code(&[], &["calls"]), "no_keychain", "and again nothing is chosen silently");
}
