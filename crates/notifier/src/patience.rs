//! Trying until the database is there.

use database::DatabaseError;
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Conditions of the service's readiness.
pub const BUS: &str = "bus";
pub const DATABASE: &str = "database";

/// Whoever waits for the database, and says so.
#[derive(Clone)]
pub struct Patience {
    pub latch: Latch,
    pub stop: CancellationToken,
}

impl Patience {
    /// Tries until it is done, however long the database is away. What it has refused for good is logged and tried again
    /// too: there is nothing better to do with it, and `what` names it. `None` when told to stop.
    pub async fn wait_for<T, F>(&self, what: &str, attempt: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, DatabaseError>>,
    {
        let mut waits = Waits::default();
        loop {
            match attempt().await {
                Ok(done) => {
                    self.latch.holds(DATABASE);
                    return Some(done);
                }
                Err(error) => {
                    if !error.is_transient() {
                        error!(error = error.chain(), "the database refused: {what}");
                    }
                    self.latch.fails(DATABASE, error.chain());
                }
            }
            if waits.pause(&self.stop).await {
                return None;
            }
        }
    }
}
