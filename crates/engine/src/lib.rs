//! Durable work: the library on disk, the recordings, and what fetches them.
//!
//! `store` and `upstream` do not know each other; `sync` joins them for records, `queue` (with `vault`) for recordings,
//! `outbox` for what a person writes. `retention` says what stays of the recordings; `rotation` puts another root key in
//! the place of the one that sealed all of it.

mod chance;
pub mod outbox;
pub mod queue;
pub mod retention;
pub mod rotation;
pub mod secrets;
pub mod store;
pub mod sync;
pub mod upstream;
pub mod vault;
