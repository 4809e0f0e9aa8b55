//! The one task that writes to the file: it adds messages, stores positions and deletes what nobody needs.

mod commit;
mod tidy;

use std::sync::Arc;
use std::time::Duration;

use bus::{BusError, Outgoing, Receipt};
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::LocalBusConfig;
use crate::error::Failure;
use crate::process_lock::ProcessLock;
use crate::shared::{ConsumerState, Shared};

/// Most messages of one transaction.
pub(crate) const GROUP_MESSAGES_MAX: usize = 512;
/// Most payload bytes of one transaction.
pub(crate) const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
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
    /// Moves a message aside. Answers whether it was there.
    PutAside { id: String, reason: String, reply: oneshot::Sender<Result<bool, BusError>> },
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
    /// Since when some message is too old, by this process's own time.
    overdue_since: Option<Instant>,
    /// Messages up to here have been emptied for room, as far as this process knows.
    cleared_through: i64,
    tidy_at: Instant,
    /// Released last, after every connection is closed.
    lock: ProcessLock,
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
        Self {
            config,
            shared,
            requests,
            held_over: None,
            connection: None,
            failing: false,
            overdue_since: None,
            cleared_through: 0,
            tidy_at,
            lock,
        }
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
                        Write::PutAside { reply, .. } => {
                            let was_there = committed.put_aside.pop_front().expect("one answer for each `PutAside`");
                            let _ = reply.send(Ok(was_there));
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
                        Write::PutAside { reply, .. } => {
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
