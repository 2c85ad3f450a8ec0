//! What `cargo xtask bench stretch` runs of ours, decoding included: `stretch IN OUT.wav SPEED`.

use std::fs::File;
use std::path::Path;

use aftercall_player::offline::{RenderOptions, write_wav};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, speed] = &arguments[..] else { return Err("stretch IN OUT.wav SPEED".into()) };
    let options = RenderOptions { speed: speed.parse()?, ..RenderOptions::default() };
    write_wav(Box::new(File::open(input)?), &options, Path::new(output))?;
    Ok(())
}
