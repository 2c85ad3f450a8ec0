//! The command line as outsiders see it: its JSON, its exit codes, and what bad input leaves behind.

mod bad_input;
mod databases;
mod recordings;
mod records;
mod world;
