//! The audio callback takes no lock, allocates nothing and frees nothing, whatever goes on behind it. A program of its
//! own, because the allocator that watches is the whole program's.

use std::sync::Arc;

use aftercall_player::render::Render;
use aftercall_player::ring::{BLOCK_FRAMES, Block, LANES, Link, ring};
use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};

#[global_allocator]
static WATCHED: AllocDisabler = AllocDisabler;

const RATE_HZ: u32 = 48_000;

/// How often memory was asked for, or given back, meanwhile.
fn touches(work: impl FnOnce()) -> u32 {
    let before = violation_count();
    assert_no_alloc(work);
    violation_count() - before
}

fn block(epoch: u64, last: bool) -> Block {
    Block {
        epoch,
        media_us: 1e6,
        us_per_frame: 1e6 / f64::from(RATE_HZ),
        frames: BLOCK_FRAMES,
        last,
        samples: [0.5; BLOCK_FRAMES * LANES],
    }
}

#[test]
fn the_watch_sees_what_it_is_there_for() {
    assert!(touches(|| drop(vec![0_u8; 64])) > 0);
    assert_eq!(touches(|| ()), 0);
}

#[test]
fn the_callback_never_touches_the_heap_whatever_goes_on_behind_it() {
    let (mut producer, consumer) = ring(RATE_HZ);
    let link = Arc::new(Link::new());
    let mut render = Render::new(consumer, Arc::clone(&link), RATE_HZ);
    let mut out = vec![0.0_f32; 6 * 4_096];
    let mut touched = 0;
    let mut epoch = 1;
    link.set_epoch(epoch);
    // A thousand periods: sound, pause, seeks with full and empty rings, volume, ends, underruns; 1, 2 and 6 channels.
    for n in 0..1_000_usize {
        match n % 10 {
            0 => link.set_running(true),
            3 => link.set_volume((n % 7) as f32 / 7.0),
            5 => link.set_running(false),
            7 => {
                epoch += 1;
                link.set_epoch(epoch);
            }
            _ => {}
        }
        for k in 0..n % 23 {
            // A full ring is no fault here: what does not fit comes later, or never.
            let _ = producer.push(block(epoch, k == 22));
        }
        let channels = [1, 2, 6][n % 3];
        let frames = [64, 480, 2_880, 4_096][n % 4];
        touched += touches(|| {
            render.give(&mut out[..frames * channels], channels);
            render.heard_up_to(frames as u64 / 2);
        });
    }
    assert_eq!(touched, 0);
    assert!(link.frames() > 100_000 && link.underruns() > 0, "it did play, and it did run dry");
}

#[test]
fn the_callback_knows_nothing_that_locks_waits_or_logs() {
    let watched = [("render", include_str!("../src/render.rs")), ("ring", include_str!("../src/ring.rs"))];
    for (name, text) in watched {
        let body = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = body.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for word in ["Mutex", "RwLock", "Condvar", "mpsc", "park", "tracing", "println", "Box", "Vec", "String"] {
            assert!(!code.contains(word), "{name}.rs names {word}");
        }
    }
}
