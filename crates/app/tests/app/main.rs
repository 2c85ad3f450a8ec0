//! The app over a sandbox in this process, with the key in a file.

mod contract;
mod listening;
mod protocol;
mod starting;
mod syncing;
mod world;
