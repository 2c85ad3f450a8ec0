//! The app over a sandbox in this process, with the key in a file.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure here is a failed test")]

mod call_page;
mod contract;
mod doctor;
mod export;
mod leaving;
mod listening;
mod lists;
mod locking;
mod notes;
mod player;
mod protocol;
mod starting;
mod storage;
mod syncing;
mod twilio;
mod world;
