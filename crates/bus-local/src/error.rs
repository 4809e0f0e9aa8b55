//! What a failure of SQLite means to whoever uses the bus.

use std::path::Path;

use bus::BusError;
use database::DatabaseError;
use database::sea_orm::SqlxError;

/// A failure that several callers are told about, so it can be copied.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Passes by itself: the disk is full, the file is locked.
    Passing(String),
    /// Does not: the file is damaged, or not ours.
    Lasting(String),
}

impl Failure {
    pub(crate) fn of(file: &Path, error: SqlxError) -> Self {
        let error = DatabaseError::from(error);
        let text = format!("`{}`: {}", file.display(), error.chain());
        if error.is_transient() { Self::Passing(text) } else { Self::Lasting(text) }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Passing(text) | Self::Lasting(text) => text,
        }
    }
}

impl From<Failure> for BusError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Passing(text) => Self::unavailable(text),
            Failure::Lasting(text) => Self::Misconfigured(text),
        }
    }
}

/// The answer to every call after the bus was closed.
pub(crate) fn closed() -> BusError {
    BusError::unavailable("the bus was closed, because this process is stopping")
}
