//! One event owed to one endpoint, and the attempts to send it.

use std::time::Duration;

use database::DatabaseError;
use event::{Event, EventId, Resource, Timestamp, canonical_name};
use sea_orm::Set;
use uuid::Uuid;

use crate::breaker::Trouble;
use crate::endpoint_key::EndpointKey;
use crate::entity::{attempts, deliveries};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// To be sent, or being sent.
    Pending,
    Delivered,
    /// Given up: in the dead letter.
    Dead,
}

impl DeliveryStatus {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Delivery {
    /// In the order in which events were taken from the bus.
    pub position: i64,
    /// The same on every attempt.
    pub id: Uuid,
    pub endpoint: EndpointKey,
    pub event: Event,
    /// When the store took the event in, if that was heard of.
    pub stored_at: Option<Timestamp>,
    pub status: DeliveryStatus,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub expires_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The one under way included.
    pub attempt_count: u32,
    /// The one under way excluded.
    pub last_attempt_at: Option<Timestamp>,
    pub reason: Option<String>,
    /// Whoever is sending it.
    pub lease: Option<Uuid>,
}

/// A delivery to be made.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub endpoint: EndpointKey,
    pub event: Event,
    pub stored_at: Option<Timestamp>,
    pub due_at: Timestamp,
    pub expires_at: Timestamp,
    /// Why it is given up at once.
    pub given_up: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Status 2xx.
    Delivered,
    /// Another status.
    Refused,
    NotAnswered,
    /// Whoever made it ended before the answer was recorded.
    Unknown,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Refused, Self::NotAnswered, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::NotAnswered => "not_answered",
            Self::Unknown => "unknown",
        }
    }
}

/// One request made for a delivery.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    pub started_at: Timestamp,
    /// `None` while it is under way.
    pub outcome: Option<Outcome>,
    pub latency: Option<Duration>,
    pub status: Option<u16>,
    /// Why it failed.
    pub trouble: Option<Trouble>,
    /// The first bytes of the answer.
    pub answer: String,
    pub retry_after: Option<Duration>,
}

/// The row of a new delivery.
pub fn row(new: &NewDelivery, now: Timestamp) -> deliveries::ActiveModel {
    let NewDelivery { endpoint, event, stored_at, due_at, expires_at, given_up } = new;
    let status = if given_up.is_some() { DeliveryStatus::Dead } else { DeliveryStatus::Pending };
    deliveries::ActiveModel {
        id: Set(Uuid::now_v7()),
        endpoint: Set(endpoint.to_string()),
        event_id: Set(event.id.as_uuid()),
        payload: Set(proto::encode_payload(event)),
        account: Set(event.resource.account.to_string()),
        level: Set(event.level.as_str().to_owned()),
        event_type: Set(event.event_type.clone()),
        type_name: Set(canonical_name(&event.event_type)),
        message: Set(event.message.clone()),
        service: Set(event.source.service.clone()),
        host_id: Set(event.source.host_id.clone()),
        resource_type: Set(event.resource.resource_type.clone()),
        resource_id: Set(event.resource.id.clone()),
        occurred_at: Set(event.occurred_at.as_micros()),
        stored_at: Set(stored_at.map(Timestamp::as_micros)),
        resource: Set(ordering_key(&event.resource)),
        status: Set(status.as_str().to_owned()),
        created_at: Set(now.as_micros()),
        due_at: Set(due_at.as_micros()),
        expires_at: Set(expires_at.as_micros()),
        finished_at: Set(given_up.is_some().then(|| now.as_micros())),
        attempt_count: Set(0),
        last_attempt_at: Set(None),
        reason: Set(given_up.clone()),
        lease: Set(None),
        leased_until: Set(None),
        ..deliveries::ActiveModel::default()
    }
}

/// What an ordered endpoint keeps in order. Parts are told apart by a character that no part may hold.
fn ordering_key(resource: &Resource) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}\n{}\n{}", resource.account, part(&resource.resource_type), part(&resource.id))
}

/// # Errors
/// A row that we never wrote: somebody changed the table by hand.
pub fn delivery(row: deliveries::Model) -> Result<Delivery, DatabaseError> {
    let id = row.id;
    let damaged = |column: &str| DatabaseError::damaged(format!("delivery {id} has an invalid `{column}`"));
    let at = |column: &'static str, micros: i64| Timestamp::from_micros(micros).ok_or_else(|| damaged(column));
    let maybe_at = |column, micros: Option<i64>| micros.map(|micros| at(column, micros)).transpose();
    let event = proto::decode_payload(&row.payload).map_err(|_| damaged("payload"))?;
    debug_assert_eq!(event.id, EventId::from(row.event_id));
    let status = DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == row.status);
    Ok(Delivery {
        position: row.position,
        id,
        endpoint: EndpointKey::stored(row.endpoint),
        event,
        stored_at: maybe_at("stored_at", row.stored_at)?,
        status: status.ok_or_else(|| damaged("status"))?,
        created_at: at("created_at", row.created_at)?,
        due_at: at("due_at", row.due_at)?,
        expires_at: at("expires_at", row.expires_at)?,
        finished_at: maybe_at("finished_at", row.finished_at)?,
        attempt_count: u32::try_from(row.attempt_count).map_err(|_| damaged("attempt_count"))?,
        last_attempt_at: maybe_at("last_attempt_at", row.last_attempt_at)?,
        reason: row.reason,
        lease: row.lease,
    })
}

/// # Errors
/// As for [`delivery`].
pub fn attempt(row: attempts::Model) -> Result<Attempt, DatabaseError> {
    let number = row.number;
    let damaged = |column: &str| DatabaseError::damaged(format!("attempt {number} has an invalid `{column}`"));
    let span = |micros: i64| u64::try_from(micros).ok().map(Duration::from_micros);
    let outcome = row.outcome.map(|name| {
        let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name);
        known.ok_or_else(|| damaged("outcome"))
    });
    let status = row.status.and_then(|status| u16::try_from(status).ok());
    let trouble = row.cause.map(|code| Trouble {
        code,
        reason: row.reason.unwrap_or_default(),
        hint: row.hint.unwrap_or_default(),
        status,
    });
    Ok(Attempt {
        number: u32::try_from(number).map_err(|_| damaged("number"))?,
        started_at: Timestamp::from_micros(row.started_at).ok_or_else(|| damaged("started_at"))?,
        outcome: outcome.transpose()?,
        latency: row.latency_micros.and_then(span),
        status,
        trouble,
        answer: row.answer.unwrap_or_default(),
        retry_after: row.retry_after_micros.and_then(span),
    })
}
