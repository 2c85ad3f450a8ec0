//! A screen that nobody looks at.

use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::process::ChildStdout;

use super::{Environment, Program};
use crate::failure::Failure;

/// The window is 1280x800; the screen leaves it room.
const SIZE: &str = "1280x900x24";

/// A virtual display with a number of its own choice.
pub struct Screen {
    program: Program,
    number: u32,
    _output: BufReader<ChildStdout>,
}

impl Screen {
    /// Starts Xvfb on a free display.
    pub async fn open(logs: &Path) -> Result<Self, Failure> {
        // -displayfd: the server takes a free number and says which, when it is ready.
        let args = ["-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"];
        let mut program = Program::start("xvfb", Path::new("Xvfb"), &args, &[], logs, true)?;
        let (line, output) = program.first_line(Duration::from_secs(20)).await?;
        let number = line.trim().parse().map_err(|_| Failure::answer("Xvfb", format!("{line:?} is no display")))?;
        Ok(Screen { program, number, _output: output })
    }

    /// What leads a program to this screen.
    pub fn environment(&self) -> Environment {
        vec![
            ("DISPLAY", format!(":{}", self.number)),
            ("GDK_BACKEND", "x11".into()),
            ("WAYLAND_DISPLAY", String::new()),
            // No bridge to assistive tools: it would wait for a bus service that is not there.
            ("NO_AT_BRIDGE", "1".into()),
        ]
    }

    /// Takes the screen down.
    pub async fn end(self) {
        self.program.end().await;
    }
}
