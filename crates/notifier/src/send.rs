//! One delivery on its way: from the row to the request, and from the answer to what is recorded.

use std::sync::Arc;
use std::time::Duration;

use event::{AccountName, Clock, EventDraft, EventId, Level, Source, Timestamp, Violations};
use uuid::Uuid;
use webhook::{Networks, Notification, NotificationType, Sender, SenderConfig, SenderError, SystemTrust, Vetting};

use crate::breaker::{Failure, Trouble};
use crate::delivery::{Attempt, Delivery, Outcome};
use crate::endpoint::Endpoint;
use crate::ledger::Finished;
use crate::schedule::Schedule;

/// Statuses by which a receiver refuses the one request, and may well take another (RFC 9110, section 15.5): bad request,
/// conflict, and those about its body.
const ABOUT_THIS_ONE: [u16; 7] = [400, 406, 409, 411, 413, 415, 422];

/// Which addresses a webhook may reach.
pub fn vetting(networks: Networks) -> Vetting {
    Vetting::new(networks, webhook::NETWORKS_SETTING)
}

/// Sends to one endpoint.
#[derive(Clone)]
pub struct Courier {
    sender: Sender,
    retry: Schedule,
    clock: Arc<dyn Clock>,
}

impl Courier {
    /// Couriers that are made together share `system_trust`.
    ///
    /// # Errors
    /// What cannot be sent with; settings that were checked can.
    pub fn new(
        endpoint: &Endpoint,
        system_trust: SystemTrust,
        vetting: Vetting,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SenderError> {
        let config = SenderConfig { system_trust, ..endpoint.sender.clone() };
        let sender = Sender::new(config, vetting, Arc::clone(&clock))?;
        Ok(Self { sender, retry: endpoint.retry.clone(), clock })
    }

    /// Makes the attempt that `delivery` was claimed for.
    pub async fn send(&self, delivery: Delivery) -> Finished {
        let notification = Notification {
            delivery_id: delivery.id,
            notification_type: NotificationType::EventLog,
            event: delivery.event.clone(),
            stored_at: delivery.stored_at.unwrap_or(delivery.created_at),
            account_email: String::new(),
            queued_at: delivery.created_at,
            last_attempt_at: delivery.last_attempt_at,
            gives_up_at: delivery.expires_at,
        };
        let made = self.sender.send(&notification).await;
        let (attempt, failure) = self.read(delivery.attempt_count, made);
        let retry_after = failure.as_ref().and_then(|failure| failure.retry_after);
        let due_at = failure.as_ref().and_then(|_| {
            let now = self.clock.now();
            self.retry.next(delivery.attempt_count, now, delivery.expires_at, retry_after, fastrand::f64())
        });
        Finished { delivery, attempt, failure, due_at }
    }

    /// Sends an event that is made up. It belongs to `account`.
    pub async fn test(&self, account: &AccountName, source: Source) -> (Attempt, Option<Failure>) {
        let now = self.clock.now();
        let kind = event::lookup("system.test.random_wisdom").expect("the catalogue of events has it");
        let draft = EventDraft {
            id: Some(EventId::generate()),
            event_type: kind.name().to_owned(),
            level: Some(Level::Info),
            message: "A test of this webhook: nothing has happened".to_owned(),
            resource_type: Some(kind.resource_type.to_owned()),
            source,
            occurred_at: Some(now),
            ..EventDraft::default()
        };
        let notification = Notification {
            delivery_id: Uuid::now_v7(),
            notification_type: NotificationType::Test,
            event: draft.check(account, Violations::default()).expect("an event of our own making is valid"),
            stored_at: now,
            account_email: String::new(),
            queued_at: now,
            last_attempt_at: None,
            gives_up_at: now,
        };
        self.read(1, self.sender.send(&notification).await)
    }

    fn read(&self, number: u32, made: webhook::Attempt) -> (Attempt, Option<Failure>) {
        let webhook::Attempt { started_at, duration, outcome } = made;
        let status = outcome.status().map(|status| status.as_u16());
        let until = |at: Timestamp| at.since(self.clock.now());
        let retry_after: Option<Duration> = outcome.retry_at().map(until);
        let trouble = outcome.cause().map(|cause| Trouble {
            code: cause.code().as_str().to_owned(),
            reason: cause.summary(),
            hint: cause.hint(),
            status,
        });
        let failure = trouble.clone().map(|trouble| Failure {
            trouble,
            is_about_this_one: status.is_some_and(|status| ABOUT_THIS_ONE.contains(&status)),
            is_gone: outcome.is_gone(),
            retry_after,
        });
        let attempt = Attempt {
            number,
            started_at,
            outcome: Some(match outcome {
                webhook::Outcome::Delivered(_) => Outcome::Delivered,
                webhook::Outcome::Refused { .. } => Outcome::Refused,
                webhook::Outcome::NotAnswered(_) => Outcome::NotAnswered,
            }),
            latency: Some(duration),
            status,
            trouble,
            answer: outcome.reply().map(|reply| reply.beginning.clone()).unwrap_or_default(),
            retry_after,
        };
        (attempt, failure)
    }
}
