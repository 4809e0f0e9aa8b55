//! Several notifiers on one database.

use std::time::Duration;

use fixtures::{DatabaseKind, Reaction, Receiver};
use proto::notifier::v1;

use crate::house::{House, Switchable, events, eventually, ids};

fixtures::on_both_databases!(
    replicas_share_the_work_without_sending_twice,
    what_a_killed_replica_had_in_hand_is_sent_by_another
);

async fn replicas_share_the_work_without_sending_twice(kind: DatabaseKind) {
    let receiver = Switchable::new(200);
    let settings = receiver.settings("concurrency_max: 2");
    let mut house = House::start(kind, &settings).await;
    house.add_replica(&settings).await;
    let events = events(200);
    for some in events.chunks(10) {
        house.store(some).await;
    }
    eventually(async || house.states().await == vec![v1::DeliveryState::Delivered; 200]).await;
    let (mut arrived, mut expected) = (receiver.received(), ids(&events));
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
}

async fn what_a_killed_replica_had_in_hand_is_sent_by_another(kind: DatabaseKind) {
    let hanging = Receiver::start(|_| Reaction::hang());
    let settings = format!("endpoints: [{{name: ops, url: '{}/', format: event}}]", hanging.url());
    let mut house = House::start(kind, &settings).await;
    let sent = events(2);
    house.store(&sent).await;
    eventually(async || hanging.requests().len() == 2).await;
    house.kill(0).await;
    // The turn to take events, and the claims, end by themselves.
    house.advance(Duration::from_mins(2));
    house.add_replica(&settings).await;
    eventually(async || hanging.requests().len() == 4).await;
    let explained = house.explain(&sent[0], "ops").await.delivery.unwrap();
    let outcomes: Vec<v1::AttemptOutcome> = explained.attempts.iter().map(v1::Attempt::outcome).collect();
    assert_eq!(outcomes, [v1::AttemptOutcome::Unknown, v1::AttemptOutcome::UnderWay], "both are on record");
    let ids: Vec<String> =
        hanging.requests().iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    assert!(ids[..2].iter().all(|id| ids[2..].contains(id)), "with the same ids: {ids:?}");
    house.stop(0).await;
}
