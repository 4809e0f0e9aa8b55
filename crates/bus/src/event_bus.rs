//! Events above the seam: the one place where they become messages and messages become events.

use std::sync::Arc;
use std::time::Duration;

use event::Event;
use tracing::error;

use crate::{Bus, BusError, Consumer, ConsumerSpec, Outgoing, Receipt, Settlement, Token, Verdict, event_subject};

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
    token: Token,
}

/// Reads events. A message that is no event is rejected and logged here, and never reaches a service.
pub struct EventConsumer {
    consumer: Arc<dyn Consumer>,
    name: &'static str,
}

impl EventConsumer {
    pub async fn open(bus: &dyn Bus, spec: &ConsumerSpec) -> Result<Self, BusError> {
        Ok(Self { consumer: bus.consumer(spec).await?, name: spec.name })
    }

    /// Up to `max` events: at once what is there, else as soon as there is one, else none after `wait`.
    pub async fn fetch(&self, max: usize, wait: Duration) -> Result<Vec<EventMessage>, BusError> {
        let mut events = Vec::new();
        let mut rejected = Vec::new();
        for message in self.consumer.fetch(max, wait).await? {
            match proto::decode_payload(&message.payload) {
                Ok(event) => events.push(EventMessage { event, attempt: message.attempt, token: message.token }),
                Err(reason) => {
                    error!(
                        consumer = self.name, message.id = message.id, message.subject = message.subject,
                        message.bytes = message.payload.len(), reason = %chain(&reason),
                        "put aside a message that is no event"
                    );
                    rejected.push(Settlement { token: message.token, verdict: Verdict::Reject });
                }
            }
        }
        if !rejected.is_empty() {
            self.consumer.settle(rejected).await?;
        }
        Ok(events)
    }

    /// Settles every one of `messages` alike. What cannot be settled is delivered again.
    pub async fn settle(&self, messages: Vec<EventMessage>, verdict: Verdict) -> Result<(), BusError> {
        let settlements = messages.into_iter().map(|message| Settlement { token: message.token, verdict });
        self.consumer.settle(settlements.collect()).await
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
