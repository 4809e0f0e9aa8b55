//! Running other programs, visibly.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{self, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Says what comes next: long work shows progress.
pub fn step(name: &str) {
    eprintln!("\n=== {name}");
}

/// How the variables begin by which cargo tells a program about its own package.
const OF_THE_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// A program to run, with what it prints passed through.
pub struct Command(process::Command);

impl Command {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self(process::Command::new(program))
    }

    /// The cargo that runs this task, as if called by hand: what the outer cargo says about the package `xtask` would have
    /// `ring`, and all that stands on it, built anew whenever the two take turns.
    pub fn cargo<const N: usize>(arguments: [&str; N]) -> Self {
        let mut command = Self::new(env!("CARGO")).with(&arguments);
        for (name, _) in std::env::vars_os() {
            if OF_THE_PACKAGE.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.0.env_remove(name);
            }
        }
        command
    }

    pub fn with(mut self, arguments: &[impl AsRef<OsStr>]) -> Self {
        self.0.args(arguments);
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// As one would type it.
    fn line(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }

    /// # Errors
    /// A program that cannot be started, or does not end well.
    pub fn run(mut self) -> Result<()> {
        let line = self.line();
        let status = self.0.status().with_context(|| format!("cannot start {line}"))?;
        well_ended(&line, status)
    }

    /// Whether it can be started and ends well; nothing that it prints is shown.
    pub fn succeeds(mut self) -> bool {
        let status = self.0.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Like [`Command::run`], and looks at each line of standard output as it passes.
    pub fn run_with_each_line(mut self, mut look: impl FnMut(&str)) -> Result<()> {
        let line = self.line();
        let mut process = self.0.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {line}"))?;
        let output = process.stdout.take().context("standard output is a pipe")?;
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes)? > 0 {
            std::io::stdout().write_all(&bytes)?;
            look(&String::from_utf8_lossy(&bytes));
            bytes.clear();
        }
        well_ended(&line, process.wait()?)
    }
}

fn well_ended(line: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}
