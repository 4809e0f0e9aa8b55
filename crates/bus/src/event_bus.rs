//! Events above the seam: the one place where they become messages and messages become events.

use std::sync::Arc;
use std::time::Duration;

use event::Event;
use proto::PayloadError;

use crate::{
    Bus, BusError, Consumer, ConsumerSpec, Message, Outgoing, Receipt, Settlement, Token, Verdict, event_subject,
};

/// Publishes events; the message's ID is the event's, so that publishing again is harmless.
#[derive(Clone)]
pub struct EventPublisher {
    bus: Arc<dyn Bus>,
}

impl EventPublisher {
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus }
    }

    /// Publishes in the order given. Result `i` is for event `i`: `Ok` once it is durable.
    pub async fn publish(&self, events: &[Event]) -> Vec<Result<Receipt, BusError>> {
        let outgoing = events.iter().map(|event| Outgoing {
            subject: event_subject(event),
            id: event.id.to_string(),
            payload: proto::encode_payload(event),
        });
        self.bus.publish(outgoing.collect()).await
    }
}

/// An event as a consumer holds it, until it is settled.
#[derive(Debug)]
pub struct EventMessage {
    pub event: Event,
    /// 1 on the first delivery.
    pub attempt: u32,
    pub token: Token,
}

/// A message that is no event, and never will be.
#[derive(Debug)]
pub struct Unreadable {
    pub message: Message,
    pub reason: PayloadError,
}

/// What one fetch has brought.
#[derive(Debug, Default)]
pub struct Fetched {
    /// In the order of the stream.
    pub events: Vec<EventMessage>,
    pub unreadable: Vec<Unreadable>,
}

impl Fetched {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.unreadable.is_empty()
    }
}

/// Reads events.
pub struct EventConsumer {
    consumer: Arc<dyn Consumer>,
}

impl EventConsumer {
    pub async fn open(bus: &dyn Bus, spec: &ConsumerSpec) -> Result<Self, BusError> {
        Ok(Self { consumer: bus.consumer(spec).await? })
    }

    /// Up to `max` messages: at once what is there, else as soon as there is one, else none after `wait`.
    pub async fn fetch(&self, max: usize, wait: Duration) -> Result<Fetched, BusError> {
        let mut fetched = Fetched::default();
        for message in self.consumer.fetch(max, wait).await? {
            match proto::decode_payload(&message.payload) {
                Ok(event) => {
                    fetched.events.push(EventMessage { event, attempt: message.attempt, token: message.token });
                }
                Err(reason) => fetched.unreadable.push(Unreadable { message, reason }),
            }
        }
        Ok(fetched)
    }

    /// Settles every one of `tokens` alike. What cannot be settled is delivered again.
    pub async fn settle(&self, tokens: impl IntoIterator<Item = Token>, verdict: Verdict) -> Result<(), BusError> {
        let settlements = tokens.into_iter().map(|token| Settlement { token, verdict });
        self.consumer.settle(settlements.collect()).await
    }
}
