//! A program that runs beside the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use fixtures::Leash;

use super::eventually;

/// Ends with the test: when it is dropped, and also when the test is killed.
pub struct Process {
    child: Child,
    _leash: Leash,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// What it prints goes to files named `name` in `directory`, which is the test's own and goes with it.
    pub fn start(command: &mut Command, directory: &Path, name: &str) -> Self {
        let (stdout, stderr) = (directory.join(format!("{name}.out")), directory.join(format!("{name}.err")));
        let log = |file: &Path| File::create(file).expect("a log file");
        let child = command.stdin(Stdio::null()).stdout(log(&stdout)).stderr(log(&stderr)).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let leash = Leash::tie(&child, directory);
        Self { child, _leash: leash, stdout, stderr }
    }

    /// Sends `TERM`, `INT` or another signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "kill", name, &self.child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "the process is there to take SIG{name}");
    }

    pub fn kill9(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// The exit code; -1 after a signal.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> i32 {
        let status = eventually(deadline, || self.ended().ok_or_else(|| format!("still running: {}", self.stderr())));
        status.code().unwrap_or(-1)
    }

    /// The most memory it has had so far (Linux, `VmHWM`).
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it is running");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    pub fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.stderr.display(), last_lines(&self.stderr()));
        }
    }
}

fn last_lines(log: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
