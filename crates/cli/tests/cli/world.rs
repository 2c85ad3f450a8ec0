//! A sandbox in this process, a profile, and the program itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aftercall_sandbox::{Options, Sandbox, Script};
use serde_json::Value;
use tokio::runtime::Runtime;

pub struct World {
    pub runtime: Runtime,
    pub sandbox: Option<Sandbox>,
    pub folder: tempfile::TempDir,
}

/// What a run of the program left.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("not one object: {:?} {:?}", self.stdout, self.stderr))
    }

    /// The answer of a run that went well.
    pub fn ok(&self) -> Value {
        assert_eq!(self.code, 0, "{} {}", self.stdout, self.stderr);
        self.json()
    }

    /// The code of one that did not.
    pub fn error(&self) -> String {
        assert_eq!(self.code, 1, "{} {}", self.stdout, self.stderr);
        let error = &self.json()["error"];
        assert!(!error["message"].as_str().unwrap().contains('\n'));
        error["code"].as_str().unwrap().to_owned()
    }
}

impl World {
    pub fn new(options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        Self { runtime, sandbox: Some(sandbox), folder: tempfile::tempdir().unwrap() }
    }

    pub fn small() -> Self {
        Self::new(Options { calls: 60, leads: 12, prepare_polls: 0, ..Options::default() })
    }

    pub fn with_script(script: &str) -> Self {
        let script = Script::parse(script).unwrap();
        Self::new(Options { calls: 60, leads: 12, prepare_polls: 0, script, ..Options::default() })
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn profile(&self) -> PathBuf {
        self.path("profile")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall-cli"));
        command
            .args(arguments)
            .arg("--profile")
            .arg(self.profile())
            .env("AFTERCALL_KEY_FILE", self.path("root.key"))
            .env_remove("AFTERCALL_PASSPHRASE")
            .env_remove("AFTERCALL_PASSWORD")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with `--json`.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).arg("--json").output().unwrap())
    }

    /// Runs it for a person.
    pub fn told(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    pub fn login_with(&self, password: &str) -> Ran {
        let ready = self.sandbox().ready();
        let mut child = self
            .command(&["login", "crm", "--url", &ready.url, "--email", &ready.email, "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        ran(child.wait_with_output().unwrap())
    }

    pub fn login(&self) -> Value {
        self.login_with(&self.sandbox().ready().password.clone()).ok()
    }

    /// Signed in and synced.
    pub fn synced(self) -> Self {
        self.login();
        self.run(&["sync"]).ok();
        self
    }

    pub fn call_with(&self, file: &str) -> (String, String) {
        let recordings = &self.sandbox().ready().recordings;
        let found = recordings.iter().find(|one| one.file == file).expect("a call with that file");
        (found.call_sid.clone(), found.sha256.clone())
    }

    pub fn call(&self, ordinal: usize) -> String {
        self.sandbox().ready().recordings[ordinal].call_sid.clone()
    }
}

pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The keys of an object, so that a field more or less is seen.
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
