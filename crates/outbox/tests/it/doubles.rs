//! A log and a bus that do as they are told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bus::{
    Bus, BusError, Consumer, ConsumerFill, ConsumerSpec, Fill, Log, Message, Notes, Outgoing, Receipt, Settlement,
    Token, Verdict,
};
use event::{Event, Timestamp};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::Notify;
use tokio::sync::broadcast::{self, Receiver, Sender};

pub fn now() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().expect("a time")
}

/// What a test has locked it unlocks, so no lock is ever poisoned.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds it")
}

/// A log of which everything can be set. Its one consumer is given what `deliver` is.
#[derive(Clone)]
pub struct FakeLog(Arc<State>);

struct State {
    fill: Mutex<Fill>,
    is_full: Mutex<bool>,
    events: Mutex<Vec<Event>>,
    deliveries: Mutex<VecDeque<Vec<Message>>>,
    delivered: Notify,
    settled: Mutex<Vec<(String, Verdict)>>,
    put_aside: Mutex<Vec<(String, String)>>,
}

impl FakeLog {
    pub fn new() -> Self {
        let fill = Fill {
            bytes: 0,
            bytes_max: 100 << 20,
            messages: 0,
            oldest_at: None,
            age_max: Duration::from_hours(100),
            put_aside: 0,
            consumers: Vec::new(),
        };
        Self(Arc::new(State {
            fill: Mutex::new(fill),
            is_full: Mutex::default(),
            events: Mutex::default(),
            deliveries: Mutex::default(),
            delivered: Notify::new(),
            settled: Mutex::default(),
            put_aside: Mutex::default(),
        }))
    }

    pub fn set(&self, change: impl FnOnce(&mut Fill)) {
        change(&mut lock(&self.0.fill));
    }

    /// Whether it refuses new messages.
    pub fn set_full(&self, is_full: bool) {
        *lock(&self.0.is_full) = is_full;
    }

    pub fn events(&self) -> Vec<Event> {
        lock(&self.0.events).clone()
    }

    pub fn types(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.event_type).collect()
    }

    pub fn deliver(&self, batch: Vec<Message>) {
        lock(&self.0.deliveries).push_back(batch);
        self.0.delivered.notify_one();
    }

    /// Tokens and verdicts.
    pub fn settled(&self) -> Vec<(String, Verdict)> {
        lock(&self.0.settled).clone()
    }

    /// IDs and reasons.
    pub fn aside(&self) -> Vec<(String, String)> {
        lock(&self.0.put_aside).clone()
    }
}

pub fn consumer(name: &str, behind: u64, is_absent: bool) -> ConsumerFill {
    ConsumerFill { name: name.to_owned(), behind, is_absent }
}

#[async_trait]
impl Bus for FakeLog {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let is_full = *lock(&self.0.is_full);
        let publish = |message: Outgoing| {
            if is_full {
                return Err(BusError::Full("no room".to_owned()));
            }
            lock(&self.0.events).push(proto::decode_payload(&message.payload).expect("an event"));
            Ok(Receipt { duplicate: false })
        };
        outgoing.into_iter().map(publish).collect()
    }

    async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        Ok(Arc::new(self.clone()))
    }

    async fn check(&self) -> Result<(), BusError> {
        if *lock(&self.0.is_full) { Err(BusError::unavailable("disk full")) } else { Ok(()) }
    }
}

#[async_trait]
impl Log for FakeLog {
    async fn fill(&self) -> Result<Fill, BusError> {
        Ok(lock(&self.0.fill).clone())
    }

    async fn put_aside(&self, id: &str, reason: &str) -> Result<bool, BusError> {
        lock(&self.0.put_aside).push((id.to_owned(), reason.to_owned()));
        Ok(true)
    }
}

#[async_trait]
impl Consumer for FakeLog {
    async fn fetch(&self, _max: usize, _wait: Duration) -> Result<Vec<Message>, BusError> {
        loop {
            let delivered = self.0.delivered.notified();
            if let Some(batch) = lock(&self.0.deliveries).pop_front() {
                return Ok(batch);
            }
            delivered.await;
        }
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), BusError> {
        let settled = settlements.into_iter().map(|settlement| (settlement.token.0, settlement.verdict));
        lock(&self.0.settled).extend(settled);
        Ok(())
    }
}

pub fn message(id: &str, attempt: u32) -> Message {
    Message {
        id: id.to_owned(),
        subject: "events.v1.admin.info.test.made".to_owned(),
        payload: id.as_bytes().to_vec(),
        attempt,
        token: Token(format!("{id}.{attempt}")),
    }
}

/// What a bus says to the publishing of a message.
pub type Answer = fn(&str) -> Result<Receipt, BusError>;

pub const TAKEN: Answer = |_| Ok(Receipt { duplicate: false });

/// A bus that answers as it is told, and records what it took.
pub struct FakeBus {
    answer: Mutex<Answer>,
    taken: Mutex<Vec<String>>,
    is_away: Mutex<bool>,
    notes: Sender<(String, Vec<u8>)>,
}

impl FakeBus {
    pub fn new(answer: Answer) -> Arc<Self> {
        let notes = broadcast::channel(16).0;
        Arc::new(Self { answer: Mutex::new(answer), taken: Mutex::default(), is_away: Mutex::default(), notes })
    }

    pub fn set_answer(&self, answer: Answer) {
        *lock(&self.answer) = answer;
    }

    pub fn set_away(&self, is_away: bool) {
        *lock(&self.is_away) = is_away;
    }

    /// The IDs of what it took, in order.
    pub fn taken(&self) -> Vec<String> {
        lock(&self.taken).clone()
    }
}

#[async_trait]
impl Bus for FakeBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let answer = *lock(&self.answer);
        let publish = |message: Outgoing| {
            let answered = answer(&message.id);
            if answered.is_ok() {
                lock(&self.taken).push(message.id);
            }
            answered
        };
        outgoing.into_iter().map(publish).collect()
    }

    async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        unreachable!("nobody reads the bus here")
    }

    async fn check(&self) -> Result<(), BusError> {
        if *lock(&self.is_away) { Err(BusError::unavailable("away")) } else { Ok(()) }
    }
}

#[async_trait]
impl Notes for FakeBus {
    async fn tell(&self, topic: &str, note: Vec<u8>) -> Result<(), BusError> {
        // Nobody hears it at the moment.
        let _ = self.notes.send((topic.to_owned(), note));
        Ok(())
    }

    async fn hear(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError> {
        let next = |(mut heard, topic): (Receiver<(String, Vec<u8>)>, String)| async move {
            loop {
                let (told, note) = heard.recv().await.ok()?;
                if told == topic {
                    return Some((note, (heard, topic)));
                }
            }
        };
        Ok(futures::stream::unfold((self.notes.subscribe(), topic.to_owned()), next).boxed())
    }
}
