//! The answer to `webhook why`, as somebody would say it: whether the endpoint was told, then what happened, then what
//! to do.

use std::fmt::Write;

use proto::notifier::v1::{Attempt, AttemptOutcome, Condition, Delivery, DeliveryState, Endpoint, ExplainResponse};

use crate::commands::webhook::shown::{between, span, time};
use crate::span::show_span;

/// Attempts that are shown; of more, the first and the latest.
const ATTEMPTS_SHOWN: usize = 8;

/// Several lines, the first of which is the answer.
pub fn in_words(explained: &ExplainResponse) -> String {
    let mut text = String::new();
    match &explained.delivery {
        Some(delivery) => delivered(&mut text, explained, delivery),
        None => not_owed(&mut text, explained),
    }
    text
}

/// Writing to a String cannot fail.
fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}

fn delivered(text: &mut String, explained: &ExplainResponse, delivery: &Delivery) {
    let endpoint = explained.endpoint.clone().unwrap_or_default();
    let (name, event) = (&endpoint.name, event_in_words(explained));
    match DeliveryState::try_from(delivery.state) {
        Ok(DeliveryState::Delivered) => line(text, &format!("Yes: `{name}` was told of {event}.")),
        Ok(DeliveryState::Dead) => line(text, &format!("No: telling `{name}` of {event} was given up.")),
        _ if delivery.attempt_count == 0 => line(text, &format!("Not yet: `{name}` will be told of {event}.")),
        _ => line(text, &format!("Not yet: `{name}` has not taken {event}.")),
    }
    line(text, "");
    line(text, &what_happened(explained, &endpoint, delivery));
    if !delivery.attempts.is_empty() {
        line(text, "");
        attempts(text, delivery);
    }
    let advice = advice(&endpoint, delivery);
    if !advice.is_empty() {
        line(text, "");
        line(text, &format!("What to do: {advice}"));
    }
    line(text, "");
    line(text, &format!("It matched by its rule: {}.", rule_in_words(explained)));
    line(text, &format!("Delivery {}; the same id on every attempt.", delivery.id));
}

fn what_happened(explained: &ExplainResponse, endpoint: &Endpoint, delivery: &Delivery) -> String {
    let now = explained.now.as_ref();
    let attempts = delivery.attempt_count;
    match DeliveryState::try_from(delivery.state) {
        Ok(DeliveryState::Delivered) => {
            let after = between(delivery.created_at.as_ref(), delivery.finished_at.as_ref()).map(show_span);
            let after = after.map(|after| format!(", {after} after the event came")).unwrap_or_default();
            format!(
                "It was taken at {}, at the {} attempt{after}.",
                time(delivery.finished_at.as_ref()),
                ordinal(attempts)
            )
        }
        Ok(DeliveryState::Dead) => {
            let at = time(delivery.finished_at.as_ref());
            format!("It was given up at {at} after {}: {}.", counted(attempts, "attempt"), end(&delivery.reason))
        }
        _ => {
            let state = waiting_for(endpoint, delivery, now);
            let expires_at = time(delivery.expires_at.as_ref());
            let failed = delivery.attempts.iter().rev().find(|attempt| !attempt.reason.is_empty());
            let failed =
                failed.map(|attempt| format!("The last failure: {}.\n", end(&attempt.reason))).unwrap_or_default();
            format!("{failed}{state} It is given up at {expires_at}.")
        }
    }
}

/// What a delivery that is not finished waits for.
fn waiting_for(endpoint: &Endpoint, delivery: &Delivery, now: Option<&prost_types::Timestamp>) -> String {
    let is_under_way = |attempt: &Attempt| attempt.outcome == i32::from(AttemptOutcome::UnderWay);
    if let Some(attempt) = delivery.attempts.last().filter(|attempt| is_under_way(attempt)) {
        return format!("It is being sent since {}; there is no answer yet.", time(attempt.started_at.as_ref()));
    }
    let status = endpoint.status.clone().unwrap_or_default();
    let name = &endpoint.name;
    match Condition::try_from(status.condition) {
        Ok(Condition::Stopped) => {
            format!("Nothing is sent to `{name}`: it answered 410 Gone, which asks us to send nothing more.")
        }
        Ok(Condition::Paused) => format!(
            "`{name}` is paused since it failed {} times in a row; it is tried again {}, and then gets what waits, in order.",
            status.failures,
            when(status.next_probe_at.as_ref(), now)
        ),
        _ if status.held_until.is_some() => {
            format!("`{name}` has asked us to wait until {}.", time(status.held_until.as_ref()))
        }
        _ => format!("The next attempt is {}.", when(delivery.due_at.as_ref(), now)),
    }
}

fn attempts(text: &mut String, delivery: &Delivery) {
    let all = &delivery.attempts;
    let skipped = all.len().saturating_sub(ATTEMPTS_SHOWN);
    let mut rows = Vec::new();
    for (index, attempt) in all.iter().enumerate() {
        // The first says how it began, the latest how it is.
        if index == 1 && skipped > 0 {
            rows.push([String::new(), format!("... {skipped} more ..."), String::new(), String::new(), String::new()]);
        }
        if index == 0 || index > skipped {
            rows.push(row(attempt));
        }
    }
    let titles = ["Attempt", "Started", "Answer", "Took", "It said"].map(str::to_owned);
    let width =
        |column: usize| std::iter::once(&titles).chain(&rows).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    for row in std::iter::once(&titles).chain(&rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width));
        line(text, format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end());
    }
}

fn row(attempt: &Attempt) -> [String; 5] {
    let answer = match AttemptOutcome::try_from(attempt.outcome) {
        Ok(AttemptOutcome::UnderWay) => "under way".to_owned(),
        Ok(AttemptOutcome::Unknown) => "unknown: the notifier ended first".to_owned(),
        Ok(AttemptOutcome::NotAnswered) => format!("none: {}", attempt.cause),
        _ => attempt.status.to_string(),
    };
    let took = span(attempt.latency.as_ref());
    [attempt.number.to_string(), time(attempt.started_at.as_ref()), answer, took, attempt.answer.clone()]
}

/// What somebody could do about it; empty where there is nothing to do.
fn advice(endpoint: &Endpoint, delivery: &Delivery) -> String {
    let name = &endpoint.name;
    let status = endpoint.status.clone().unwrap_or_default();
    let hint = delivery.attempts.iter().rev().find(|attempt| !attempt.hint.is_empty());
    let hint = hint.map(|attempt| attempt.hint.clone()).unwrap_or_default();
    let condition = Condition::try_from(status.condition).unwrap_or_default();
    match DeliveryState::try_from(delivery.state) {
        Ok(DeliveryState::Delivered) => String::new(),
        Ok(DeliveryState::Dead) => {
            let again = format!("`anchore-cli webhook redeliver {}` sends it again.", delivery.id);
            format!("{hint} {again}").trim().to_owned()
        }
        _ if condition == Condition::Stopped => format!(
            "If the receiver is there after all, `anchore-cli webhook test {name}` starts it again once it takes the test; \
             else remove the endpoint."
        ),
        _ if condition == Condition::Paused => {
            format!("{hint} `anchore-cli webhook test {name}` tries it now.").trim().to_owned()
        }
        _ => hint,
    }
}

fn not_owed(text: &mut String, explained: &ExplainResponse) {
    let endpoint = explained.endpoint.clone().unwrap_or_default();
    let (name, event) = (&endpoint.name, event_in_words(explained));
    line(text, &format!("No: `{name}` was not told of {event}."));
    line(text, "");
    let refused: Vec<_> = explained.criteria.iter().filter(|criterion| !criterion.holds).collect();
    if refused.iter().any(|criterion| criterion.name == "self") {
        line(
            text,
            "The event is about this endpoint itself, and such an event is never sent to the endpoint it is about.",
        );
        line(text, "");
        line(text, "What to do: nothing, or let another endpoint get it.");
        return;
    }
    if refused.is_empty() {
        let kept = show_span(std::time::Duration::from_secs(u64::try_from(explained.kept_seconds).unwrap_or_default()));
        line(
            text,
            &format!("Its rule matches as it is now ({}), and yet no delivery is known.", rule_in_words(explained)),
        );
        let changed_at = explained.endpoint_changed_at.as_ref();
        let event_at = explained.event.as_ref().and_then(|event| event.stored_at.or(event.occurred_at));
        let began_later = between(event_at.as_ref(), changed_at).is_some();
        if began_later {
            line(
                text,
                &format!(
                    "The endpoint is as it is since {}, after the event: what came before was not sent to it.",
                    time(changed_at)
                ),
            );
        } else {
            line(
                text,
                &format!(
                    "Either the event has only just been published, or its delivery was made more than {kept} ago and is \
                     not kept any more, or the endpoint's rule was changed since."
                ),
            );
        }
        return;
    }
    line(text, "Its rule asks for something else:");
    let width = refused.iter().map(|criterion| criterion.name.len()).max().unwrap_or(0);
    for criterion in &refused {
        let (name, wanted, found) = (&criterion.name, &criterion.wanted, &criterion.found);
        line(text, &format!("  {name:<width$}  the rule asks for {wanted}, the event has {found}"));
    }
    line(text, "");
    let change = match endpoint.configured_at.as_str() {
        "" => format!("change the rule by `anchore-cli webhook update {name}`"),
        place if place.starts_with("webhooks.") => {
            "change `services.catalog.event_log.notification.level` in the configuration".to_owned()
        }
        place => format!("change `{place}.filter` in the configuration"),
    };
    line(text, &format!("What to do: if it should get such events, {change}. It then gets those that come."));
}

fn event_in_words(explained: &ExplainResponse) -> String {
    let event = explained.event.clone().unwrap_or_default();
    let at = time(event.occurred_at.as_ref());
    let resource = event.resource.unwrap_or_default().id;
    let about = if resource.is_empty() { String::new() } else { format!(" about {resource}") };
    format!("{}{about} ({at})", event.r#type)
}

/// What was asked for, and what the event had.
fn rule_in_words(explained: &ExplainResponse) -> String {
    let parts: Vec<String> =
        explained.criteria.iter().map(|criterion| format!("{} {}", criterion.name, criterion.wanted)).collect();
    if parts.is_empty() { "every event".to_owned() } else { parts.join(", ") }
}

/// A time to come, and how long until then.
fn when(at: Option<&prost_types::Timestamp>, now: Option<&prost_types::Timestamp>) -> String {
    match between(now, at) {
        Some(wait) => format!("at {}, in {}", time(at), show_span(wait)),
        None => "due now".to_owned(),
    }
}

/// Without the full stop that follows anyway.
fn end(reason: &str) -> &str {
    reason.trim_end_matches('.')
}

fn counted(count: i32, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn ordinal(number: i32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests;
