//! Twilio into the library and the vault, against the sandbox over real connections. By itself, because it keeps a
//! machine busy, and what runs by the clock beside it would be late.

mod drips;
#[path = "../flow/profile.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod profile;
mod upstream;
