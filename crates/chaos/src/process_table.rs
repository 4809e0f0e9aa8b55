//! Finding the processes that the fixtures started for us: they keep the numbers to themselves, and a fault needs them.

use std::path::Path;

use anyhow::{Context, Result};

/// The child of this program that runs `program` and was started with `argument`.
///
/// Only children are looked at, so no process of anybody else is ever hit.
pub fn child(program: &str, argument: &str) -> Result<u32> {
    let own = std::process::id();
    let found = pids().into_iter().find(|pid| parent(*pid) == Some(own) && runs(*pid, program, argument));
    found.with_context(|| format!("no child of ours is a `{program}` with `{argument}`"))
}

/// `pid` and its children, such as the sessions of a PostgreSQL server.
pub fn with_children(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    all.extend(pids().into_iter().filter(|other| parent(*other) == Some(pid)));
    all
}

/// Whether a process has ended and only waits to be asked about it.
pub fn has_ended(pid: u32) -> bool {
    status(pid).is_none_or(|status| status.lines().any(|line| line.starts_with("State:\tZ")))
}

fn pids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn status(pid: u32) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()
}

fn parent(pid: u32) -> Option<u32> {
    status(pid)?.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

fn runs(pid: u32, program: &str, argument: &str) -> bool {
    let line = std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0);
    let is_program = words.next().is_some_and(|word| word.ends_with(program.as_bytes()));
    is_program && words.any(|word| word == argument.as_bytes())
}
