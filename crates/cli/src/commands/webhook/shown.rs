//! What the notifier answers, in words and as trees.

use std::time::Duration;

use event::{Json, Timestamp};
use proto::events::v1::{EventFilter, Level};
use proto::notifier::v1;
use proto::timestamp_from_proto;

use crate::output::{number, object, text};
use crate::span::show_span;

/// A time; empty where there is none.
pub fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(|at| timestamp_from_proto(at).ok()).map(|at| at.to_string()).unwrap_or_default()
}

/// From `earlier` to `later`, where both are known and in this order.
pub fn between(earlier: Option<&prost_types::Timestamp>, later: Option<&prost_types::Timestamp>) -> Option<Duration> {
    let read = |at: Option<&prost_types::Timestamp>| -> Option<Timestamp> { timestamp_from_proto(at?).ok() };
    let (earlier, later) = (read(earlier)?, read(later)?);
    (later >= earlier).then(|| later.since(earlier))
}

pub fn span(span: Option<&prost_types::Duration>) -> String {
    span.and_then(|span| Duration::try_from(*span).ok()).map(show_span).unwrap_or_default()
}

pub fn format(format: i32) -> &'static str {
    match v1::Format::try_from(format) {
        Ok(v1::Format::Event) => "event",
        Ok(v1::Format::Cloudevents) => "cloudevents",
        Ok(v1::Format::CloudeventsBinary) => "cloudevents-binary",
        Ok(v1::Format::Slack) => "slack",
        Ok(v1::Format::Anchore | v1::Format::Unspecified) | Err(_) => "anchore",
    }
}

pub fn condition(status: &v1::EndpointStatus) -> &'static str {
    match v1::Condition::try_from(status.condition) {
        Ok(v1::Condition::Failing) => "failing",
        Ok(v1::Condition::Paused) => "paused",
        Ok(v1::Condition::Stopped) => "stopped",
        _ => "ok",
    }
}

pub fn state(delivery: &v1::Delivery) -> &'static str {
    match v1::DeliveryState::try_from(delivery.state) {
        Ok(v1::DeliveryState::Delivered) => "delivered",
        Ok(v1::DeliveryState::Dead) => "given up",
        _ => "waiting",
    }
}

/// What an endpoint gets, in a line: `level ERROR, type feed_*`.
pub fn rule(endpoint: &v1::Endpoint) -> String {
    let filter = endpoint.filter.clone().unwrap_or_default();
    let EventFilter { level, r#type, service, host_id, resource_type, resource_id, since, before } = filter;
    let level_name = |level: i32| match Level::try_from(level) {
        Ok(Level::Info) => Some("INFO"),
        Ok(Level::Error) => Some("ERROR"),
        _ => None,
    };
    let levels: Vec<&str> = endpoint.levels.iter().copied().chain([level]).filter_map(level_name).collect();
    let parts = [
        ("account", endpoint.account.clone()),
        ("level", levels.join(" or ")),
        ("type", r#type),
        ("service", service),
        ("host", host_id),
        ("resource type", resource_type),
        ("resource", resource_id),
        ("after", time(since.as_ref())),
        ("before", time(before.as_ref())),
    ];
    let given = parts.iter().filter(|(_, wanted)| !wanted.is_empty());
    let given: Vec<String> = given.map(|(name, wanted)| format!("{name} {wanted}")).collect();
    if given.is_empty() { "every event".to_owned() } else { given.join(", ") }
}

/// An endpoint as a tree, for programs.
pub fn endpoint_tree(endpoint: &v1::Endpoint) -> Json {
    let status = endpoint.status.clone().unwrap_or_default();
    let limits = endpoint.limits.unwrap_or_default();
    let retry = endpoint.retry.unwrap_or_default();
    let maybe = |bound: Option<i32>| bound.map_or(Json::Null, number);
    object([
        ("name", text(&endpoint.name)),
        ("account", text(&endpoint.account)),
        ("url", text(&endpoint.url)),
        ("format", text(format(endpoint.format))),
        ("gets", text(&rule(endpoint))),
        ("ordered", Json::Bool(endpoint.ordered)),
        ("trust", Json::Array(endpoint.trust.iter().map(|trust| text(trust)).collect())),
        ("configured_at", text(&endpoint.configured_at)),
        ("timeout", text(&span(limits.timeout.as_ref()))),
        ("concurrency_max", maybe(limits.concurrency_max)),
        ("requests_per_second_max", maybe(limits.requests_per_second_max)),
        ("backlog_max", maybe(limits.backlog_max)),
        ("retry_span", text(&span(retry.span.as_ref()))),
        ("state", text(condition(&status))),
        ("failures", number(status.failures)),
        ("failing_since", text(&time(status.failing_since.as_ref()))),
        ("next_probe_at", text(&time(status.next_probe_at.as_ref()))),
        ("held_until", text(&time(status.held_until.as_ref()))),
        ("cause", text(&status.cause)),
        ("hint", text(&status.hint)),
        ("waiting", number(status.waiting_count)),
        ("given_up", number(status.dead_count)),
        ("last_delivered_at", text(&time(status.last_delivered_at.as_ref()))),
    ])
}

/// A delivery as a tree, for programs.
pub fn delivery_tree(delivery: &v1::Delivery) -> Json {
    let event = delivery.event.clone().unwrap_or_default();
    let resource = event.resource.clone().unwrap_or_default();
    let attempts = delivery.attempts.iter().map(attempt_tree).collect::<Vec<_>>();
    object([
        ("id", text(&delivery.id)),
        ("endpoint", text(&delivery.endpoint)),
        ("event_id", text(&event.id)),
        ("event_type", text(&event.r#type)),
        ("resource", text(&resource.id)),
        ("state", text(state(delivery))),
        ("attempt_count", number(delivery.attempt_count)),
        ("created_at", text(&time(delivery.created_at.as_ref()))),
        ("due_at", text(&time(delivery.due_at.as_ref()))),
        ("expires_at", text(&time(delivery.expires_at.as_ref()))),
        ("finished_at", text(&time(delivery.finished_at.as_ref()))),
        ("reason", text(&delivery.reason)),
        ("attempts", if attempts.is_empty() { Json::Null } else { Json::Array(attempts) }),
    ])
}

pub fn attempt_tree(attempt: &v1::Attempt) -> Json {
    object([
        ("number", number(attempt.number)),
        ("started_at", text(&time(attempt.started_at.as_ref()))),
        ("outcome", text(outcome(attempt))),
        ("status", if attempt.status == 0 { Json::Null } else { number(attempt.status) }),
        ("cause", text(&attempt.cause)),
        ("reason", text(&attempt.reason)),
        ("hint", text(&attempt.hint)),
        ("latency", text(&span(attempt.latency.as_ref()))),
        ("answer", text(&attempt.answer)),
    ])
}

pub fn outcome(attempt: &v1::Attempt) -> &'static str {
    match v1::AttemptOutcome::try_from(attempt.outcome) {
        Ok(v1::AttemptOutcome::Delivered) => "delivered",
        Ok(v1::AttemptOutcome::Refused) => "refused",
        Ok(v1::AttemptOutcome::NotAnswered) => "not_answered",
        Ok(v1::AttemptOutcome::Unknown) => "unknown",
        _ => "under_way",
    }
}
