//! One process of our own programs, and what it takes to start it again.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::disk::Disk;
use crate::own_clock::OwnClock;
use crate::process::Process;
use crate::target::Target;

/// Lines of a log that are shown.
const LAST_LINES: usize = 6;

/// Ends when it is dropped.
pub struct Member {
    pub target: Target,
    command: Command,
    log: PathBuf,
    process: Option<Process>,
    /// Its data lies on a disk of its own where a fault is to fill it or have it hang. Dropped after the process.
    pub disk: Option<Disk>,
    /// Where a fault is to set it back.
    pub clock: Option<OwnClock>,
}

impl Drop for Member {
    fn drop(&mut self) {
        // A process that writes to a disk that hangs cannot be killed.
        self.disk.iter().for_each(Disk::recover);
    }
}

impl Member {
    pub fn new(
        target: Target,
        command: Command,
        directory: &Path,
        disk: Option<Disk>,
        clock: Option<OwnClock>,
    ) -> Self {
        Self { target, command, log: directory.join(format!("{target}.log")), process: None, disk, clock }
    }

    pub fn start(&mut self) -> Result<()> {
        if self.process.is_none() {
            self.process = Some(Process::start(&mut self.command, &self.log)?);
        }
        Ok(())
    }

    pub fn kill9(&mut self) {
        self.process = None;
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// How it ended, if it has ended by itself; it can be started again then.
    pub fn take_death(&mut self) -> Result<Option<String>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let Some(status) = process.ended()? else { return Ok(None) };
        self.process = None;
        Ok(Some(format!("{} ended by itself with {status}: {}", self.target, self.last_lines())))
    }

    pub fn last_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}
