//! Plays a recording on the default device, as the app would: `cargo run --example play -- FILE [SPEED] [FROM_MS]`.

use std::fs::File;
use std::sync::mpsc::channel;

use aftercall_player::{OutputChoice, Phase, Player};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = File::open(arguments.next().ok_or("which file?")?)?;
    let speed: f64 = arguments.next().map_or(Ok(1.0), |speed| speed.parse())?;
    let from_ms: i64 = arguments.next().map_or(Ok(0), |ms| ms.parse())?;
    let (told, tells) = channel();
    // The receiver lives as long as the player.
    let on_status = Box::new(move |status| drop(told.send(status)));
    let player = Player::start(OutputChoice::Device, on_status);
    player.set_speed(speed);
    player.load(Box::new(file), from_ms, true);
    for status in tells {
        println!("{status:?}");
        if matches!(status.phase, Phase::Ended | Phase::Failed(_)) {
            break;
        }
    }
    // What was given to the device is still on its way to the ear.
    std::thread::park_timeout(std::time::Duration::from_millis(300));
    println!("{:?}", player.status());
    Ok(())
}
