//! One opening of a consumer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::{BusError, Consumer, Message, Settlement, Token};
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, SqliteConnection};
use futures::TryStreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::error::closed;
use crate::local_bus::ask;
use crate::progress::Plan;
use crate::shared::{ConsumerState, Shared};
use crate::writer::Write;

/// A fetch ends early at this many bytes of payload, so that a batch of large messages does not fill the memory.
const FETCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nobody waits longer; it keeps arithmetic on instants from overflowing.
const WAIT_MAX: Duration = Duration::from_hours(24);

pub(crate) struct LocalConsumer {
    shared: Arc<Shared>,
    state: Arc<ConsumerState>,
    writes: mpsc::Sender<Write>,
}

/// A message as it lies in the file: position, ID, subject, payload.
type Row = (i64, String, String, Vec<u8>);

impl LocalConsumer {
    pub(crate) fn new(shared: Arc<Shared>, state: Arc<ConsumerState>, writes: mpsc::Sender<Write>) -> Self {
        Self { shared, state, writes }
    }

    /// What can be delivered at once.
    ///
    /// Nothing is noted before everything is read, so a caller that gives up in between loses no delivery.
    async fn take(&self, max: usize) -> Result<Vec<Message>, BusError> {
        let _turn = self.state.turn.lock().await;
        let plan = self.state.progress().plan(Instant::now(), max);
        let newest = self.shared.newest();
        let something_new = newest > plan.new_after && plan.new_max > 0;
        if plan.again.is_empty() && !something_new {
            return Ok(Vec::new());
        }
        let Found { rows, seen_through } =
            self.read(&plan, newest).await.map_err(|error| self.shared.file.failure(error))?;
        let now = Instant::now();
        let mut progress = self.state.progress();
        if rows.is_empty() {
            // The file does not hold what memory says. Move on, or every fetch would look for it again.
            plan.again.iter().for_each(|position| progress.forget(*position));
        }
        let deliver = |(position, id, subject, payload): Row| {
            let attempt = progress.deliver(position, now)?;
            Some(Message { id, subject, payload, attempt, token: token(position, attempt) })
        };
        let messages = rows.into_iter().filter_map(deliver).collect();
        if let Some(seen_through) = seen_through {
            progress.skip_to(seen_through);
        }
        Ok(messages)
    }

    /// What `plan` wants of the messages up to `newest`.
    async fn read(&self, plan: &Plan, newest: i64) -> Result<Found, SqlxError> {
        let mut connection = self.shared.readers.acquire().await?;
        let mut rows = Rows::default();
        for position in &plan.again {
            if rows.is_full() {
                return Ok(Found { rows: rows.rows, seen_through: None });
            }
            if let Some(row) = read_one(&mut connection, *position).await? {
                rows.push(row);
            }
        }
        if plan.new_max > 0 && !rows.is_full() {
            let (first_subject, past_subjects) = self.state.subjects();
            let mut new = sqlx::query_as(
                "SELECT position, id, subject, payload FROM message \
                 WHERE position > ?1 AND position <= ?2 AND subject >= ?3 AND subject < ?4 ORDER BY position",
            )
            .bind(plan.new_after)
            .bind(newest)
            .bind(first_subject)
            .bind(past_subjects)
            .fetch(&mut *connection);
            let new_last = rows.rows.len() + plan.new_max;
            while rows.rows.len() < new_last && !rows.is_full() {
                let Some(row) = new.try_next().await? else {
                    return Ok(Found { rows: rows.rows, seen_through: Some(newest) });
                };
                rows.push(row);
            }
        }
        Ok(Found { rows: rows.rows, seen_through: None })
    }
}

#[async_trait]
impl Consumer for LocalConsumer {
    async fn fetch(&self, max: usize, wait: Duration) -> Result<Vec<Message>, BusError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + wait.min(WAIT_MAX);
        loop {
            // Registered before looking, so that what comes between looking and waiting is not missed.
            let stirred = self.shared.stirred.notified();
            tokio::pin!(stirred);
            stirred.as_mut().enable();
            if self.shared.closing.is_cancelled() {
                return Err(closed());
            }
            let messages = self.take(max).await?;
            let now = Instant::now();
            if !messages.is_empty() || now >= deadline {
                return Ok(messages);
            }
            let due_at = self.state.progress().next_due_at();
            let wake_at = due_at.map_or(deadline, |due_at| due_at.min(deadline));
            tokio::select! {
                () = stirred => {}
                () = sleep_until(wake_at) => {}
                () = self.shared.closing.cancelled() => {}
            }
        }
    }

    /// Returns when the position is durable. What was settled is not delivered again by this process even if storing
    /// the position fails; the writer stores it with the next thing it writes.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), BusError> {
        let mut unknown = None;
        let position_moved = {
            let now = Instant::now();
            let mut progress = self.state.progress();
            for Settlement { token, verdict } in settlements {
                match parse_token(&token) {
                    Some((position, attempt)) => progress.settle(position, attempt, verdict, now),
                    None => unknown = Some(token),
                }
            }
            progress.to_store().is_some()
        };
        self.shared.stirred.notify_waiters();
        if position_moved {
            ask(&self.writes, |reply| Write::Positions { reply }).await??;
        }
        match unknown {
            Some(Token(token)) => Err(BusError::Refused(format!("`{token}` is no delivery of this bus"))),
            None => Ok(()),
        }
    }
}

/// What was read for one fetch.
struct Found {
    rows: Vec<Row>,
    /// Up to here there is nothing else that this consumer reads.
    seen_through: Option<i64>,
}

/// What one fetch has read so far.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    bytes: usize,
}

impl Rows {
    fn push(&mut self, row: Row) {
        self.bytes += row.3.len();
        self.rows.push(row);
    }

    fn is_full(&self) -> bool {
        self.bytes >= FETCH_BYTES_MAX
    }
}

async fn read_one(connection: &mut SqliteConnection, position: i64) -> Result<Option<Row>, SqlxError> {
    sqlx::query_as("SELECT position, id, subject, payload FROM message WHERE position = ?1")
        .bind(position)
        .fetch_optional(connection)
        .await
}

/// `position.attempt`.
fn token(position: i64, attempt: u32) -> Token {
    Token(format!("{position}.{attempt}"))
}

fn parse_token(token: &Token) -> Option<(i64, u32)> {
    let (position, attempt) = token.0.split_once('.')?;
    Some((position.parse().ok()?, attempt.parse().ok()?))
}
