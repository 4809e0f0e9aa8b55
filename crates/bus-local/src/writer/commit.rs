//! Committing what was asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use bus::{BusError, Outgoing, Receipt};
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, Connection, SqliteConnection};
use event::Timestamp;
use tracing::info;

use super::{PublishResults, Write, Writer};
use crate::error::Failure;
use crate::log_file::{bytes_in_use, rewrite_header};
use crate::put_aside;
use crate::shared::ConsumerState;

/// What a message takes in the file beside its payload: ID twice, subject, numbers, page overhead.
const ROW_BYTES: usize = 256;

/// What a committed group did.
#[derive(Default)]
pub(super) struct Committed {
    /// For each `Publish`, in order.
    pub(super) published: VecDeque<PublishResults>,
    /// For each `PutAside`, in order.
    pub(super) put_aside: VecDeque<bool>,
    newest: i64,
    positions: Vec<(Arc<ConsumerState>, i64)>,
}

impl Writer {
    /// One transaction for the whole group. On a failure nothing of it is in the file, as far as anybody can know.
    pub(super) async fn commit(&mut self, group: &[Write]) -> Result<Committed, Failure> {
        match self.try_commit(group).await {
            Ok(committed) => {
                if self.failing {
                    info!(file = %self.shared.file.path().display(), "the bus can write again");
                }
                self.failing = false;
                Ok(committed)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    async fn try_commit(&mut self, group: &[Write]) -> Result<Committed, SqlxError> {
        let positions = self.moved_positions();
        let checks = group.iter().any(|write| matches!(write, Write::Check { .. }));
        if group.is_empty() && positions.is_empty() && !self.failing {
            return Ok(Committed::default());
        }
        let now = self.config.clock.now();
        let max_bytes = self.config.max_bytes;
        let full = self.full_reason();
        let probing = self.failing || checks;
        let mut committed = Committed { newest: self.shared.newest(), ..Committed::default() };
        let mut transaction = self.connection().await?.begin_with("BEGIN IMMEDIATE").await?;
        if probing {
            // An empty transaction would succeed on a full disk.
            rewrite_header(&mut transaction).await?;
        }
        let mut room = max_bytes.saturating_sub(bytes_in_use(&mut transaction).await?);
        for write in group {
            match write {
                Write::Publish { messages, .. } => {
                    let mut results = PublishResults::with_capacity(messages.len());
                    for message in messages {
                        results.push(match add(&mut transaction, message, now, &mut room).await? {
                            Added::At(position) => {
                                committed.newest = committed.newest.max(position);
                                Ok(Receipt { duplicate: false })
                            }
                            Added::Known => Ok(Receipt { duplicate: true }),
                            Added::NoRoom => Err(BusError::Full(full.clone())),
                            Added::Refused(refusal) => Err(refusal),
                        });
                    }
                    committed.published.push_back(results);
                }
                Write::NewConsumer { name, .. } => {
                    sqlx::query("INSERT INTO consumer (name, settled_through) VALUES (?1, 0) ON CONFLICT DO NOTHING")
                        .bind(name)
                        .execute(&mut *transaction)
                        .await?;
                }
                Write::PutAside { id, reason, .. } => {
                    committed.put_aside.push_back(put_aside::put_aside(&mut transaction, id, reason, now).await?);
                }
                Write::Check { .. } | Write::Positions { .. } => {}
            }
        }
        for (consumer, position) in &positions {
            // Its row may be gone, if somebody took it for one that is not read any more.
            sqlx::query(
                "INSERT INTO consumer (name, settled_through) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET settled_through = max(settled_through, excluded.settled_through)",
            )
            .bind(&consumer.name)
            .bind(position)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        committed.positions = positions;
        Ok(committed)
    }

    /// Tells memory what is durable now.
    pub(super) fn note(&self, committed: &Committed) {
        for (consumer, position) in &committed.positions {
            consumer.progress().stored(*position);
        }
        if committed.newest > self.shared.newest() {
            self.shared.added_through(committed.newest);
        }
    }

    fn moved_positions(&self) -> Vec<(Arc<ConsumerState>, i64)> {
        let moved = |consumer: Arc<ConsumerState>| {
            let position = consumer.progress().to_store()?;
            Some((consumer, position))
        };
        self.shared.consumers().into_iter().filter_map(moved).collect()
    }

    /// Why there is no room, for a person: which consumer holds the messages back.
    fn full_reason(&self) -> String {
        let file = self.shared.file.path().display();
        let max_bytes = self.config.max_bytes;
        let behind = self.shared.consumers().into_iter().map(|consumer| {
            let settled_through = consumer.progress().settled_through();
            (self.shared.newest() - settled_through, consumer)
        });
        match behind.max_by_key(|(behind, _)| *behind) {
            Some((behind, consumer)) => format!(
                "`{file}` holds its bound of {max_bytes} bytes; the consumer `{}` is {behind} messages behind",
                consumer.name
            ),
            None => format!("`{file}` holds its bound of {max_bytes} bytes, and nobody consumes"),
        }
    }
}

enum Added {
    At(i64),
    Known,
    NoRoom,
    Refused(BusError),
}

/// Adds `message` if it is new and there is room. Once one message found no room none behind it does, so that a small
/// one does not overtake a large one.
async fn add(
    connection: &mut SqliteConnection,
    message: &Outgoing,
    now: Timestamp,
    room: &mut u64,
) -> Result<Added, SqlxError> {
    if let Err(refusal) = message.check() {
        return Ok(Added::Refused(refusal));
    }
    let bytes = u64::try_from(message.payload.len() + message.subject.len() + ROW_BYTES).unwrap_or(u64::MAX);
    let Some(room_left) = room.checked_sub(bytes) else {
        *room = 0;
        return Ok(Added::NoRoom);
    };
    let result = sqlx::query(
        "INSERT INTO message (id, subject, added_at, payload) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&message.id)
    .bind(&message.subject)
    .bind(now.as_micros())
    .bind(&message.payload)
    .execute(connection)
    .await?;
    if result.rows_affected() == 0 {
        return Ok(Added::Known);
    }
    *room = room_left;
    Ok(Added::At(result.last_insert_rowid()))
}
