//! Messages that could not go on, kept aside where no consumer sees them.

use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, Connection, SqliteConnection};
use event::Timestamp;

/// Most messages taken back by one transaction, so that a publisher never waits long behind it.
const TAKEN_BACK_MAX: i64 = 64;
/// Most messages shown at once.
const LIST_MAX: i64 = 1000;

/// A message that is put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAside {
    pub id: String,
    pub subject: String,
    /// When it was published.
    pub added_at: Timestamp,
    pub put_aside_at: Timestamp,
    pub reason: String,
    pub payload_bytes: u64,
    /// Somebody has asked for another try, which the process that has the file will make.
    pub is_wanted_again: bool,
}

/// Moves the message `id` aside. Returns whether it was there.
pub(crate) async fn put_aside(
    connection: &mut SqliteConnection,
    id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, SqlxError> {
    // One that was put aside, tried again and comes here once more is the same message.
    sqlx::query(
        "INSERT OR REPLACE INTO put_aside (id, subject, added_at, put_aside_at, reason, payload) \
         SELECT id, subject, added_at, ?2, ?3, payload FROM message WHERE id = ?1",
    )
    .bind(id)
    .bind(now.as_micros())
    .bind(reason)
    .execute(&mut *connection)
    .await?;
    let deleted = sqlx::query("DELETE FROM message WHERE id = ?1").bind(id).execute(connection).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Gives the messages that are wanted again a place at the end of the log, as if they were published now.
///
/// Returns the position of the last one, if there was any.
pub(crate) async fn take_back(connection: &mut SqliteConnection, now: Timestamp) -> Result<Option<i64>, SqlxError> {
    let wanted: Vec<String> =
        sqlx::query_scalar("SELECT id FROM put_aside WHERE is_wanted_again ORDER BY added_at, rowid LIMIT ?1")
            .bind(TAKEN_BACK_MAX)
            .fetch_all(&mut *connection)
            .await?;
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut last = None;
    for id in wanted {
        let added = sqlx::query(
            "INSERT INTO message (id, subject, added_at, payload) \
             SELECT id, subject, ?2, payload FROM put_aside WHERE id = ?1 ON CONFLICT (id) DO NOTHING",
        )
        .bind(&id)
        .bind(now.as_micros())
        .execute(&mut *transaction)
        .await?;
        if added.rows_affected() > 0 {
            last = Some(added.last_insert_rowid());
        }
        drop(&mut transaction, &id).await?;
    }
    transaction.commit().await?;
    Ok(last)
}

/// The oldest ones first.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<PutAside>, SqlxError> {
    type Row = (String, String, i64, i64, String, i64, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, subject, added_at, put_aside_at, reason, length(payload), is_wanted_again \
         FROM put_aside ORDER BY added_at, rowid LIMIT ?1",
    )
    .bind(LIST_MAX)
    .fetch_all(connection)
    .await?;
    let put_aside = |(id, subject, added_at, put_aside_at, reason, bytes, is_wanted_again): Row| {
        let time = |micros| Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN);
        PutAside {
            id,
            subject,
            added_at: time(added_at),
            put_aside_at: time(put_aside_at),
            reason,
            payload_bytes: bytes.unsigned_abs(),
            is_wanted_again,
        }
    };
    Ok(rows.into_iter().map(put_aside).collect())
}

/// Returns whether it was there.
pub(crate) async fn want_again(connection: &mut SqliteConnection, id: &str) -> Result<bool, SqlxError> {
    let wanted =
        sqlx::query("UPDATE put_aside SET is_wanted_again = 1 WHERE id = ?1").bind(id).execute(connection).await?;
    Ok(wanted.rows_affected() > 0)
}

/// Returns whether it was there.
pub(crate) async fn drop(connection: &mut SqliteConnection, id: &str) -> Result<bool, SqlxError> {
    let dropped = sqlx::query("DELETE FROM put_aside WHERE id = ?1").bind(id).execute(connection).await?;
    Ok(dropped.rows_affected() > 0)
}

pub(crate) async fn count(connection: &mut SqliteConnection) -> Result<u64, SqlxError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM put_aside").fetch_one(connection).await?;
    Ok(count.unsigned_abs())
}
