//! From the CRM into the library and the vault, against the sandbox over real connections.

mod fetching;
mod profile;
mod session;
mod syncing;
