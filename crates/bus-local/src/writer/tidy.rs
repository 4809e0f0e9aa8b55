//! What the writer does between requests.

use std::sync::Arc;
use std::time::Duration;

use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, Connection};
use event::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{GROUP_BYTES_MAX, TIDY_INTERVAL, Writer};
use crate::log_file::bytes_in_use;
use crate::put_aside::{put_aside, take_back};
use crate::shared::ConsumerState;
use crate::trim::{clear, trim};

/// From this part of its bound on, in percent, the file has no room for what an absent consumer holds back.
const CROWDED_PERCENT: u64 = 80;
/// From this part of its bound on, in percent, it keeps only the IDs of what everybody has settled.
const CLEARED_PERCENT: u64 = 40;
/// Most messages put aside by one transaction; together they are no larger than a group.
const PUT_ASIDE_MAX: i64 = 512;

/// A message as it is looked at, without its payload: position, ID, subject, when it was added, bytes.
type Glance = (i64, String, String, i64, i64);

impl Writer {
    /// Stores positions left over from a failure, and does a part of everything else that there is to do. Comes again at
    /// once while there is more, but only when no request waits.
    pub(super) async fn tidy(&mut self) {
        self.tidy_at = Instant::now() + TIDY_INTERVAL;
        if self.commit(&[]).await.map(|committed| self.note(&committed)).is_err() {
            return;
        }
        match self.tidy_part().await {
            Ok(true) => self.tidy_at = Instant::now(),
            Ok(false) => {}
            Err(error) => {
                self.fail(error);
            }
        }
    }

    /// Returns whether there is more to do.
    async fn tidy_part(&mut self) -> Result<bool, SqlxError> {
        let now = self.config.clock.now();
        let taken_back = take_back(self.connection().await?, now).await?;
        if let Some(position) = taken_back {
            self.shared.added_through(position);
        }
        self.forget_absent(now).await?;
        let has_put_aside = self.put_overdue_aside(now).await?;
        let has_cleared = self.clear_settled().await?;
        let settled_by_all = self.shared.settled_by_all();
        let dedupe_window = self.config.dedupe_window;
        let has_trimmed = trim(self.connection().await?, settled_by_all, now, dedupe_window).await?;
        Ok(taken_back.is_some() || has_put_aside || has_cleared || has_trimmed)
    }

    /// Returns whether it has made room.
    async fn clear_settled(&mut self) -> Result<bool, SqlxError> {
        let (max_bytes, cleared_through) = (self.config.max_bytes, self.cleared_through);
        let Some(settled_by_all) = self.shared.settled_by_all() else { return Ok(false) };
        if settled_by_all <= cleared_through {
            return Ok(false);
        }
        let connection = self.connection().await?;
        if bytes_in_use(connection).await? < max_bytes / 100 * CLEARED_PERCENT {
            return Ok(false);
        }
        self.cleared_through = clear(connection, cleared_through, settled_by_all).await?;
        Ok(self.cleared_through > cleared_through)
    }

    /// Forgets the absent consumers that an operator has taken out of the file, and those that are in the way: of room
    /// for new messages, or of the age that a message may have.
    async fn forget_absent(&mut self, now: Timestamp) -> Result<(), SqlxError> {
        let shared = Arc::clone(&self.shared);
        if !shared.consumers().iter().any(|consumer| shared.is_absent(consumer)) {
            return Ok(());
        }
        let max_bytes = self.config.max_bytes;
        let cutoff = now.minus(self.config.max_age).as_micros();
        let connection = self.connection().await?;
        let kept: Vec<String> = sqlx::query_scalar("SELECT name FROM consumer").fetch_all(&mut *connection).await?;
        for consumer in shared.forget_absent(|consumer| !kept.contains(&consumer.name)) {
            info!(consumer = consumer.name, "forgot a consumer, as somebody asked for");
        }
        // Where nobody else reads, nobody else needs the room.
        let (Some(settled_by_all), Some(settled_by_present)) = (shared.settled_by_all(), shared.settled_by_present())
        else {
            return Ok(());
        };
        let oldest: Option<i64> =
            sqlx::query_scalar("SELECT added_at FROM message WHERE position > ?1 ORDER BY position LIMIT 1")
                .bind(settled_by_all)
                .fetch_optional(&mut *connection)
                .await?;
        let is_crowded = bytes_in_use(connection).await? >= max_bytes / 100 * CROWDED_PERCENT;
        if !is_crowded && oldest.is_none_or(|oldest| oldest >= cutoff) {
            return Ok(());
        }
        for consumer in shared.forget_absent(|consumer| consumer.progress().stored_through() < settled_by_present) {
            let behind = consumer.progress().behind(shared.newest());
            warn!(
                consumer = consumer.name,
                behind, "forgot a consumer that nobody reads: what it held back was in the way"
            );
            sqlx::query("DELETE FROM consumer WHERE name = ?1").bind(&consumer.name).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Puts the oldest messages aside that are too old and that somebody has not settled. Returns whether it did.
    async fn put_overdue_aside(&mut self, now: Timestamp) -> Result<bool, SqlxError> {
        let max_age = self.config.max_age;
        let cutoff = now.minus(max_age).as_micros();
        let Some(settled_by_all) = self.shared.settled_by_all() else { return Ok(false) };
        let oldest: Vec<Glance> = sqlx::query_as(
            "SELECT position, id, subject, added_at, length(payload) FROM message \
             WHERE position > ?1 ORDER BY position LIMIT ?2",
        )
        .bind(settled_by_all)
        .bind(PUT_ASIDE_MAX)
        .fetch_all(self.connection().await?)
        .await?;
        if oldest.first().is_none_or(|(_, _, _, added_at, _)| *added_at >= cutoff) {
            self.overdue_since = None;
            return Ok(false);
        }
        if self.overdue_since.get_or_insert_with(Instant::now).elapsed() < self.config.patience {
            return Ok(false);
        }
        let consumers = self.shared.consumers();
        let mut moved = Vec::new();
        let mut bytes = 0;
        let mut transaction = self.connection().await?.begin_with("BEGIN IMMEDIATE").await?;
        for (position, id, subject, added_at, payload_bytes) in oldest {
            bytes += usize::try_from(payload_bytes).unwrap_or_default();
            if added_at >= cutoff || (bytes > GROUP_BYTES_MAX && !moved.is_empty()) {
                break;
            }
            let waiting = waiting(&consumers, position, &subject);
            if !waiting.is_empty() {
                let reason = format!("not settled by `{}` within {}", waiting.join("`, `"), span(max_age));
                put_aside(&mut transaction, &id, &reason, now).await?;
                moved.push(position);
            }
        }
        transaction.commit().await?;
        for consumer in &consumers {
            let mut progress = consumer.progress();
            for position in &moved {
                progress.forget(*position);
            }
        }
        info!(messages = moved.len(), "put messages aside that were not settled in time");
        Ok(!moved.is_empty())
    }
}

/// Those who read `subject` and have not settled the message at `position`.
fn waiting<'a>(consumers: &'a [Arc<ConsumerState>], position: i64, subject: &str) -> Vec<&'a str> {
    let waits = |consumer: &&Arc<ConsumerState>| consumer.reads(subject) && !consumer.progress().is_settled(position);
    consumers.iter().filter(waits).map(|consumer| consumer.name.as_str()).collect()
}

/// As people read it: `504 h`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds < 3600 { format!("{seconds} s") } else { format!("{} h", seconds / 3600) }
}
