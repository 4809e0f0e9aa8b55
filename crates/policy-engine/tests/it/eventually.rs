//! Waiting for what must come, with a deadline.

use std::time::Duration;

/// Longer than anything takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Looks at `condition` until it holds.
pub async fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(DEADLINE, what, condition).await;
}

pub async fn eventually_within(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let looking = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(deadline, looking).await.is_ok(), "in vain: {what}");
}
