//! Waiting for what must come, with a deadline.

use std::time::Duration;

/// Longer than anything takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Looks until `look` sees something.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}
