//! Waiting as long as something happens: how fast it does depends on the machine, whether it does must not.

use std::time::Duration;

use tokio::time::Instant;

/// Ends when nothing has happened for a while.
pub struct Patience {
    lasts: Duration,
    /// The best that was seen so far.
    best: Option<u64>,
    since: Instant,
}

impl Patience {
    /// Lasts so long from now on, and from each step on.
    pub fn new(lasts: Duration) -> Self {
        Self { lasts, best: None, since: Instant::now() }
    }

    /// What is left to do: less than ever before is a step.
    pub fn note(&mut self, left: u64) {
        if self.best.is_none_or(|best| left < best) {
            self.best = Some(left);
            self.since = Instant::now();
        }
    }

    pub fn is_over(&self) -> bool {
        self.since.elapsed() > self.lasts
    }
}
