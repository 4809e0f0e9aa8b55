//! A bus for the seam: hands out jobs, and shows what was published, told and settled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bus::{
    Bus, BusError, Consumer, ConsumerSpec, Message, Notes, Outgoing, Receipt, Settlement, StoredNote, Token, Topic,
    Verdict,
};
use event::Event;
use futures::StreamExt;
use futures::stream::BoxStream;

/// Clones are the same bus.
#[derive(Clone, Default)]
pub struct MemoryBus(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    events: Vec<Event>,
    /// Messages that were not acknowledged yet, each with the deliveries so far.
    jobs: Vec<(Outgoing, u32)>,
    confirmed: Vec<String>,
    verdicts: Vec<(String, Verdict)>,
    is_down: bool,
}

impl MemoryBus {
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    /// IDs of the messages that were told to be safe.
    pub fn confirmed(&self) -> Vec<String> {
        self.0.lock().unwrap().confirmed.clone()
    }

    pub fn verdicts(&self) -> Vec<(String, Verdict)> {
        self.0.lock().unwrap().verdicts.clone()
    }

    /// A message as it is, whatever it holds.
    pub fn leave(&self, outgoing: Outgoing) {
        self.0.lock().unwrap().jobs.push((outgoing, 0));
    }

    /// While it is down, nothing can be published.
    pub fn set_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let mut inner = self.0.lock().unwrap();
        let publish = |message: Outgoing| {
            if inner.is_down {
                return Err(BusError::unavailable("down for the test"));
            }
            message.check()?;
            assert!(Topic::Events.holds(&message.subject), "{}", message.subject);
            let event = proto::decode_payload(&message.payload).unwrap();
            // As every bus does, it knows a message by its ID.
            let duplicate = inner.events.iter().any(|known| known.id == event.id);
            if !duplicate {
                inner.events.push(event);
            }
            Ok(Receipt { duplicate })
        };
        outgoing.into_iter().map(publish).collect()
    }

    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        assert_eq!(spec.reads, Some(Topic::AnalysisJobs));
        Ok(Arc::new(self.clone()))
    }

    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}

#[async_trait]
impl Consumer for MemoryBus {
    async fn fetch(&self, max: usize, wait: Duration) -> Result<Vec<Message>, BusError> {
        let fetched: Vec<Message> = {
            let mut inner = self.0.lock().unwrap();
            let undelivered = inner.jobs.iter_mut().filter(|(_, deliveries)| *deliveries == 0).take(max);
            let deliver = |(job, deliveries): &mut (Outgoing, u32)| {
                *deliveries += 1;
                Message {
                    id: job.id.clone(),
                    subject: job.subject.clone(),
                    payload: job.payload.clone(),
                    attempt: *deliveries,
                    token: Token(job.id.clone()),
                }
            };
            undelivered.map(deliver).collect()
        };
        if fetched.is_empty() {
            tokio::time::sleep(wait.min(Duration::from_millis(10))).await;
        }
        Ok(fetched)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), BusError> {
        let mut inner = self.0.lock().unwrap();
        inner.verdicts.extend(settlements.into_iter().map(|settlement| (settlement.token.0, settlement.verdict)));
        Ok(())
    }
}

#[async_trait]
impl Notes for MemoryBus {
    async fn tell(&self, topic: &str, note: Vec<u8>) -> Result<(), BusError> {
        assert_eq!(topic, bus::STORED);
        self.0.lock().unwrap().confirmed.extend(StoredNote::decode(&note).unwrap().ids);
        Ok(())
    }

    async fn hear(&self, _topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError> {
        Ok(futures::stream::pending().boxed())
    }
}
