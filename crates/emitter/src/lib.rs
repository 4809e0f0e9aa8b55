//! The library a producer uses: an [`Emitter`] builds an event, has it checked once and publishes it.
//!
//! Relies on `bus` for what is durable and on `event` for what is valid. Deliberately knows neither who listens, nor
//! any particular work.

use std::sync::Arc;

use bus::{BusError, EventPublisher};
use event::{
    AccountName, Clock, DETAILS_BYTES_MAX, Details, Event, EventDraft, EventId, EventKind, Source, Timestamp,
    Violation, Violations,
};
use tracing::debug;

/// Emits the events of one producer.
///
/// An error of [`Emitter::emit`] is for the log: reporting must never break the work that is reported on.
#[derive(Clone)]
pub struct Emitter {
    publisher: EventPublisher,
    clock: Arc<dyn Clock>,
    source: Source,
}

/// What a producer has to say. Type, level, message and the type of the resource come from the catalogue.
#[derive(Debug, Clone)]
pub struct Notice {
    /// From [`event::lookup`].
    pub kind: &'static EventKind,
    /// Who owns the event.
    pub account: AccountName,
    /// `None` for events about nothing in particular.
    pub resource_id: Option<String>,
    pub details: Details,
}

/// Why an event was not emitted.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// A defect of the producer: saying it again would be refused again.
    #[error("the event is not valid")]
    Invalid(#[source] Violations),
    /// The event may or may not be on the bus.
    #[error("the event was not published")]
    NotPublished(#[source] BusError),
}

impl Emitter {
    /// `publisher` leads to a bus that is durable and local, so emitting does not wait for a network; `source` says who
    /// emits.
    pub fn new(publisher: EventPublisher, clock: Arc<dyn Clock>, source: Source) -> Self {
        Self { publisher, clock, source }
    }

    /// Returns the ID of the event once it is durable. The ID is made here, so whatever repeats the event later repeats
    /// it under the same ID.
    pub async fn emit(&self, notice: Notice) -> Result<EventId, EmitError> {
        self.emit_as(EventId::generate(), self.clock.now(), notice).await
    }

    /// Emits what happened at `occurred_at` under an ID that the producer has made and kept, together with the work that
    /// the event tells of. Emitting it again, as after a crash, is harmless.
    pub async fn emit_as(&self, id: EventId, occurred_at: Timestamp, notice: Notice) -> Result<EventId, EmitError> {
        let event = self.prepare_as(id, occurred_at, notice)?;
        self.publish(&event).await?;
        Ok(event.id)
    }

    /// The event that [`Self::emit`] would publish, for a producer that keeps it together with what it is about and
    /// publishes it afterwards.
    ///
    /// # Errors
    /// [`EmitError::Invalid`].
    pub fn prepare(&self, notice: Notice) -> Result<Event, EmitError> {
        self.prepare_as(EventId::generate(), self.clock.now(), notice)
    }

    fn prepare_as(&self, id: EventId, occurred_at: Timestamp, notice: Notice) -> Result<Event, EmitError> {
        let mut found = Violations::default();
        let details_bytes = notice.details.as_json().len();
        if details_bytes > DETAILS_BYTES_MAX {
            let problem = format!("{details_bytes} bytes of JSON, expected at most {DETAILS_BYTES_MAX}");
            found.0.push(Violation::new("details", problem));
        }
        let draft = EventDraft {
            id: Some(id),
            event_type: notice.kind.name().to_owned(),
            level: Some(notice.kind.level),
            message: notice.kind.message.to_owned(),
            details: notice.details,
            account: None,
            resource_type: Some(notice.kind.resource_type.to_owned()),
            resource_id: notice.resource_id,
            source: self.source.clone(),
            occurred_at: Some(occurred_at),
        };
        draft.check(&notice.account, found).map_err(EmitError::Invalid)
    }

    /// Returns once a prepared event is durable. Publishing it again is harmless.
    ///
    /// # Errors
    /// [`EmitError::NotPublished`].
    pub async fn publish(&self, event: &Event) -> Result<(), EmitError> {
        let results = self.publisher.publish(std::slice::from_ref(event)).await;
        let result = results.into_iter().next().unwrap_or_else(|| Err(BusError::unavailable("the bus gave no answer")));
        result.map_err(EmitError::NotPublished)?;
        debug!(event.id = %event.id, event.type = event.event_type, event.level = %event.level, "emitted an event");
        Ok(())
    }
}

impl EmitError {
    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        match self {
            Self::Invalid(violations) => format!("{self}: {violations}"),
            Self::NotPublished(error) => format!("{self}: {}", error.chain()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bus::{Bus, Consumer, ConsumerSpec, Outgoing, Receipt};
    use event::ManualClock;

    use super::*;

    /// Keeps what is published; full from the start, if so wanted.
    #[derive(Default)]
    struct RecordingBus {
        events: Mutex<Vec<Event>>,
        is_full: bool,
    }

    #[async_trait]
    impl Bus for RecordingBus {
        async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
            let publish = |message: Outgoing| {
                if self.is_full {
                    return Err(BusError::Full("no room".to_owned()));
                }
                self.events.lock().unwrap().push(proto::decode_payload(&message.payload).unwrap());
                Ok(Receipt { duplicate: false })
            };
            outgoing.into_iter().map(publish).collect()
        }

        async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
            unreachable!("an emitter reads nothing")
        }

        async fn check(&self) -> Result<(), BusError> {
            Ok(())
        }
    }

    fn emitter(bus: &Arc<RecordingBus>) -> Emitter {
        let clock = ManualClock::at("2018-06-30T03:56:27.711071Z".parse().unwrap());
        let source = Source { service: Some("catalog".to_owned()), ..Source::default() };
        Emitter::new(EventPublisher::new(bus.clone()), Arc::new(clock), source)
    }

    fn notice() -> Notice {
        Notice {
            kind: event::lookup("list_tags_fail").unwrap(),
            account: "alice".parse().unwrap(),
            resource_id: Some("docker.io/wazowskis/sixwheeldrive".to_owned()),
            details: Details::message("m"),
        }
    }

    #[tokio::test]
    async fn an_emitted_event_is_the_catalogue_s_with_the_notice_s_parts() {
        let bus = Arc::new(RecordingBus::default());
        let id = emitter(&bus).emit(notice()).await.unwrap();
        let events = bus.events.lock().unwrap();
        let event = &events[0];
        assert_eq!(event.id, id);
        assert_eq!(event.event_type, "list_tags_fail");
        assert_eq!(event.level, event::Level::Error);
        assert_eq!(event.message, "Failed to list tags in repository");
        assert_eq!(event.resource.account.as_str(), "alice");
        assert_eq!(event.resource.resource_type.as_deref(), Some("repository"));
        assert_eq!(event.resource.id.as_deref(), Some("docker.io/wazowskis/sixwheeldrive"));
        assert_eq!(event.source.service.as_deref(), Some("catalog"));
        assert_eq!(event.occurred_at.to_string(), "2018-06-30T03:56:27.711071Z");
    }

    #[tokio::test]
    async fn an_event_is_repeated_under_the_id_and_time_it_had() {
        let bus = Arc::new(RecordingBus::default());
        let (id, occurred_at) = (EventId::generate(), "2018-06-28T22:36:37.250529Z".parse().unwrap());
        for _ in 0..2 {
            assert_eq!(emitter(&bus).emit_as(id, occurred_at, notice()).await.unwrap(), id);
        }
        let events = bus.events.lock().unwrap();
        assert!(events.iter().all(|event| (event.id, event.occurred_at) == (id, occurred_at)), "{events:?}");
    }

    #[tokio::test]
    async fn what_is_not_published_is_told() {
        let bus = Arc::new(RecordingBus { is_full: true, ..RecordingBus::default() });
        let error = emitter(&bus).emit(notice()).await.unwrap_err();
        assert_eq!(error.chain(), "the event was not published: the bus is full: no room");
    }

    #[tokio::test]
    async fn an_invalid_event_never_reaches_the_bus() {
        let bus = Arc::new(RecordingBus::default());
        let notice = Notice {
            resource_id: Some("a\nb".to_owned()),
            details: Details::message(&"x".repeat(DETAILS_BYTES_MAX)),
            ..notice()
        };
        let error = emitter(&bus).emit(notice).await.unwrap_err();
        assert_eq!(
            error.chain(),
            "the event is not valid: details: 262154 bytes of JSON, expected at most 262144; \
             resource.id: contains the control character U+000A"
        );
        assert!(bus.events.lock().unwrap().is_empty());
    }
}
