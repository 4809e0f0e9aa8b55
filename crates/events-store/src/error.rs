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
