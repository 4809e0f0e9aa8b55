//! Deleting what nobody needs, a chunk at a time.

use std::time::Duration;

use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, SqliteConnection};
use event::Timestamp;

use crate::log_file::free_pages;

/// Most messages deleted by one transaction, so that a publisher never waits long behind it.
const TRIM_MESSAGES_MAX: i64 = 1024;
/// Freed pages that the file keeps for its next burst; more are given back to the disk.
const SPARE_PAGES: i64 = 4096;

/// Most messages looked at by one step of `clear`.
const CLEAR_MESSAGES_MAX: i64 = 512;

/// Empties messages that every consumer has settled: their IDs have to be known for a while, what they said has not.
/// Without a subject no consumer reads them, not even a new one. For a log that needs the room; otherwise it would be
/// written for nothing, soon before it is deleted.
///
/// Returns up to where it has come.
pub(crate) async fn clear(
    connection: &mut SqliteConnection,
    cleared_through: i64,
    settled_by_all: i64,
) -> Result<i64, SqlxError> {
    let through: Option<i64> = sqlx::query_scalar(
        "SELECT max(position) FROM (SELECT position FROM message WHERE position > ?1 AND position <= ?2 \
         ORDER BY position LIMIT ?3)",
    )
    .bind(cleared_through)
    .bind(settled_by_all)
    .bind(CLEAR_MESSAGES_MAX)
    .fetch_one(&mut *connection)
    .await?;
    let Some(through) = through else { return Ok(cleared_through) };
    sqlx::query(
        "UPDATE message SET subject = '', payload = x'' WHERE position > ?1 AND position <= ?2 AND subject != ''",
    )
    .bind(cleared_through)
    .bind(through)
    .execute(connection)
    .await?;
    Ok(through)
}

/// Deletes the oldest messages that every consumer has settled and whose IDs need not be known any more, or gives freed
/// pages back. With no consumers nothing is deleted: somebody may come for it.
///
/// A message from the future was added before the clock was set back. It goes at once, because to wait for its time could
/// mean to wait for years; that its ID is forgotten early costs a repeat at most.
///
/// Returns whether there is more to do.
pub(crate) async fn trim(
    connection: &mut SqliteConnection,
    settled_by_all: Option<i64>,
    now: Timestamp,
    dedupe_window: Duration,
) -> Result<bool, SqlxError> {
    if let Some(settled_by_all) = settled_by_all {
        let oldest: Vec<(i64, i64)> =
            sqlx::query_as("SELECT position, added_at FROM message WHERE position <= ?1 ORDER BY position LIMIT ?2")
                .bind(settled_by_all)
                .bind(TRIM_MESSAGES_MAX)
                .fetch_all(&mut *connection)
                .await?;
        let known_since = now.minus(dedupe_window).as_micros();
        let may_go = |&&(_, added_at): &&(i64, i64)| added_at < known_since || added_at > now.as_micros();
        if let Some((position, _)) = oldest.iter().take_while(may_go).last() {
            sqlx::query("DELETE FROM message WHERE position <= ?1").bind(position).execute(connection).await?;
            return Ok(true);
        }
    }
    if free_pages(connection).await? > SPARE_PAGES {
        sqlx::query("PRAGMA incremental_vacuum(1024)").execute(connection).await?;
        return Ok(true);
    }
    Ok(false)
}
