//! An event, and an event as it was stored.

use crate::{AccountName, Details, EventId, Level, Timestamp};

/// A fact that an emitter published. Made by [`crate::EventDraft::check`]; a store that reads its own rows may build
/// it directly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    /// The type as the emitter wrote it, flat (`list_tags_fail`) or dotted (`system.repository.list_tags_fail`).
    pub event_type: String,
    pub level: Level,
    /// One sentence for people; the same for every event of a type.
    pub message: String,
    pub details: Details,
    pub resource: Resource,
    pub source: Source,
    /// The emitter's clock when it built the event.
    pub occurred_at: Timestamp,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Who owns the event: decides who sees it.
    pub account: AccountName,
    /// Such as `repository` or `image_digest`; absent for events about nothing in particular.
    pub resource_type: Option<String>,
    pub id: Option<String>,
}

/// Who emitted an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Such as `catalog` or `policy_engine`.
    pub service: Option<String>,
    /// The `host_id` of the emitter's configuration.
    pub host_id: Option<String>,
    pub base_url: Option<String>,
    pub request_id: Option<String>,
}

/// An event with the time at which the store took it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    pub event: Event,
    /// The store's clock.
    pub stored_at: Timestamp,
}
