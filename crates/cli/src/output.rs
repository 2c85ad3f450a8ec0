//! Standard output is the answer, standard error is everything else.

use std::io::Write as _;
use std::process::ExitCode;

use aftercall_app::errors::AppError;
use aftercall_domain::error::Code;
use serde::Serialize;
use serde_json::{Value, json};

/// Why a command ended with 1.
pub struct Failure {
    /// The word for scripts.
    pub code: Code,
    /// One line for people.
    pub message: String,
    /// What was had nevertheless; the error is added to it.
    pub partly: Option<Value>,
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self { code: error.code(), message: one_line(&error.to_string()), partly: None }
    }
}

impl Failure {
    /// An argument that cannot be meant, found after the arguments were read.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: Code::InvalidInput, message: message.into(), partly: None }
    }
}

/// How to answer.
#[derive(Clone, Copy)]
pub struct Output {
    /// One JSON object instead of words.
    pub json: bool,
}

impl Output {
    /// Prints the answer: the object, or what `human` makes of it.
    pub fn answer<T: Serialize>(self, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string(value).map_err(|_| Failure {
                code: Code::Internal,
                message: "the answer could not be written as JSON".into(),
                partly: None,
            })?
        } else {
            human(value)
        };
        print(&text);
        Ok(())
    }

    /// Tells what went wrong.
    pub fn failed(self, failure: &Failure) -> ExitCode {
        if self.json {
            let mut object = failure.partly.clone().unwrap_or_else(|| json!({}));
            object["error"] = json!({ "code": failure.code, "message": failure.message });
            print(&object.to_string());
        } else {
            eprintln!("{}", failure.message);
        }
        ExitCode::FAILURE
    }
}

fn print(text: &str) {
    // A reader that went away (`| head`) is no failure of ours.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
