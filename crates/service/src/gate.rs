//! Requests wait outside until the tables exist.

use std::sync::{Arc, OnceLock};

use tonic::Status;

use crate::grpc_status::unavailable;
use crate::readiness::Readiness;

/// Lets requests through to what they work on, once that exists. Clones are the same gate.
#[derive(Clone)]
pub struct Gate<T> {
    inside: Arc<OnceLock<T>>,
    readiness: Readiness,
    service: &'static str,
}

impl<T> Gate<T> {
    /// A shut gate. What the `service` is waiting for is read in `readiness`.
    pub fn new(readiness: Readiness, service: &'static str) -> Self {
        Self { inside: Arc::default(), readiness, service }
    }

    /// Lets requests through from now on. A second time changes nothing.
    pub fn open(&self, inside: T) {
        // Opened once, by the one who prepared the tables.
        let _ = self.inside.set(inside);
    }

    /// # Errors
    /// UNAVAILABLE, with what the service is waiting for, before it is open.
    pub fn pass(&self) -> Result<&T, Status> {
        self.inside.get().ok_or_else(|| {
            let reasons = self.readiness.reasons(self.service).unwrap_or_default();
            unavailable(format!("the {} is not ready: {}", self.service, reasons.join("; ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn whoever_comes_too_early_is_told_what_is_waited_for() {
        let readiness = Readiness::default();
        let latch = readiness.service("store", &["database"]);
        latch.fails("database", "connection refused");
        let gate = Gate::new(readiness, "store");
        let status = gate.pass().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "the store is not ready: database: connection refused");
        gate.open(7);
        assert_eq!(gate.pass().unwrap(), &7);
    }
}
