//! What the catalog keeps: watches, tags, failures, and what still has to be told. Each function is one transaction, and
//! safe to repeat when nobody knows whether it was committed.

mod failures;
mod tags;
mod tellings;
mod watches;

use database::{Database, DatabaseError};
use event::Timestamp;

pub(crate) use self::tags::{After, Recorded, TagRecord};
pub(crate) use self::watches::{Added, KnownWatch, WATCHES_MAX};

/// Rows in one INSERT: well within what both databases bound.
const INSERT_ROWS_MAX: usize = 500;

/// Cheap to clone.
#[derive(Clone)]
pub struct Tables {
    database: Database,
}

impl Tables {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

fn damaged(table: &str, key: &str, column: &str) -> DatabaseError {
    DatabaseError::damaged(format!("the row {key} of `{table}` has an invalid `{column}`"))
}

fn time(micros: i64, table: &str, key: &str, column: &str) -> Result<Timestamp, DatabaseError> {
    Timestamp::from_micros(micros).ok_or_else(|| damaged(table, key, column))
}
