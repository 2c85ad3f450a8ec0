//! The design's pictures, and ours of the same screens beside them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::{paths, run};

/// Puts a picture of the window, and the design's of the same screen in the same size, into `target/e2e/design`.
pub fn pair(name: &str, window: &Path) -> Result<(), Failure> {
    let results = paths::results("e2e/design")?;
    let window_copy = results.join(format!("{name}.window.png"));
    std::fs::copy(window, &window_copy).map_err(|e| Failure::file(window, e))?;
    let Some(design) = design_of(name) else { return Ok(()) };
    let mut shrink = Command::new("ffmpeg");
    shrink.args(["-v", "error", "-y", "-i"]).arg(design).args(["-vf", "scale=1280:800:flags=area"]);
    shrink.arg(results.join(format!("{name}.design.png")));
    run::output(&mut shrink).map(drop)
}

/// The design's pictures lie beside the repository, not in it; where they are not, the window's stand alone.
fn design_of(name: &str) -> Option<PathBuf> {
    let picture = paths::root().join("../shared/design").join(format!("{name}.png"));
    picture.exists().then_some(picture)
}
