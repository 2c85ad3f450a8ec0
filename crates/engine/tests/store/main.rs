//! The library on disk: old files, damaged files, other people's files, and what is asked of a sound one.

mod frozen;
mod lists;
mod loading;
mod place;
mod rotation;
mod sealed;
mod searching;
mod secrets;
mod upgrade;
mod vault;
