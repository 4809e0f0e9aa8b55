//! How far a long deletion has come, for somebody who watches.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Deletions that are shorter show nothing.
const QUIET_TIME: Duration = Duration::from_secs(2);

pub struct Progress {
    started_at: Instant,
    is_watched: bool,
    is_shown: bool,
}

impl Progress {
    pub fn start() -> Self {
        Self { started_at: Instant::now(), is_watched: std::io::stderr().is_terminal(), is_shown: false }
    }

    pub fn show(&mut self, deleted: i64) {
        if self.is_watched && self.started_at.elapsed() > QUIET_TIME {
            eprint!("\rdeleting, {deleted} events so far");
            self.is_shown = true;
        }
    }

    /// Takes the line away again.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            eprint!("\r\x1b[K");
        }
    }
}
