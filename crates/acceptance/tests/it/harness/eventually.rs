//! Waiting for what will be so.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes that works, on a machine that does other things too.
pub const DEADLINE: Duration = Duration::from_mins(3);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within `deadline`: with what was said last.
#[track_caller]
pub fn eventually<T>(deadline: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + deadline;
    let mut pause = Duration::from_millis(2);
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) => assert!(Instant::now() < end, "not within {} s: {reason}", deadline.as_secs()),
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// For [`eventually`]: an answer once `condition` is so.
pub fn holds(condition: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(reason()) }
}
