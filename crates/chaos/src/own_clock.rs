//! A clock of its own for a process, which can be set back: libfaketime, where it is installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

/// Where Debian's package `faketime` has it, below the directory of the architecture.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const LIBRARIES: &str = "/usr/lib";
/// How often a process looks whether its clock was set, in seconds.
const LOOK_SECONDS: &str = "1";

pub struct OwnClock {
    /// What the process reads its offset from.
    file: PathBuf,
}

impl OwnClock {
    /// Has the process that `command` starts read its clock from `file`. Its own measure of time stays as it is.
    ///
    /// # Errors
    /// Where the library is not installed.
    pub fn give_to(command: &mut Command, file: PathBuf) -> Result<Self> {
        let library = find_library().context("libfaketime is not installed: on Debian the package `faketime`")?;
        let clock = Self { file };
        clock.set_back(Duration::ZERO)?;
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", &clock.file)
            .env("FAKETIME_CACHE_DURATION", LOOK_SECONDS)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        Ok(clock)
    }

    /// By this much, from the time of the machine; zero sets it right again.
    pub fn set_back(&self, by: Duration) -> Result<()> {
        let offset = if by.is_zero() { "+0".to_owned() } else { format!("-{}", by.as_secs()) };
        std::fs::write(&self.file, offset + "\n").with_context(|| format!("cannot write `{}`", self.file.display()))
    }
}

fn find_library() -> Option<PathBuf> {
    let architectures = std::fs::read_dir(LIBRARIES).ok()?.flatten();
    let mut libraries = architectures.map(|directory| directory.path().join(LIBRARY));
    libraries.find(|library| Path::is_file(library))
}
