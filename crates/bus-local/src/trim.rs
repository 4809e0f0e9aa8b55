//! Deleting what nobody needs, a chunk at a time.

use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, SqliteConnection};
use event::Timestamp;

use crate::log_file::free_pages;

/// Most messages deleted by one transaction, so that a publisher never waits long behind it.
const TRIM_MESSAGES_MAX: i64 = 1024;
/// Freed pages that the file keeps for its next burst; more are given back to the disk.
const SPARE_PAGES: i64 = 4096;

/// Deletes the oldest messages that every consumer has settled and whose IDs need not be known any more, or gives freed
/// pages back. With no consumers nothing is deleted: somebody may come for it.
///
/// Returns whether there is more to do.
pub(crate) async fn trim(
    connection: &mut SqliteConnection,
    settled_by_all: Option<i64>,
    known_until: Timestamp,
) -> Result<bool, SqlxError> {
    if let Some(settled_by_all) = settled_by_all {
        let oldest: Vec<(i64, i64)> =
            sqlx::query_as("SELECT position, added_at FROM message WHERE position <= ?1 ORDER BY position LIMIT ?2")
                .bind(settled_by_all)
                .bind(TRIM_MESSAGES_MAX)
                .fetch_all(&mut *connection)
                .await?;
        let is_old = |&&(_, added_at): &&(i64, i64)| added_at < known_until.as_micros();
        if let Some((position, _)) = oldest.iter().take_while(is_old).last() {
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
