//! Requests wait outside until the tables exist.

use std::sync::{Arc, OnceLock};

use service::readiness::Readiness;
use tonic::Status;

use crate::SERVICE;
use crate::images::Images;
use crate::status::unavailable;

/// Lets requests through to the tables once they exist.
#[derive(Clone)]
pub struct Gate {
    images: Arc<OnceLock<Images>>,
    readiness: Readiness,
}

impl Gate {
    pub fn new(readiness: Readiness) -> Self {
        Self { images: Arc::default(), readiness }
    }

    /// Lets requests through from now on.
    pub fn open(&self, images: Images) {
        // Opened once, by the one who prepared the tables.
        let _ = self.images.set(images);
    }

    /// # Errors
    /// UNAVAILABLE, with what the analyzer is waiting for, before the tables exist.
    pub fn images(&self) -> Result<&Images, Status> {
        self.images.get().ok_or_else(|| {
            let reasons = self.readiness.reasons(SERVICE).unwrap_or_default();
            unavailable(format!("the analyzer is not ready: {}", reasons.join("; ")))
        })
    }
}
