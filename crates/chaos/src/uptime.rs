//! Time that nobody sets back, and that two processes share.

use std::time::Duration;

use anyhow::{Context, Result};

/// Since the machine was started.
pub fn uptime() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").context("cannot read `/proc/uptime`")?;
    let seconds = text.split(' ').next().and_then(|seconds| seconds.parse().ok());
    seconds.map(Duration::from_secs_f64).context("`/proc/uptime` begins with no number")
}
