//! The tables: what each group is, what is being done to it, and what is still to be told.
//!
//! Each function is one transaction, or many small ones where it says so: the database is shared, and nobody may be held
//! up for long.

mod groups;
mod records;
mod reports;
mod runs;

use cause::{Cause, CauseCode};
use database::{Database, DatabaseError};
use event::{Details, EventId, EventKind, Timestamp};
use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

pub(crate) use self::groups::{GroupChange, NewState};
pub(crate) use self::records::{Compared, Delta};
pub(crate) use self::reports::PendingReport;
pub(crate) use self::runs::{Busy, RUN_RENEWED_EVERY};

/// The tables, as one process sees them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ledger {
    database: Database,
    /// This process, so that it tells what it has written, and others do so only when it is gone.
    teller: Uuid,
    /// As people know it.
    host: String,
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The run was taken for dead by another replica, which has told so: nothing of it may take effect any more.
    #[error("the sync was taken over by another replica")]
    Lost,
}

impl LedgerError {
    /// Whether it passes by itself.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }

    /// The error and its cause in one line.
    pub(crate) fn chain(&self) -> String {
        match self {
            Self::Database(error) => error.chain(),
            Self::Lost => self.to_string(),
        }
    }
}

/// What it means for a sync that the database does not do what it is asked.
pub(crate) fn database_cause(error: &DatabaseError) -> Cause {
    let text = error.chain();
    // SQLITE_FULL; PostgreSQL's 53100 says that it could not extend or write a file.
    let is_full = text.contains("disk is full") || text.contains("No space left on device");
    let cause = if is_full {
        let hint = "Make room on the disk of the database (`database.url`); the group is synced again.";
        Cause::new(CauseCode::Disk, "there is no room in the database for the records of the group", hint)
    } else {
        let hint = "See `error`, and look into the log of the database (`database.url`); the group is synced again.";
        Cause::new(CauseCode::Unavailable, "the database did not take the records of the group", hint)
    };
    cause.with_evidence("error", text)
}

impl From<DbErr> for LedgerError {
    fn from(error: DbErr) -> Self {
        Self::Database(error.into())
    }
}

/// An event that must be told, with the identity it will have.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) id: EventId,
    pub(crate) occurred_at: Timestamp,
    pub(crate) kind: &'static EventKind,
    pub(crate) resource_id: Option<String>,
    pub(crate) details: Details,
}

impl Report {
    /// # Panics
    /// For a type that the catalogue does not have.
    pub(crate) fn new(event_type: &str, resource_id: Option<String>, details: Details, occurred_at: Timestamp) -> Self {
        let kind = event::lookup(event_type).expect("the catalogue of events has it");
        Self { id: EventId::generate(), occurred_at, kind, resource_id, details }
    }
}

/// What was said to have begun, and must be said to have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun<'a> {
    Run,
    Feed(&'a str),
    Group(&'a str),
}

impl<'a> Begun<'a> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Feed(_) => "feed",
            Self::Group(_) => "group",
        }
    }

    const fn resource(self) -> &'a str {
        match self {
            Self::Run => "",
            Self::Feed(resource) | Self::Group(resource) => resource,
        }
    }
}

impl Ledger {
    pub(crate) fn new(database: Database, host: String) -> Self {
        Self { database, teller: Uuid::now_v7(), host }
    }

    async fn begin(&self) -> Result<DatabaseTransaction, LedgerError> {
        Ok(self.database.begin_write().await?)
    }
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
}

/// A count of rows; there are fewer than 2^63.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
