//! What can be set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bus::BusError;
use event::{Clock, SystemClock};

/// The seam promises that an ID is known for two minutes.
pub const DEDUPE_WINDOW_MIN: Duration = Duration::from_mins(2);
const MAX_BYTES_DEFAULT: u64 = 4 * 1024 * 1024 * 1024;
const MAX_AGE_DEFAULT: Duration = Duration::from_hours(21 * 24);
const PATIENCE_DEFAULT: Duration = Duration::from_hours(1);
/// Below this, one full group of messages would not fit.
const MAX_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// How the bus keeps its messages.
#[derive(Clone)]
pub struct LocalBusConfig {
    /// Most bytes of the file in use; over it, publishing is refused as full until consumers catch up. The file itself
    /// can be larger by what was freed and not yet given back.
    pub max_bytes: u64,
    /// A message that some consumer has not settled at this age is put aside. By the clock, so a machine that was off for
    /// long counts it too.
    pub max_age: Duration,
    /// For so long, by this process's own time, a message must be too old before it is put aside: a clock that jumps
    /// ahead is set right meanwhile.
    pub patience: Duration,
    /// Consumers that are going to be opened, however late. One that is in the file and neither opened nor expected is
    /// absent: its place is kept only as long as what it holds back is in nobody's way.
    pub expected: Vec<String>,
    /// How long an ID is remembered after its message was settled by every consumer.
    pub dedupe_window: Duration,
    pub clock: Arc<dyn Clock>,
}

impl LocalBusConfig {
    pub(crate) fn check(&self) -> Result<(), BusError> {
        if self.dedupe_window < DEDUPE_WINDOW_MIN {
            return Err(BusError::Misconfigured(format!(
                "dedupe_window: expected at least {DEDUPE_WINDOW_MIN:?}, got {:?}",
                self.dedupe_window
            )));
        }
        if self.max_age < self.dedupe_window {
            return Err(BusError::Misconfigured(format!(
                "max_age: expected at least the dedupe window of {:?}, got {:?}",
                self.dedupe_window, self.max_age
            )));
        }
        if self.max_bytes < MAX_BYTES_MIN {
            return Err(BusError::Misconfigured(format!(
                "max_bytes: expected at least {MAX_BYTES_MIN}, got {}",
                self.max_bytes
            )));
        }
        Ok(())
    }
}

impl Default for LocalBusConfig {
    fn default() -> Self {
        Self {
            max_bytes: MAX_BYTES_DEFAULT,
            max_age: MAX_AGE_DEFAULT,
            patience: PATIENCE_DEFAULT,
            expected: Vec::new(),
            dedupe_window: DEDUPE_WINDOW_MIN,
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for LocalBusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBusConfig")
            .field("max_bytes", &self.max_bytes)
            .field("max_age", &self.max_age)
            .field("expected", &self.expected)
            .field("dedupe_window", &self.dedupe_window)
            .finish_non_exhaustive()
    }
}
