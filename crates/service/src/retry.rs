//! Waiting between tries of what will work again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

/// The first wait is about this long.
const LEAST: Duration = Duration::from_millis(100);
/// No wait is much longer.
const MOST: Duration = Duration::from_secs(5);

/// Growing waits with jitter, without an end: for a peer that will be back at some time.
pub struct Waits(ExponentialBackoff);

impl Default for Waits {
    fn default() -> Self {
        let builder = ExponentialBuilder::default().with_min_delay(LEAST).with_max_delay(MOST);
        Self(builder.with_jitter().without_max_times().build())
    }
}

impl Waits {
    /// Waits, longer than the time before, unless told to stop. Returns whether it was told to.
    pub async fn pause(&mut self, stop: &CancellationToken) -> bool {
        let wait = self.0.next().unwrap_or(MOST);
        tokio::time::timeout(wait, stop.cancelled()).await.is_ok()
    }

    /// Begins anew with short waits.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
