//! The queue in virtual time: days of outage, crashes, sleeps and clocks that are set, in seconds. What is judged is the
//! real runner over real rows and the real gate; only time and the server's answers are made up. Every figure is
//! printed: `cargo xtask campaign queue`.

mod days;
mod seeds;
mod stops;
mod traces;
mod world;

/// Seeds of the long forms: a few in every run of the tests, `AFTERCALL_SEEDS` of them in the campaign.
fn seeds(few: u64) -> u64 {
    std::env::var("AFTERCALL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(few)
}
