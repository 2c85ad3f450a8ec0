//! From the CRM into the library and the vault, against the sandbox over real connections.

mod breaker;
mod fetching;
mod profile;
mod session;
mod syncing;
