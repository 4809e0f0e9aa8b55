//! The one task that writes to the file: it adds messages, stores positions and deletes what nobody needs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus::{BusError, Outgoing, Receipt};
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{self, Connection, SqliteConnection};
use event::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::LocalBusConfig;
use crate::error::Failure;
use crate::log_file::{bytes_in_use, rewrite_header};
use crate::process_lock::ProcessLock;
use crate::shared::{ConsumerState, Shared};
use crate::trim::trim;

/// Most messages of one transaction.
pub(crate) const GROUP_MESSAGES_MAX: usize = 512;
/// Most payload bytes of one transaction.
pub(crate) const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a message takes in the file beside its payload: ID twice, subject, numbers, page overhead.
const ROW_BYTES: usize = 256;
/// How often what nobody needs is looked for.
const TIDY_INTERVAL: Duration = Duration::from_secs(2);

pub(crate) type PublishResults = Vec<Result<Receipt, BusError>>;

/// What can be asked of the writer. Each request of a group is answered after the group's commit.
pub(crate) enum Write {
    /// At most one group of messages.
    Publish { messages: Vec<Outgoing>, reply: oneshot::Sender<PublishResults> },
    /// Creates the consumer in the file.
    NewConsumer { name: String, reply: oneshot::Sender<Result<Arc<ConsumerState>, BusError>> },
    /// Stores the positions that have moved; every group does, so this only asks for one.
    Positions { reply: oneshot::Sender<Result<(), BusError>> },
    /// Whether the file can be written to.
    Check { reply: oneshot::Sender<Result<(), BusError>> },
}

impl Write {
    fn messages(&self) -> &[Outgoing] {
        match self {
            Self::Publish { messages, .. } => messages,
            _ => &[],
        }
    }

    fn payload_bytes(&self) -> usize {
        self.messages().iter().map(|message| message.payload.len()).sum()
    }
}

pub(crate) struct Writer {
    config: LocalBusConfig,
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Write>,
    /// A request that did not fit into the last group.
    held_over: Option<Write>,
    /// Opened anew after each failure, because a failed transaction leaves it in doubt.
    connection: Option<SqliteConnection>,
    /// Whether the last attempt to write failed.
    failing: bool,
    tidy_at: Instant,
    /// Released last, after every connection is closed.
    lock: ProcessLock,
}

/// What a committed group did.
#[derive(Default)]
struct Committed {
    /// For each `Publish`, in order.
    published: VecDeque<PublishResults>,
    newest: i64,
    positions: Vec<(Arc<ConsumerState>, i64)>,
}

enum Next {
    Request(Write),
    Tidy,
    /// The bus is closed, or nobody holds it any more.
    End,
}

impl Writer {
    pub(crate) fn new(
        config: LocalBusConfig,
        shared: Arc<Shared>,
        lock: ProcessLock,
        requests: mpsc::Receiver<Write>,
    ) -> Self {
        let tidy_at = Instant::now() + TIDY_INTERVAL;
        Self { config, shared, requests, held_over: None, connection: None, failing: false, tidy_at, lock }
    }

    /// Until the bus is closed, or nobody holds it any more.
    pub(crate) async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Request(first) => {
                    let group = self.group(first);
                    self.write(group).await;
                }
                Next::Tidy => {}
                Next::End => break,
            }
            // Also between the groups of a publisher that never pauses.
            if Instant::now() >= self.tidy_at {
                self.tidy().await;
            }
        }
        self.finish().await;
    }

    async fn next(&mut self) -> Next {
        if let Some(request) = self.held_over.take() {
            return Next::Request(request);
        }
        loop {
            tokio::select! {
                biased;
                // What was sent before is still answered.
                () = self.shared.closing.cancelled(), if !self.requests.is_closed() => self.requests.close(),
                request = self.requests.recv() => return request.map_or(Next::End, Next::Request),
                () = sleep_until(self.tidy_at) => return Next::Tidy,
            }
        }
    }

    /// `first` and whatever else waits, up to the bounds of a group.
    fn group(&mut self, first: Write) -> Vec<Write> {
        let mut messages = first.messages().len();
        let mut bytes = first.payload_bytes();
        let mut group = vec![first];
        while group.len() < GROUP_MESSAGES_MAX {
            let Ok(next) = self.requests.try_recv() else { break };
            messages += next.messages().len();
            bytes += next.payload_bytes();
            if messages > GROUP_MESSAGES_MAX || bytes > GROUP_BYTES_MAX {
                self.held_over = Some(next);
                break;
            }
            group.push(next);
        }
        group
    }

    /// Commits the group and answers each of its requests: with what was done if it is durable, else with the failure.
    async fn write(&mut self, group: Vec<Write>) {
        match self.commit(&group).await {
            Ok(mut committed) => {
                self.note(&committed);
                for write in group {
                    match write {
                        Write::Publish { reply, .. } => {
                            let results = committed.published.pop_front().expect("one answer for each `Publish`");
                            // Whoever does not listen any more publishes again, and learns of the duplicate then.
                            let _ = reply.send(results);
                        }
                        Write::NewConsumer { name, reply } => {
                            let _ = reply.send(Ok(self.shared.consumer_or_new(&name)));
                        }
                        Write::Positions { reply } | Write::Check { reply } => {
                            let _ = reply.send(Ok(()));
                        }
                    }
                }
            }
            Err(failure) => {
                for write in group {
                    match write {
                        Write::Publish { messages, reply } => {
                            let _ = reply.send(messages.iter().map(|_| Err(failure.clone().into())).collect());
                        }
                        Write::NewConsumer { reply, .. } => {
                            let _ = reply.send(Err(failure.clone().into()));
                        }
                        Write::Positions { reply } | Write::Check { reply } => {
                            let _ = reply.send(Err(failure.clone().into()));
                        }
                    }
                }
            }
        }
    }

    /// One transaction for the whole group. On a failure nothing of it is in the file, as far as anybody can know.
    async fn commit(&mut self, group: &[Write]) -> Result<Committed, Failure> {
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
        let only_checks = group.iter().all(|write| matches!(write, Write::Check { .. }));
        if only_checks && positions.is_empty() && !self.failing {
            return Ok(Committed::default());
        }
        let now = self.config.clock.now();
        let max_bytes = self.config.max_bytes;
        let full = self.full_reason();
        let probing = self.failing;
        let mut committed = Committed { newest: self.shared.newest(), ..Committed::default() };
        let mut transaction = self.connection().await?.begin_with("BEGIN IMMEDIATE").await?;
        if probing {
            // Also where nothing else is written: an empty transaction would succeed on a full disk.
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
                Write::Check { .. } | Write::Positions { .. } => {}
            }
        }
        for (consumer, position) in &positions {
            sqlx::query("UPDATE consumer SET settled_through = max(settled_through, ?2) WHERE name = ?1")
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
    fn note(&self, committed: &Committed) {
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

    async fn connection(&mut self) -> Result<&mut SqliteConnection, SqlxError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.file.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    fn fail(&mut self, error: SqlxError) -> Failure {
        self.connection = None;
        let failure = self.shared.file.failure(error);
        // Each caller hears of each failure; the log of the first one only.
        if !self.failing {
            warn!(cause = failure.text(), "the bus cannot write");
        }
        self.failing = true;
        failure
    }

    /// Stores positions left over from a failure, deletes a chunk of what nobody needs, gives space back to the disk.
    /// Comes again at once while there is more to do, but only when no request waits.
    async fn tidy(&mut self) {
        self.tidy_at = Instant::now() + TIDY_INTERVAL;
        if self.commit(&[]).await.map(|committed| self.note(&committed)).is_err() {
            return;
        }
        let settled_by_all = self.shared.consumers().iter().map(|consumer| consumer.progress().stored_through()).min();
        let known_until = self.config.clock.now().minus(self.config.dedupe_window);
        let trimmed = match self.connection().await {
            Ok(connection) => trim(connection, settled_by_all, known_until).await,
            Err(error) => Err(error),
        };
        match trimmed {
            Ok(true) => self.tidy_at = Instant::now(),
            Ok(false) => {}
            Err(error) => {
                self.fail(error);
            }
        }
    }

    async fn finish(mut self) {
        // A position that cannot be stored only means that its messages are delivered again.
        let _ = self.commit(&[]).await;
        self.shared.closing.cancel();
        self.shared.readers.close().await;
        if let Some(connection) = self.connection.take() {
            // The last connection folds the write-ahead log into the file; if it cannot, the next start does.
            let _ = connection.close().await;
        }
        drop(self.lock);
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
