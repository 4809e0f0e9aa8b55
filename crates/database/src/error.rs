//! Which failures of a database pass by themselves.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlxError};

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Passes without a change of ours: the server is away or busy, the disk is full. Try again later.
    #[error("the database cannot be used now")]
    Unavailable(#[source] DbErr),
    /// Passes like [`Self::Unavailable`]: no connection is to be had, or none that may write, for this reason.
    #[error("the database cannot be used now: {address}: {reason}")]
    Unreachable { address: String, reason: String },
    /// Passes once somebody has migrated the tables.
    #[error("its schema is not up to date, run `anchore-events migrate`")]
    SchemaTooOld,
    /// Never passes: a newer release of this program has changed the tables.
    #[error(
        "the database was migrated by a newer release: it has `{newest}`, which this one does not know; run that release, \
         or restore a backup made before the upgrade"
    )]
    SchemaTooNew { newest: String },
    /// A defect of ours, or a damaged database.
    #[error("the database refused a statement")]
    Failed(#[source] DbErr),
}

impl DatabaseError {
    /// A row that we never wrote: somebody changed the tables by hand. `what` says which row, and what is wrong with it.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Failed(DbErr::Custom(what.into()))
    }

    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unreachable { .. } | Self::SchemaTooOld)
    }

    /// The error and its cause in one line, without what a connection string may hold.
    pub fn chain(&self) -> String {
        match self {
            Self::Unavailable(source) | Self::Failed(source) => format!("{self}: {}", reason(source)),
            Self::Unreachable { .. } | Self::SchemaTooOld | Self::SchemaTooNew { .. } => self.to_string(),
        }
    }
}

/// What the database or the system said, without the names of the layers in between.
fn reason(error: &DbErr) -> String {
    if is_pool_timeout(error) {
        return "no connection was free in time, or none could be made".to_owned();
    }
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
            SqlxError::Database(said) => said.to_string(),
            error => error.to_string(),
        },
        error => error.to_string(),
    }
}

/// Whether the pool gave up without saying why: it tries again and again until its time is over.
pub(crate) fn is_pool_timeout(error: &DbErr) -> bool {
    let sqlx = match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => return true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error,
        _ => return false,
    };
    matches!(**sqlx, SqlxError::PoolTimedOut)
}

impl From<DbErr> for DatabaseError {
    fn from(error: DbErr) -> Self {
        if is_transient(&error) { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

impl From<SqlxError> for DatabaseError {
    fn from(error: SqlxError) -> Self {
        DbErr::Exec(RuntimeErr::SqlxError(error.into())).into()
    }
}

fn is_transient(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed
            | SqlxError::Protocol(_) => true,
            SqlxError::Database(error) => error.code().is_some_and(|code| is_transient_code(&code)),
            _ => false,
        },
        _ => false,
    }
}

/// PostgreSQL has five characters (its manual, appendix A); SQLite has a decimal number whose low byte counts.
fn is_transient_code(code: &str) -> bool {
    const POSTGRES_CLASSES: [&str; 6] = [
        "08", // Connection exceptions.
        "28", // Credentials: the operator may be changing them right now.
        "40", // Transaction rolled back: deadlock, serialization.
        "53", // Insufficient resources: disk full, too many connections.
        "57", // Operator intervention: shutting down, starting up.
        "58", // System errors: input or output failed.
    ];
    const POSTGRES_CODES: [&str; 3] = [
        "3D000", // The database does not exist yet.
        "25006", // Read-only: a standby, until it is promoted.
        "55P03", // A lock was not to be had in time.
    ];
    const SQLITE_CODES: [u32; 8] = [
        3,  // SQLITE_PERM
        5,  // SQLITE_BUSY
        6,  // SQLITE_LOCKED
        8,  // SQLITE_READONLY
        10, // SQLITE_IOERR
        13, // SQLITE_FULL
        14, // SQLITE_CANTOPEN
        15, // SQLITE_PROTOCOL
    ];
    if code.len() == 5 {
        return POSTGRES_CLASSES.iter().any(|class| code.starts_with(class)) || POSTGRES_CODES.contains(&code);
    }
    code.parse::<u32>().is_ok_and(|number| SQLITE_CODES.contains(&(number & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_without_the_layers_it_passed() {
        let check = |error: SqlxError, expected: &str| assert_eq!(DatabaseError::from(error).chain(), expected);
        check(
            SqlxError::PoolTimedOut,
            "the database cannot be used now: no connection was free in time, or none could be made",
        );
        check(
            SqlxError::Protocol("unexpected message".to_owned()),
            "the database cannot be used now: encountered unexpected or invalid data: unexpected message",
        );
    }
}
