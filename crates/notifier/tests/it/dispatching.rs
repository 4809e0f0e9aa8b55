//! From the bus to a receiver.

use std::time::Duration;

use fixtures::DatabaseKind;
use proto::notifier::v1;

use crate::house::{House, Switchable, event, event_id, events, eventually, ids};

fixtures::on_both_databases!(
    an_event_is_sent_once_to_each_endpoint_that_wants_it,
    a_delivery_waits_for_the_store_but_not_for_long,
    why_it_was_sent_or_not_is_answered,
    what_is_old_is_forgotten,
);

async fn an_event_is_sent_once_to_each_endpoint_that_wants_it(kind: DatabaseKind) {
    let (all, errors) = (Switchable::new(200), Switchable::new(204));
    let settings = format!(
        "endpoints: [{{name: all, url: '{}/', format: event}}, \
         {{name: feeds, url: '{}/', format: event, filter: {{type: 'feed_*'}}}}]",
        all.receiver.url(),
        errors.receiver.url()
    );
    let house = House::start(kind, &settings).await;
    let events = events(20);
    house.store(&events).await;
    eventually(async || all.received().len() == 20).await;
    house.bus.deliver_again();
    let last = event("admin", 20);
    house.store(std::slice::from_ref(&last)).await;
    eventually(async || all.received().contains(&last.id.to_string())).await;
    let mut received = all.received();
    received.sort();
    let mut expected = ids(&events);
    expected.push(last.id.to_string());
    expected.sort();
    assert_eq!(received, expected, "each once, though the bus has delivered all of them twice");
    assert!(errors.received().is_empty());
}

async fn a_delivery_waits_for_the_store_but_not_for_long(kind: DatabaseKind) {
    let receiver = Switchable::new(200);
    let house = House::start(kind, &receiver.settings("")).await;
    let [before, after, never] = [0, 1, 2].map(|number| event("admin", number));
    let stored_at = "2026-11-21T23:59:58Z".parse().unwrap();
    house.tell_stored(std::slice::from_ref(&before), stored_at).await;
    house.publish(&[before.clone(), after.clone(), never.clone()]).await;
    eventually(async || receiver.received() == ids(std::slice::from_ref(&before))).await;
    house.tell_stored(std::slice::from_ref(&after), stored_at).await;
    eventually(async || receiver.received() == ids(&[before.clone(), after.clone()])).await;
    assert_eq!(house.states().await[0], v1::DeliveryState::Pending, "the clock stands still");
    house.advance(Duration::from_secs(5));
    eventually(async || receiver.received().len() == 3).await;
    let created_at: Vec<String> = receiver
        .receiver
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()["created_at"].to_string())
        .collect();
    let expected = ["\"2026-11-21T23:59:58Z\"", "\"2026-11-21T23:59:58Z\"", "\"2026-11-22T00:00:00Z\""];
    assert_eq!(created_at, expected, "the store's clock where it is known");
}

async fn why_it_was_sent_or_not_is_answered(kind: DatabaseKind) {
    let receiver = Switchable::new(503);
    let house = House::start(kind, &receiver.settings("filter: {service: catalog}")).await;
    let sent = event("admin", 0);
    house.store(std::slice::from_ref(&sent)).await;
    eventually(async || {
        let attempts = house.explain(&sent, "ops").await.delivery.map(|delivery| delivery.attempts);
        attempts.unwrap_or_default().first().is_some_and(|attempt| attempt.status == 503)
    })
    .await;
    let explained = house.explain(&sent, "ops").await;
    let delivery = explained.delivery.unwrap();
    let attempt = &delivery.attempts[0];
    assert_eq!((attempt.number, attempt.outcome()), (1, v1::AttemptOutcome::Refused));
    assert_eq!((attempt.cause.as_str(), attempt.answer.as_str()), ("unavailable", "as told"));
    assert!(attempt.latency.is_some() && !attempt.hint.is_empty() && !delivery.reason.is_empty());
    assert!(delivery.due_at.unwrap().seconds - delivery.created_at.unwrap().seconds >= 10, "after the first delay");
    assert!(explained.criteria.iter().all(|criterion| criterion.holds));

    let mut other = event("admin", 1);
    other.source.service = Some("analyzer".to_owned());
    house.store(std::slice::from_ref(&other)).await;
    eventually(async || house.bus.is_read()).await;
    let explained = house.explain(&other, "ops").await;
    assert!(explained.delivery.is_none());
    let refused: Vec<_> = explained.criteria.iter().filter(|criterion| !criterion.holds).collect();
    assert_eq!((refused[0].name.as_str(), refused[0].wanted.as_str()), ("service", "catalog"));
    assert_eq!(refused[0].found, "analyzer");
}

async fn what_is_old_is_forgotten(kind: DatabaseKind) {
    let receiver = Switchable::new(200);
    let settings = format!("{}, keep_deliveries: 1d", receiver.settings(""));
    let mut house = House::start(kind, &settings).await;
    house.store(&events(3)).await;
    eventually(async || house.states().await == [v1::DeliveryState::Delivered; 3]).await;
    house.advance(Duration::from_hours(25));
    // A start looks at once.
    house.add_replica(&settings).await;
    eventually(async || house.states().await.is_empty()).await;
    assert_eq!(receiver.receiver.requests().iter().map(event_id).count(), 3);
}
