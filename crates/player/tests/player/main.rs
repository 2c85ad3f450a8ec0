//! What the player promises, on real recordings: exact to the sample, the same live as in a file, and safe.

mod arriving;
mod devices;
mod exact;
mod formats;
mod hostile;
mod level;
mod live;
mod signal;
mod skipping;
mod speed;
mod support;
mod turns;
