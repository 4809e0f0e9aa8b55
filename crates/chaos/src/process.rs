//! A process of ours.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};

use crate::leash::Leash;

/// Ends when it is dropped, and also when this program is killed.
pub struct Process {
    child: Child,
    leash: Option<Leash>,
}

impl Process {
    /// What it prints is added to the file `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file: File = file.with_context(|| format!("cannot open `{}`", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let leash = Some(Leash::to_process(child.id())?);
        Ok(Self { child, leash })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill9(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.leash = None;
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Sends `STOP`, `CONT` or another signal to a process that we started and have not waited for, so that its number is
/// still its own.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "kill", name, &pid.to_string()]).status()?;
    ensure!(status.success(), "the process {pid} takes no SIG{name}");
    Ok(())
}
