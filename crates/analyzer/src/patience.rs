//! Waiting for the database, however long it is away.

use database::{Database, DatabaseError};
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::Migrator;

/// Conditions of the service's readiness.
pub const BUS: &str = "bus";
pub const DATABASE: &str = "database";

/// Tries until the database is there. `None` when told to stop, else what the database has said for good.
pub async fn patiently<T, F>(
    latch: &Latch,
    stop: &CancellationToken,
    attempt: impl Fn() -> F,
) -> Option<Result<T, DatabaseError>>
where
    F: Future<Output = Result<T, DatabaseError>>,
{
    let mut waits = Waits::default();
    loop {
        match attempt().await {
            Err(error) if error.is_transient() => {
                latch.fails(DATABASE, error.chain());
                if waits.pause(stop).await {
                    return None;
                }
            }
            said => {
                latch.holds(DATABASE);
                return Some(said);
            }
        }
    }
}

/// Makes the tables, or waits for them. Told to stop, it returns without.
///
/// # Errors
/// What can never work: a schema of a newer release, or tables that were tampered with.
pub async fn prepare(
    database: &Database,
    migrate: bool,
    latch: &Latch,
    stop: &CancellationToken,
) -> Result<(), DatabaseError> {
    let Some(prepared) = patiently(latch, stop, || database.prepare::<Migrator>(migrate)).await else { return Ok(()) };
    prepared.inspect(|()| info!("the analyzer's tables are ready"))
}
