//! Running other programs, visibly.

use std::ffi::OsStr;
use std::process;

use anyhow::{Context, Result, bail};

/// Says what comes next: long work shows progress.
pub fn step(name: &str) {
    eprintln!("\n=== {name}");
}

/// A program to run, with what it prints passed through.
pub struct Command(process::Command);

impl Command {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self(process::Command::new(program))
    }

    /// The cargo that runs this task.
    pub fn cargo<const N: usize>(arguments: [&str; N]) -> Self {
        Self::new(env!("CARGO")).with(&arguments)
    }

    pub fn with(mut self, arguments: &[impl AsRef<OsStr>]) -> Self {
        self.0.args(arguments);
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// # Errors
    /// A program that cannot be started, or does not end well.
    pub fn run(mut self) -> Result<()> {
        let line = format!("{:?}", self.0);
        let status = self.0.status().with_context(|| format!("cannot start {line}"))?;
        if !status.success() {
            bail!("{line} ended with {status}");
        }
        Ok(())
    }
}
