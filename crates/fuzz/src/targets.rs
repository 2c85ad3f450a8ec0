//! What is fed hostile bytes, from which seeds, and which rule must hold.

mod sealed;
mod sound;
mod words;

/// One reader of hostile bytes.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Good inputs and known bad ones.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads the input. Panics where a rule breaks.
    pub judge: fn(&[u8]),
    /// Longer inputs are cut.
    pub bytes_max: usize,
    /// So many inputs a second of CPU time, at least, in an optimised build.
    pub floor_per_s: Option<u32>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "range", seeds: words::range_seeds, judge: words::range, bytes_max: 6_000, floor_per_s: None },
    Target { name: "sealed", seeds: sealed::seeds, judge: sealed::judge, bytes_max: 300_000, floor_per_s: None },
    Target { name: "pages", seeds: words::page_seeds, judge: words::pages, bytes_max: 200_000, floor_per_s: None },
    Target {
        name: "mp3",
        seeds: sound::mp3_seeds,
        judge: sound::scanned,
        bytes_max: 40_000,
        floor_per_s: Some(20_000),
    },
    Target {
        name: "wav",
        seeds: sound::wav_seeds,
        judge: sound::scanned,
        bytes_max: 40_000,
        floor_per_s: Some(20_000),
    },
    Target { name: "link", seeds: words::link_seeds, judge: words::link, bytes_max: 700, floor_per_s: None },
    Target {
        name: "retry-after",
        seeds: words::retry_after_seeds,
        judge: words::retry_after,
        bytes_max: 300,
        floor_per_s: None,
    },
    Target {
        name: "decode",
        seeds: sound::decode_seeds,
        judge: sound::decoded,
        bytes_max: 40_000,
        floor_per_s: Some(20_000),
    },
];
