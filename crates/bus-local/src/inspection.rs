//! The file as an operator sees it, without the process that has it; and also beside it.

use std::path::Path;

use bus::BusError;
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, Connection, SqliteConnection};

use crate::log_file::LogFile;
use crate::put_aside::{self, PutAside};

/// The file of a bus, whether or not a process has it open. What is asked for here is done by that process within
/// seconds, else by the next one that opens the file.
pub struct Inspection {
    file: LogFile,
    connection: SqliteConnection,
}

/// How far a consumer is, by what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub consumer: String,
    /// Messages behind the newest one, those of topics that it does not read included.
    pub behind: u64,
}

impl Inspection {
    /// # Errors
    /// [`BusError::Misconfigured`] when there is no such file, or it is not one of this release.
    pub async fn open(file: &Path) -> Result<Self, BusError> {
        let file = LogFile::existing(file).await?;
        let connection = file.connect().await.map_err(|error| file.failure(error))?;
        Ok(Self { file, connection })
    }

    /// By name.
    pub async fn consumers(&mut self) -> Result<Vec<Place>, BusError> {
        let rows: Result<Vec<(String, i64)>, SqlxError> = sqlx::query_as(
            "SELECT name, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0) - settled_through \
             FROM consumer ORDER BY name",
        )
        .fetch_all(&mut self.connection)
        .await;
        let place =
            |(consumer, behind): (String, i64)| Place { consumer, behind: u64::try_from(behind).unwrap_or_default() };
        Ok(self.answer(rows)?.into_iter().map(place).collect())
    }

    /// Forgets a consumer, so that it holds nothing back any more. One that is read takes its place again, at the next
    /// thing it settles. Returns whether there was one.
    pub async fn forget(&mut self, consumer: &str) -> Result<bool, BusError> {
        let deleted =
            sqlx::query("DELETE FROM consumer WHERE name = ?1").bind(consumer).execute(&mut self.connection).await;
        Ok(self.answer(deleted)?.rows_affected() > 0)
    }

    /// The messages that are put aside, the oldest first, at most 1000.
    pub async fn put_aside(&mut self) -> Result<Vec<PutAside>, BusError> {
        let listed = put_aside::list(&mut self.connection).await;
        self.answer(listed)
    }

    /// Has a message that was put aside tried again. Returns whether there was one.
    pub async fn retry(&mut self, id: &str) -> Result<bool, BusError> {
        let wanted = put_aside::want_again(&mut self.connection, id).await;
        self.answer(wanted)
    }

    /// Drops a message that was put aside, for good. Returns whether there was one.
    pub async fn drop(&mut self, id: &str) -> Result<bool, BusError> {
        let dropped = put_aside::drop(&mut self.connection, id).await;
        self.answer(dropped)
    }

    pub async fn close(self) {
        // Everything is committed; what cannot be closed in good order is closed by the end of the process.
        let _ = self.connection.close().await;
    }

    fn answer<T>(&self, result: Result<T, SqlxError>) -> Result<T, BusError> {
        result.map_err(|error| self.file.failure(error).into())
    }
}
