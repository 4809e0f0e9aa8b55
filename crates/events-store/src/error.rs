//! Why the store did not do what was asked.

use bus::BusError;
use database::DatabaseError;
use service::door::DoorError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
