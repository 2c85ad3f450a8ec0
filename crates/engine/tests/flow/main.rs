//! From the CRM into the library and the vault, against the sandbox over real connections.

mod breaker;
mod fetching;
mod profile;
mod quirks;
mod schedule;
mod session;
mod sweep;
mod syncing;
mod transcripts;
