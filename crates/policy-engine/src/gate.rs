//! Requests wait outside until the tables exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use service::readiness::Readiness;
use tonic::Status;

use crate::SERVICE;
use crate::status::unavailable;

/// Lets requests through once the tables exist.
#[derive(Clone)]
pub(crate) struct Gate {
    is_open: Arc<AtomicBool>,
    readiness: Readiness,
}

impl Gate {
    pub(crate) fn new(readiness: Readiness) -> Self {
        Self { is_open: Arc::default(), readiness }
    }

    /// Lets requests through from now on.
    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// # Errors
    /// UNAVAILABLE, with what the policy-engine is waiting for, before the tables exist.
    pub(crate) fn pass(&self) -> Result<(), Status> {
        if self.is_open.load(Ordering::Acquire) {
            return Ok(());
        }
        let reasons = self.readiness.reasons(SERVICE).unwrap_or_default();
        Err(unavailable(format!("the policy-engine is not ready: {}", reasons.join("; "))))
    }
}
