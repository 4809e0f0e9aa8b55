//! Requests wait outside until the tables exist.

use std::sync::{Arc, OnceLock};

use service::readiness::Readiness;
use tonic::Status;

use crate::status::unavailable;
use crate::{EventsTable, SERVICE};

/// Lets requests through to the table once it exists.
#[derive(Clone)]
pub struct Gate {
    table: Arc<OnceLock<EventsTable>>,
    readiness: Readiness,
}

impl Gate {
    pub fn new(readiness: Readiness) -> Self {
        Self { table: Arc::default(), readiness }
    }

    /// Lets requests through from now on.
    pub fn open(&self, table: EventsTable) {
        // Opened once, by the one who prepared the table.
        let _ = self.table.set(table);
    }

    /// # Errors
    /// UNAVAILABLE, with what the store is waiting for, before the table exists.
    pub fn table(&self) -> Result<&EventsTable, Status> {
        self.table.get().ok_or_else(|| {
            let reasons = self.readiness.reasons(SERVICE).unwrap_or_default();
            unavailable(format!("the events-store is not ready: {}", reasons.join("; ")))
        })
    }
}
