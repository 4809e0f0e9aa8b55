//! Ten typical questions and more, with the answers of the golden file.

use event::{Event, EventDraft, Level, Source, Timestamp, Violations};
use proto::notifier::v1::{Criterion, EndpointStatus};
use proto::timestamp_to_proto;

use super::*;

/// Ten cases; each answer stands below a line that begins with `### `.
const GOLDEN: &str = include_str!("../golden.txt");

fn at(text: &str) -> prost_types::Timestamp {
    timestamp_to_proto(format!("2026-11-22T{text}Z").parse::<Timestamp>().unwrap())
}

fn event() -> Event {
    let draft = EventDraft {
        event_type: "list_tags_fail".to_owned(),
        level: Some(Level::Error),
        message: "Failed to list tags in repository".to_owned(),
        resource_type: Some("repository".to_owned()),
        resource_id: Some("docker.io/library/alpine".to_owned()),
        source: Source { service: Some("catalog".to_owned()), ..Source::default() },
        occurred_at: "2026-11-22T03:00:00Z".parse().ok(),
        ..EventDraft::default()
    };
    draft.check(&"admin".parse().unwrap(), Violations::default()).unwrap()
}

fn criterion(name: &str, wanted: &str, found: &str, holds: bool) -> Criterion {
    Criterion { name: name.to_owned(), wanted: wanted.to_owned(), found: found.to_owned(), holds }
}

fn attempt(number: i32, started_at: &str, outcome: AttemptOutcome, status: i32) -> Attempt {
    let (cause, reason, hint) = match (outcome, status) {
        (AttemptOutcome::Refused, _) => (
            "unavailable",
            format!("`https://hooks.example.com` answered {status}: it is in trouble itself"),
            "Look into the log of the receiver at this time.",
        ),
        (AttemptOutcome::NotAnswered, _) => (
            "connect",
            "`hooks.example.com` refused the connection".to_owned(),
            "Nothing listens at this host and port: start the peer, or correct the port.",
        ),
        _ => ("", String::new(), ""),
    };
    Attempt {
        number,
        started_at: Some(at(started_at)),
        outcome: outcome.into(),
        status,
        cause: cause.to_owned(),
        reason,
        hint: hint.to_owned(),
        latency: (outcome != AttemptOutcome::UnderWay && outcome != AttemptOutcome::Unknown)
            .then_some(prost_types::Duration { seconds: 0, nanos: 12_000_000 }),
        answer: if status == 503 { "upstream down".to_owned() } else { String::new() },
        retry_after: None,
    }
}

fn delivery(state: DeliveryState, attempts: Vec<Attempt>) -> Delivery {
    let is_finished = state != DeliveryState::Pending;
    Delivery {
        id: "019aa3f0-8a55-7c11-9a9e-2f6d6a1d0c01".to_owned(),
        state: state.into(),
        attempt_count: attempts.last().map_or(0, |attempt| attempt.number),
        created_at: Some(at("03:00:00.100")),
        due_at: (!is_finished).then(|| at("03:05:00")),
        expires_at: Some(timestamp_to_proto("2026-11-23T03:00:00Z".parse::<Timestamp>().unwrap())),
        finished_at: is_finished.then(|| at("03:00:31")),
        reason: attempts.last().map(|attempt| attempt.reason.clone()).unwrap_or_default(),
        attempts,
        ..Delivery::default()
    }
}

fn explained(status: EndpointStatus, delivery: Option<Delivery>, criteria: Vec<Criterion>) -> ExplainResponse {
    let mut sent: proto::events::v1::Event = event().into();
    sent.stored_at = Some(at("03:00:00.050"));
    ExplainResponse {
        endpoint: Some(Endpoint { name: "ops".to_owned(), status: Some(status), ..Endpoint::default() }),
        event: Some(sent),
        criteria,
        delivery,
        endpoint_changed_at: Some(at("01:00:00")),
        now: Some(at("03:04:20")),
        kept_seconds: 30 * 86_400,
    }
}

fn cases() -> Vec<(&'static str, ExplainResponse)> {
    use AttemptOutcome::{Delivered, NotAnswered, Refused, UnderWay, Unknown};
    let ok = EndpointStatus::default;
    let rule = || vec![criterion("level", "ERROR", "ERROR", true)];
    let paused = EndpointStatus {
        condition: Condition::Paused.into(),
        failures: 7,
        next_probe_at: Some(at("03:05:10")),
        ..ok()
    };
    let stopped = EndpointStatus { condition: Condition::Stopped.into(), failures: 1, ..ok() };
    let first = |outcome, status| attempt(1, "03:00:00.2", outcome, status);
    let second = |outcome, status| attempt(2, "03:00:30.9", outcome, status);
    let many = |count| (1..=count).map(|number| attempt(number, "03:00:30.9", NotAnswered, 0)).collect::<Vec<_>>();
    let delivery = |state, attempts| Some(delivery(state, attempts));
    let mut late = explained(ok(), None, rule());
    late.endpoint_changed_at = Some(at("03:02:00"));
    let mut elsewhere = explained(
        ok(),
        None,
        vec![
            criterion("level", "INFO", "ERROR", false),
            criterion("type", "feed_*", "list_tags_fail", false),
            criterion("service", "catalog", "catalog", true),
        ],
    );
    let endpoint = elsewhere.endpoint.get_or_insert_default();
    endpoint.configured_at = "services.notifier.endpoints[0]".to_owned();
    vec![
        ("taken at once", explained(ok(), delivery(DeliveryState::Delivered, vec![first(Delivered, 200)]), rule())),
        (
            "taken after a failure, and a notifier that was killed",
            explained(
                ok(),
                delivery(
                    DeliveryState::Delivered,
                    vec![first(Refused, 503), second(Unknown, 0), attempt(3, "03:00:30.98", Delivered, 204)],
                ),
                Vec::new(),
            ),
        ),
        ("failed, and tried again soon", {
            let status = EndpointStatus { condition: Condition::Failing.into(), failures: 2, ..ok() };
            explained(
                status,
                delivery(DeliveryState::Pending, vec![first(NotAnswered, 0), second(Refused, 503)]),
                rule(),
            )
        }),
        ("being sent", explained(ok(), delivery(DeliveryState::Pending, vec![first(UnderWay, 0)]), rule())),
        ("not sent yet", explained(ok(), delivery(DeliveryState::Pending, Vec::new()), rule())),
        ("paused", explained(paused, delivery(DeliveryState::Pending, vec![first(NotAnswered, 0)]), rule())),
        ("stopped", explained(stopped, delivery(DeliveryState::Pending, vec![first(Refused, 410)]), rule())),
        ("given up", explained(ok(), delivery(DeliveryState::Dead, many(31)), rule())),
        ("another rule", elsewhere),
        (
            "about itself",
            explained(ok(), None, vec![criterion("self", "anything but what is about `ops` itself", "ops", false)]),
        ),
        ("the endpoint came later", late),
        ("no reason is known", explained(ok(), None, rule())),
    ]
}

#[test]
fn typical_questions_are_answered() {
    let cases = cases();
    let printed: Vec<String> =
        cases.iter().map(|(name, explained)| format!("### {name}\n{}", in_words(explained))).collect();
    let printed = printed.join("\n");
    assert_eq!(printed.trim_end(), GOLDEN.trim_end(), "\n{printed}");
    assert!(cases.len() >= 10);
}
