//! What is sent.

use event::{AccountName, Event, StoredEvent, Timestamp};
use uuid::Uuid;

/// One event on its way to one endpoint.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The same on every attempt, so that a receiver knows a repeat: `webhook-id`, and the contract's `dataId`.
    pub delivery_id: Uuid,
    pub notification_type: NotificationType,
    pub event: Event,
    /// When the store took the event in.
    pub stored_at: Timestamp,
    /// Of the account that owns the event (contract 6.2).
    pub account_email: String,
    /// When the delivery was made.
    pub queued_at: Timestamp,
    /// When the last attempt before this one was made.
    pub last_attempt_at: Option<Timestamp>,
    /// After which there is no other attempt.
    pub gives_up_at: Timestamp,
}

/// Why something is sent at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotificationType {
    /// An event that happened.
    #[default]
    EventLog,
    /// An event made up to try an endpoint out (contract 6.4).
    Test,
}

impl NotificationType {
    /// As the contract's body and URLs have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventLog => "event_log",
            Self::Test => "test",
        }
    }
}

impl Notification {
    /// Who owns the event.
    pub fn account(&self) -> &AccountName {
        &self.event.resource.account
    }

    pub(crate) fn stored(&self) -> StoredEvent {
        StoredEvent { event: self.event.clone(), stored_at: self.stored_at }
    }
}
