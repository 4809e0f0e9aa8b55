//! Waiting for what must come, with a deadline.

use std::time::Duration;

/// Longer than anything takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Looks at `condition` until it holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let looking = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, looking).await.is_ok(), "in vain: {what}");
}
