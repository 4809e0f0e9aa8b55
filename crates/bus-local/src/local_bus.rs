//! The bus as its users hold it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bus::{Bus, BusError, Consumer, ConsumerFill, ConsumerSpec, Fill, Log, Outgoing, Receipt};
use database::sea_orm::SqlxError;
use database::sea_orm::sqlx;
use event::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::info;

use crate::LocalBusConfig;
use crate::error::closed;
use crate::local_consumer::LocalConsumer;
use crate::log_file::{LogFile, bytes_in_use};
use crate::process_lock::ProcessLock;
use crate::put_aside;
use crate::shared::Shared;
use crate::writer::{GROUP_BYTES_MAX, GROUP_MESSAGES_MAX, Write, Writer};

/// Most requests that wait for the writer. A publisher that waits holds its own messages, so the channel itself bounds
/// how many callers one group can serve and not how much memory is used.
const WRITES_WAITING_MAX: usize = GROUP_MESSAGES_MAX;
/// How long the writer may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// A bus in an SQLite file of its own.
///
/// Dropping it, and every consumer opened from it, ends it in good order soon after; [`close`](Self::close) waits.
pub struct LocalBus {
    shared: Arc<Shared>,
    writes: mpsc::Sender<Write>,
    writer: Mutex<Option<JoinHandle<()>>>,
    max_bytes: u64,
    max_age: Duration,
}

impl LocalBus {
    /// Opens the bus in `file`, created if there is none; its directory must exist.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when another process has the file, when it is another database or of a newer
    /// release, or when a setting is out of its range; [`BusError::Unavailable`] when the disk is full or busy.
    pub async fn open(file: &Path, config: LocalBusConfig) -> Result<Arc<Self>, BusError> {
        config.check()?;
        let lock = ProcessLock::acquire(file).await?;
        let file = LogFile::prepare(file).await?;
        let (newest, consumers) = read_positions(&file).await.map_err(|error| file.failure(error))?;
        let shared = Arc::new(Shared::new(file, newest, consumers, config.expected.clone()));
        for consumer in shared.consumers().iter().filter(|consumer| shared.is_absent(consumer)) {
            let (name, behind) = (&consumer.name, consumer.progress().behind(newest));
            info!(
                consumer = name,
                behind, "nobody reads this consumer any more; its place is kept while there is room"
            );
        }
        let (writes, requests) = mpsc::channel(WRITES_WAITING_MAX);
        let LocalBusConfig { max_bytes, max_age, .. } = config;
        let running = tokio::spawn(Writer::new(config, Arc::clone(&shared), lock, requests).run());
        Ok(Arc::new(Self { shared, writes, writer: Mutex::new(Some(running)), max_bytes, max_age }))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Finishes what was asked for, stores the positions, and gives the file free for another process. Every later call
    /// fails as unavailable.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A writer that panicked has nothing left to wait for.
            let _ = writer.await;
        }
    }
}

/// The position of the newest message, and each consumer's.
///
/// `sqlite_sequence` knows the newest message even when it has been trimmed.
async fn read_positions(file: &LogFile) -> Result<(i64, Vec<(String, i64)>), SqlxError> {
    let mut connection = file.connect().await?;
    let newest: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'message'")
        .fetch_optional(&mut connection)
        .await?;
    let consumers: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, settled_through FROM consumer").fetch_all(&mut connection).await?;
    sqlx::Connection::close(connection).await?;
    Ok((newest.unwrap_or_default(), consumers))
}

/// Sends a request to the writer and waits for its answer, though not for ever: on a disk that hangs there is none, and
/// whoever reports must go on with its work. What was asked for may be done all the same.
pub(crate) async fn ask<Answer>(
    writes: &mpsc::Sender<Write>,
    request: impl FnOnce(oneshot::Sender<Answer>) -> Write,
) -> Result<Answer, BusError> {
    let (reply, answer) = oneshot::channel();
    let asking = async {
        writes.send(request(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    };
    let too_late = || BusError::unavailable(format!("its disk has given no answer for {} s", ANSWER_WAIT.as_secs()));
    timeout(ANSWER_WAIT, asking).await.unwrap_or_else(|_| Err(too_late()))
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let mut results = Vec::with_capacity(outgoing.len());
        let mut stopped_by: Option<String> = None;
        for chunk in chunks(outgoing) {
            // A later message must not overtake an earlier one that is published again.
            if let Some(reason) = &stopped_by {
                let reason = format!("not tried, because an earlier message was not added: {reason}");
                results.extend(chunk.iter().map(|_| Err(BusError::unavailable(reason.clone()))));
                continue;
            }
            let chunk_len = chunk.len();
            let answer = match ask(&self.writes, |reply| Write::Publish { messages: chunk, reply }).await {
                Ok(answer) => answer,
                Err(error) => (0..chunk_len).map(|_| Err(error.copy())).collect(),
            };
            stopped_by = answer.iter().find_map(|result| match result {
                Ok(_) | Err(BusError::Refused(_)) => None,
                Err(error) => Some(error.chain()),
            });
            results.extend(answer);
        }
        results
    }

    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        let known = self.shared.consumer(spec.name);
        let state = match known {
            Some(state) => state,
            None => ask(&self.writes, |reply| Write::NewConsumer { name: spec.name.to_owned(), reply }).await??,
        };
        state.configure(spec);
        Ok(Arc::new(LocalConsumer::new(Arc::clone(&self.shared), state, self.writes.clone())))
    }

    async fn check(&self) -> Result<(), BusError> {
        if self.shared.closing.is_cancelled() {
            return Err(closed());
        }
        ask(&self.writes, |reply| Write::Check { reply }).await?
    }
}

#[async_trait]
impl Log for LocalBus {
    async fn fill(&self) -> Result<Fill, BusError> {
        if self.shared.closing.is_cancelled() {
            return Err(closed());
        }
        let measured = measure(&self.shared).await.map_err(|error| self.shared.file.failure(error))?;
        let newest = self.shared.newest();
        let consumers = self.shared.consumers().into_iter().map(|consumer| ConsumerFill {
            behind: consumer.progress().behind(newest),
            is_absent: self.shared.is_absent(&consumer),
            name: consumer.name.clone(),
        });
        let consumers: Vec<ConsumerFill> = consumers.collect();
        Ok(Fill {
            bytes: measured.bytes,
            bytes_max: self.max_bytes,
            messages: consumers.iter().map(|consumer| consumer.behind).max().unwrap_or_default(),
            oldest_at: measured.oldest_at,
            age_max: self.max_age,
            put_aside: measured.put_aside,
            consumers,
        })
    }

    async fn put_aside(&self, id: &str, reason: &str) -> Result<bool, BusError> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        ask(&self.writes, |reply| Write::PutAside { id, reason, reply }).await?
    }
}

/// What the file says about how full it is.
struct Measured {
    bytes: u64,
    oldest_at: Option<Timestamp>,
    put_aside: u64,
}

async fn measure(shared: &Shared) -> Result<Measured, SqlxError> {
    // In one transaction: what is put aside between two reads would be counted twice, or not at all.
    let mut reader = shared.readers.begin().await?;
    let settled_by_all = shared.settled_by_all().unwrap_or_default();
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT added_at FROM message WHERE position > ?1 ORDER BY position LIMIT 1")
            .bind(settled_by_all)
            .fetch_optional(&mut *reader)
            .await?;
    Ok(Measured {
        bytes: bytes_in_use(&mut reader).await?,
        oldest_at: oldest.and_then(Timestamp::from_micros),
        put_aside: put_aside::count(&mut reader).await?,
    })
}

/// Cuts messages into runs that fit into one group each.
fn chunks(outgoing: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut chunks: Vec<Vec<Outgoing>> = Vec::new();
    let mut chunk_bytes = 0;
    for message in outgoing {
        let bytes = message.payload.len();
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < GROUP_MESSAGES_MAX && chunk_bytes + bytes <= GROUP_BYTES_MAX => {
                chunk.push(message);
                chunk_bytes += bytes;
            }
            _ => {
                chunks.push(vec![message]);
                chunk_bytes = bytes;
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sizes: &[usize], expected: &[usize]) {
        let outgoing = sizes.iter().map(|&bytes| Outgoing {
            subject: "events.v1.a".into(),
            id: "1".into(),
            payload: vec![0; bytes],
        });
        let lengths: Vec<usize> = chunks(outgoing.collect()).iter().map(Vec::len).collect();
        assert_eq!(lengths, expected);
    }

    #[test]
    fn a_chunk_is_bounded_by_messages_and_by_bytes() {
        check(&[], &[]);
        check(&[1; GROUP_MESSAGES_MAX + 1], &[GROUP_MESSAGES_MAX, 1]);
        check(&[GROUP_BYTES_MAX / 2, GROUP_BYTES_MAX / 2, 1, 1], &[2, 2]);
    }
}
