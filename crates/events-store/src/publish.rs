//! Taking events from a publisher's stream.

use accounts::Caller;
use bus::EventPublisher;
use event::{Event, Violation, Violations};
use futures::StreamExt;
use proto::events::v1::PublishEventsRequest;
use tonic::{Code, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

use crate::metrics::Metrics;
use crate::status::{bad_request, bus_status};

/// Most events handed to the bus together.
const BATCH_EVENTS_MAX: usize = 500;
/// Most events in one call, so that the list of IDs in the answer stays within a message.
const CALL_EVENTS_MAX: usize = 100_000;

/// One call of `PublishEvents`.
pub struct Publishing<'a> {
    publisher: &'a EventPublisher,
    caller: &'a Caller,
    metrics: &'a Metrics,
    /// The IDs of what is durable, in the order of the stream.
    ids: Vec<String>,
    batch: Vec<Event>,
}

impl<'a> Publishing<'a> {
    pub fn new(publisher: &'a EventPublisher, caller: &'a Caller, metrics: &'a Metrics) -> Self {
        Self { publisher, caller, metrics, ids: Vec::new(), batch: Vec::new() }
    }

    /// Publishes the stream in its order, and returns the IDs once all of it is durable.
    pub async fn run(mut self, stream: Streaming<PublishEventsRequest>) -> Result<Vec<String>, Status> {
        // Takes what has arrived already, so a slow publisher's events do not wait for a full batch.
        let mut stream = stream.ready_chunks(BATCH_EVENTS_MAX);
        while let Some(requests) = stream.next().await {
            for request in requests {
                let index = self.ids.len() + self.batch.len();
                match request.map(|request| self.check(request, index)) {
                    Ok(Ok(event)) => self.batch.push(event),
                    Ok(Err(refusal)) => {
                        // What stands before the refused event counts as published, so it has to be.
                        self.flush().await?;
                        return Err(refusal);
                    }
                    Err(broken) => {
                        self.flush().await?;
                        return Err(broken);
                    }
                }
            }
            self.flush().await?;
        }
        Ok(self.ids)
    }

    async fn flush(&mut self) -> Result<(), Status> {
        for (event, result) in self.batch.iter().zip(self.publisher.publish(&self.batch).await) {
            result.map_err(|error| bus_status(&error))?;
            self.ids.push(event.id.to_string());
            self.metrics.published.inc();
        }
        self.batch.clear();
        Ok(())
    }

    fn check(&self, request: PublishEventsRequest, index: usize) -> Result<Event, Status> {
        if index >= CALL_EVENTS_MAX {
            let problem = format!("more than {CALL_EVENTS_MAX} events in one call, expected several calls");
            return Err(refused(index, Code::InvalidArgument, &Violation::new("event", problem).into()));
        }
        let sent = request.event.ok_or_else(|| {
            refused(index, Code::InvalidArgument, &Violation::new("event", "missing, expected an event").into())
        })?;
        let event = proto::check_event(sent, &self.caller.account)
            .map_err(|violations| refused(index, Code::InvalidArgument, &violations))?;
        self.caller.may_act_for(&event.resource.account).map_err(|refusal| {
            refused(index, Code::PermissionDenied, &Violation::new("resource.account", refusal).into())
        })?;
        Ok(event)
    }
}

/// Names the event by its place in the stream, for people and, in the `ErrorInfo`, for programs.
fn refused(index: usize, code: Code, violations: &Violations) -> Status {
    let mut details: ErrorDetails = bad_request(violations);
    details.set_error_info("EVENT_REFUSED", "events.v1", [("index".to_owned(), index.to_string())]);
    let message = format!("event {index} is refused, those before it are published: {violations}");
    Status::with_error_details(code, message, details)
}
