//! The file: its tables, and connections to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bus::BusError;
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use database::sea_orm::sqlx::{self, ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::error::Failure;

/// Says that a file is a bus and not some other database (`PRAGMA application_id`): the ASCII text `evbs`.
const APPLICATION: i64 = 0x6576_6273;
/// Nobody else writes to this file; a backup or a curious operator may hold it for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that read; each consumer uses one at a time.
const READERS_MAX: u32 = 4;
const READER_WAIT: Duration = Duration::from_secs(10);
/// The write-ahead log is cut back to this size, in bytes, when a burst has made it larger.
const JOURNAL_BYTES: &str = "67108864";

/// What made the tables, release by release: a file of layout n (`PRAGMA user_version`) has seen the first n. A step is
/// never changed once it is released.
///
/// `AUTOINCREMENT`, because a position must never be used twice: a consumer would skip the second message at it.
/// `payload` stands last, so that reading the other columns does not walk the pages of a large one.
const STEPS: [&str; 2] = [
    "CREATE TABLE message (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        subject TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE TABLE consumer (
        name TEXT NOT NULL PRIMARY KEY,
        settled_through INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE put_aside (
        id TEXT NOT NULL PRIMARY KEY,
        subject TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        put_aside_at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        is_wanted_again INTEGER NOT NULL DEFAULT 0,
        payload BLOB NOT NULL
    ) STRICT;",
];
/// The layout of this release.
const LAYOUT: usize = STEPS.len();

/// Where the messages lie.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
}

impl LogFile {
    /// Creates the tables in a new file, adds what one of an older release lacks, and refuses one that is not ours or newer
    /// than this release.
    ///
    /// A new file is in WAL mode, so that readers and the writer do not wait for each other, and vacuums incrementally:
    /// freed pages are given back to the disk in small steps.
    pub(crate) async fn prepare(path: &Path) -> Result<Self, BusError> {
        let file = Self { path: path.to_owned() };
        match file.try_prepare().await {
            Ok(None) => Ok(file),
            Ok(Some(refusal)) => Err(BusError::Misconfigured(refusal)),
            Err(error) => Err(file.failure(error).into()),
        }
    }

    /// Says why the file is refused, if it is.
    async fn try_prepare(&self) -> Result<Option<String>, SqlxError> {
        // Both are kept in the file. Setting them again would want a lock, which a reader must never need.
        let creating = self.options().auto_vacuum(SqliteAutoVacuum::Incremental).journal_mode(SqliteJournalMode::Wal);
        let mut connection = creating.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let layout: u32 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        let layout = usize::try_from(layout).unwrap_or(usize::MAX);
        let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *transaction).await?;
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *transaction).await?;
        let path = self.path.display();
        if application != APPLICATION && tables > 0 {
            return Ok(Some(format!("`{path}` is another database, not a bus: the bus needs a file of its own")));
        }
        if layout > LAYOUT {
            return Ok(Some(format!(
                "`{path}` was written by a newer release (layout {layout}, this release knows {LAYOUT}): run that release"
            )));
        }
        if layout < LAYOUT {
            for step in &STEPS[layout..] {
                sqlx::raw_sql(*step).execute(&mut *transaction).await?;
            }
            let marks = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {LAYOUT};");
            sqlx::raw_sql(sqlx::AssertSqlSafe(marks)).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        connection.close().await?;
        Ok(None)
    }

    /// The file as it is: none is created, and none is changed.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when there is none, or it is not one of this release.
    pub(crate) async fn existing(path: &Path) -> Result<Self, BusError> {
        let file = Self { path: path.to_owned() };
        if !path.is_file() {
            return Err(BusError::Misconfigured(format!(
                "there is no `{}`; the first process that uses this directory makes it",
                path.display()
            )));
        }
        let marks = async {
            let mut connection = file.connect().await?;
            let layout: u32 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await?;
            let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok::<_, SqlxError>((application, usize::try_from(layout).unwrap_or(usize::MAX)))
        };
        match marks.await {
            Ok((APPLICATION, LAYOUT)) => Ok(file),
            Ok((APPLICATION, layout)) => Err(BusError::Misconfigured(format!(
                "`{}` is of another release (layout {layout}, this release knows {LAYOUT}): start this release once",
                path.display()
            ))),
            Ok(_) => Err(BusError::Misconfigured(format!("`{}` is another database, not a bus", path.display()))),
            Err(error) => Err(file.failure(error).into()),
        }
    }

    /// A connection that may write.
    pub(crate) async fn connect(&self) -> Result<SqliteConnection, SqlxError> {
        self.options().connect().await
    }

    /// Connections that only read. In WAL mode they neither wait for the writer nor hold it up.
    pub(crate) fn readers(&self) -> SqlitePool {
        SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            .connect_lazy_with(self.options().pragma("query_only", "on"))
    }

    /// `synchronous=FULL`: with `NORMAL` a power loss takes back the last commits, and what was confirmed would be a
    /// lie.
    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_size_limit", JOURNAL_BYTES)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn failure(&self, error: SqlxError) -> Failure {
        Failure::of(&self.path, error)
    }
}

/// Bytes of the file that hold something; freed pages do not count. From the file's header, so it costs no scan.
pub(crate) async fn bytes_in_use(connection: &mut SqliteConnection) -> Result<u64, SqlxError> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size \
         FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Freed pages that the file still has.
pub(crate) async fn free_pages(connection: &mut SqliteConnection) -> Result<i64, SqlxError> {
    sqlx::query_scalar("PRAGMA freelist_count").fetch_one(connection).await
}

/// Writes a page although nothing changes, to see whether the disk takes one.
pub(crate) async fn rewrite_header(connection: &mut SqliteConnection) -> Result<(), SqlxError> {
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {LAYOUT}"))).execute(connection).await?;
    Ok(())
}
