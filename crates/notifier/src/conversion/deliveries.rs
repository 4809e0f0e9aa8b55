//! Deliveries and attempts in the interface.

use proto::notifier::v1;
use proto::timestamp_to_proto;

use super::duration_to_proto;
use crate::delivery::{Attempt, Delivery, DeliveryStatus, Outcome};

/// `details`: whether to show the event's details; a list leaves them out.
pub fn delivery_to_proto(delivery: &Delivery, attempts: &[Attempt], details: bool) -> v1::Delivery {
    let mut event: proto::events::v1::Event = delivery.event.clone().into();
    event.stored_at = delivery.stored_at.map(timestamp_to_proto);
    if !details {
        event.details_json = String::new();
    }
    let state = match delivery.status {
        DeliveryStatus::Pending => v1::DeliveryState::Pending,
        DeliveryStatus::Delivered => v1::DeliveryState::Delivered,
        DeliveryStatus::Dead => v1::DeliveryState::Dead,
    };
    let is_pending = delivery.status == DeliveryStatus::Pending;
    v1::Delivery {
        id: delivery.id.to_string(),
        endpoint: delivery.endpoint.name().to_owned(),
        endpoint_account: delivery.endpoint.account().map(|account| account.to_string()).unwrap_or_default(),
        event: Some(event),
        state: state.into(),
        attempt_count: i32::try_from(delivery.attempt_count).unwrap_or(i32::MAX),
        created_at: Some(timestamp_to_proto(delivery.created_at)),
        due_at: is_pending.then(|| timestamp_to_proto(delivery.due_at)),
        expires_at: Some(timestamp_to_proto(delivery.expires_at)),
        finished_at: delivery.finished_at.map(timestamp_to_proto),
        reason: delivery.reason.clone().unwrap_or_default(),
        attempts: attempts.iter().map(attempt_to_proto).collect(),
    }
}

pub fn attempt_to_proto(attempt: &Attempt) -> v1::Attempt {
    let outcome = match attempt.outcome {
        None => v1::AttemptOutcome::UnderWay,
        Some(Outcome::Delivered) => v1::AttemptOutcome::Delivered,
        Some(Outcome::Refused) => v1::AttemptOutcome::Refused,
        Some(Outcome::NotAnswered) => v1::AttemptOutcome::NotAnswered,
        Some(Outcome::Unknown) => v1::AttemptOutcome::Unknown,
    };
    let trouble = attempt.trouble.as_ref();
    v1::Attempt {
        number: i32::try_from(attempt.number).unwrap_or(i32::MAX),
        started_at: Some(timestamp_to_proto(attempt.started_at)),
        outcome: outcome.into(),
        status: attempt.status.map(i32::from).unwrap_or_default(),
        cause: trouble.map(|trouble| trouble.code.clone()).unwrap_or_default(),
        reason: trouble.map(|trouble| trouble.reason.clone()).unwrap_or_default(),
        hint: trouble.map(|trouble| trouble.hint.clone()).unwrap_or_default(),
        latency: attempt.latency.map(duration_to_proto),
        answer: attempt.answer.clone(),
        retry_after: attempt.retry_after.map(duration_to_proto),
    }
}

pub fn statuses_from_proto(states: &[i32]) -> Result<Vec<DeliveryStatus>, String> {
    let read = |state: &i32| match v1::DeliveryState::try_from(*state) {
        Ok(v1::DeliveryState::Pending) => Ok(DeliveryStatus::Pending),
        Ok(v1::DeliveryState::Delivered) => Ok(DeliveryStatus::Delivered),
        Ok(v1::DeliveryState::Dead) => Ok(DeliveryStatus::Dead),
        _ => Err(format!("unknown state number {state}")),
    };
    states.iter().map(read).collect()
}
