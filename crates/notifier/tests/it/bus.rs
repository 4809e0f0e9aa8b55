//! A bus in memory. What is published on it is read from it again, so the notifier gets its own events too.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bus::{Bus, BusError, Consumer, ConsumerSpec, Message, Notes, Outgoing, Receipt, Settlement, Token, Verdict};
use event::Event;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{Notify, broadcast};
use tokio_stream::wrappers::BroadcastStream;

/// One log with one reader, whose place all openings share.
pub struct MemoryBus {
    log: Mutex<Log>,
    added: Notify,
    notes: broadcast::Sender<Vec<u8>>,
}

#[derive(Default)]
struct Log {
    messages: Vec<Outgoing>,
    read: usize,
    /// To be delivered again.
    again: Vec<usize>,
}

impl MemoryBus {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { log: Mutex::default(), added: Notify::new(), notes: broadcast::channel(1024).0 })
    }

    /// Every event that was published.
    pub fn events(&self) -> Vec<Event> {
        let log = self.log.lock().unwrap();
        log.messages.iter().map(|message| proto::decode_payload(&message.payload).unwrap()).collect()
    }

    /// Delivers everything once more, as after a lost acknowledgement.
    pub fn deliver_again(&self) {
        let mut log = self.log.lock().unwrap();
        log.again = (0..log.read).collect();
        drop(log);
        self.added.notify_waiters();
    }

    /// How many hear notes.
    pub fn listeners(&self) -> usize {
        self.notes.receiver_count()
    }

    pub fn is_read(&self) -> bool {
        let log = self.log.lock().unwrap();
        log.again.is_empty() && log.read == log.messages.len()
    }

    fn take(&self, max: usize) -> Vec<Message> {
        let mut log = self.log.lock().unwrap();
        let count = max.min(log.again.len());
        let mut positions: Vec<usize> = log.again.drain(..count).collect();
        let end = log.messages.len().min(log.read + max - positions.len());
        positions.extend(log.read..end);
        log.read = end;
        let message = |position: &usize| {
            let Outgoing { id, subject, payload } = log.messages[*position].clone();
            Message { id, subject, payload, attempt: 1, token: Token(position.to_string()) }
        };
        positions.iter().map(message).collect()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let results = outgoing.iter().map(|_| Ok(Receipt { duplicate: false })).collect();
        self.log.lock().unwrap().messages.extend(outgoing);
        self.added.notify_waiters();
        results
    }

    async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        unreachable!("`Shared` opens consumers")
    }

    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}

#[async_trait]
impl Notes for MemoryBus {
    async fn tell(&self, _topic: &str, note: Vec<u8>) -> Result<(), BusError> {
        // Nobody may be listening.
        let _ = self.notes.send(note);
        Ok(())
    }

    async fn hear(&self, _topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError> {
        Ok(BroadcastStream::new(self.notes.subscribe()).filter_map(async |note| note.ok()).boxed())
    }
}

/// The bus as the notifier holds it.
pub struct Shared(pub Arc<MemoryBus>);

#[async_trait]
impl Bus for Shared {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        self.0.publish(outgoing).await
    }

    async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        Ok(Arc::new(Reader(Arc::clone(&self.0))))
    }

    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}

struct Reader(Arc<MemoryBus>);

#[async_trait]
impl Consumer for Reader {
    async fn fetch(&self, max: usize, wait: Duration) -> Result<Vec<Message>, BusError> {
        let added = self.0.added.notified();
        let found = self.0.take(max);
        if !found.is_empty() {
            return Ok(found);
        }
        let _ = tokio::time::timeout(wait, added).await;
        Ok(self.0.take(max))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), BusError> {
        let again = settlements.iter().filter(|settlement| matches!(settlement.verdict, Verdict::Retry { .. }));
        let again: Vec<usize> = again.map(|settlement| settlement.token.0.parse().unwrap()).collect();
        self.0.log.lock().unwrap().again.extend(again);
        Ok(())
    }
}
