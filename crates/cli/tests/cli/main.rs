//! The command line as outsiders see it: its JSON, its exit codes, and what bad input leaves behind.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure here is a failed test")]

mod arguments;
mod bad_input;
mod campaigns;
mod canaries;
mod databases;
mod doctor;
mod hostile;
mod keys;
mod leaving;
mod notes;
#[cfg(unix)]
mod private;
mod recordings;
mod records;
mod storage;
mod twilio;
mod world;
