//! From the CRM into the library and the vault, against the sandbox over real connections.

mod bad_sound;
mod breaker;
mod fetching;
mod lead_pages;
mod outbox;
mod profile;
mod quirks;
mod raw;
mod repair;
mod resuming;
mod retention;
mod schedule;
mod session;
mod sweep;
mod syncing;
mod transcripts;
