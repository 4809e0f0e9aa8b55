//! Putting a message aside, and saying so.

use cause::{Cause, CauseCode};
use database::DatabaseError;
use emitter::{Emitter, Notice};
use tracing::error;

use crate::metrics::Metrics;
use crate::{DeadLetter, DeadLetters};

/// The type of the event about it.
const EVENT_TYPE: &str = "event_put_aside";

/// Puts messages aside that can never be stored, each with an event about it.
pub struct PutAside {
    pub letters: DeadLetters,
    pub emitter: Emitter,
    pub metrics: Metrics,
}

impl PutAside {
    pub async fn put(&self, letter: DeadLetter) -> Result<(), DatabaseError> {
        if !self.letters.put_aside(letter.clone()).await? {
            return Ok(());
        }
        self.metrics.put_aside.inc();
        let DeadLetter { id, subject, reason, payload, .. } = letter;
        error!(
            message.id = id,
            message.subject = subject,
            message.bytes = payload.len(),
            reason,
            "put a message aside"
        );
        // An event about such an event could go on for ever.
        if subject.ends_with(EVENT_TYPE) {
            return Ok(());
        }
        let hint =
            "Look at it by `anchore-events dead-letters`, mend what the reason names, and `retry` it, or `drop` it.";
        let cause = Cause::new(CauseCode::Parse, format!("message `{id}` cannot be stored: {reason}"), hint)
            .with_retryable(false)
            .with_evidence("subject", subject)
            .with_evidence("payload_bytes", payload.len());
        let notice = Notice {
            kind: event::lookup(EVENT_TYPE).expect("the catalogue of events has it"),
            account: "admin".parse().expect("a valid account name"),
            resource_id: Some(id),
            details: cause.into_details(),
        };
        if let Err(error) = self.emitter.emit(notice).await {
            error!(error = error.chain(), "cannot report that a message was put aside");
        }
        Ok(())
    }
}
