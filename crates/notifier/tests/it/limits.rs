//! What a receiver may ask of us, and we of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fixtures::{DatabaseKind, Reaction, Receiver};
use proto::notifier::v1;

use crate::house::{House, Switchable, event, events, eventually};

fixtures::on_both_databases!(
    a_receiver_that_asks_for_time_gets_it,
    more_than_the_backlog_is_given_up_at_once_and_said,
    an_endpoint_that_hangs_delays_no_other,
    no_more_requests_are_under_way_than_allowed,
);

async fn a_receiver_that_asks_for_time_gets_it(kind: DatabaseKind) {
    let asked = Arc::new(AtomicUsize::new(0));
    let receiver = Receiver::start({
        let asked = Arc::clone(&asked);
        move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Reaction::status(429).with_header("Retry-After", "120"),
            _ => Reaction::status(200),
        }
    });
    let settings = format!("endpoints: [{{name: ops, url: '{}/', concurrency_max: 1}}]", receiver.url());
    let house = House::start(kind, &settings).await;
    house.store(&events(3)).await;
    eventually(async || house.endpoint("ops").await.status.unwrap().held_until.is_some()).await;
    house.advance(Duration::from_secs(110));
    house.store(std::slice::from_ref(&event("admin", 3))).await;
    eventually(async || house.bus.is_read() && house.states().await.len() == 4).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1, "nothing else is sent meanwhile");
    house.advance(Duration::from_secs(11));
    eventually(async || house.states().await == [v1::DeliveryState::Delivered; 4]).await;
}

async fn more_than_the_backlog_is_given_up_at_once_and_said(kind: DatabaseKind) {
    let receiver = Switchable::new(503);
    let house = House::start(kind, &receiver.settings("backlog_max: 5")).await;
    house.store(&events(8)).await;
    eventually(async || house.states().await.len() == 8).await;
    let dead = house.states().await.into_iter().filter(|state| *state == v1::DeliveryState::Dead).count();
    assert_eq!(dead, 3);
    let last = house.deliveries(v1::DeliveryFilter::default()).await.remove(0);
    assert_eq!(last.reason, "too many notifications waited for the endpoint already");
    // What was given up is looked for now and then.
    eventually(async || {
        house.advance(Duration::from_secs(5));
        house.told().iter().any(|(event_type, _)| event_type == "webhook_exhausted")
    })
    .await;
}

async fn an_endpoint_that_hangs_delays_no_other(kind: DatabaseKind) {
    let (hanging, other) = (Receiver::start(|_| Reaction::hang()), Switchable::new(200));
    let settings = format!(
        "endpoints: [{{name: hanging, url: '{}/'}}, {{name: other, url: '{}/', format: event}}]",
        hanging.url(),
        other.receiver.url()
    );
    let house = House::start(kind, &settings).await;
    let begun = Instant::now();
    house.store(&events(50)).await;
    eventually(async || other.received().len() == 50).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "before the first attempt at the other one ends");
    assert_eq!(hanging.requests().len(), 4, "its own requests under way, and no more");
}

async fn no_more_requests_are_under_way_than_allowed(kind: DatabaseKind) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let receiver = Receiver::start({
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            now.fetch_sub(1, Ordering::SeqCst);
            Reaction::status(200)
        }
    });
    let settings = format!("endpoints: [{{name: ops, url: '{}/', concurrency_max: 3}}]", receiver.url());
    let house = House::start(kind, &settings).await;
    house.store(&events(40)).await;
    eventually(async || house.states().await == [v1::DeliveryState::Delivered; 40]).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
