//! Receivers that fail, and what is told of them.

use std::time::Duration;

use fixtures::DatabaseKind;
use proto::notifier::v1;

use crate::house::{House, Switchable, as_user, events, eventually, ids};

fixtures::on_both_databases!(
    an_endpoint_down_for_an_hour_gets_everything_in_order_after_its_probe,
    what_expires_is_in_the_dead_letter_and_is_sent_again_by_a_filter,
    two_failing_endpoints_do_not_report_about_each_other_for_ever,
    one_that_is_gone_is_stopped_until_a_test_is_taken,
    one_event_that_is_refused_holds_up_no_other,
);

const MINUTE: Duration = Duration::from_mins(1);

fn told(types: &[&str]) -> Vec<(String, String)> {
    types.iter().map(|event_type| ((*event_type).to_owned(), "ops".to_owned())).collect()
}

async fn an_endpoint_down_for_an_hour_gets_everything_in_order_after_its_probe(kind: DatabaseKind) {
    let receiver = Switchable::new(0);
    let house = House::start(kind, &receiver.settings("")).await;
    let events = events(60);
    for (minute, event) in events.iter().enumerate() {
        house.store(std::slice::from_ref(event)).await;
        house.advance(MINUTE);
        if minute == 10 {
            eventually(async || house.condition("ops").await == v1::Condition::Paused).await;
        }
    }
    eventually(async || house.bus.is_read()).await;
    assert_eq!(house.told(), told(&["webhook_fail", "webhook_paused"]), "each is told once");
    assert!(receiver.received().len() < 60, "a paused endpoint is only probed");
    let tried = receiver.received().len();
    receiver.set(200);
    eventually(async || {
        house.advance(MINUTE);
        receiver.received().len() > tried
    })
    .await;
    // From here on the clock stands still: a claim that ends while its delivery is under way is a repeat.
    eventually(async || house.states().await == [v1::DeliveryState::Delivered; 60]).await;
    // Whoever was tried last while it was down may have come between.
    let delivered = &receiver.received()[receiver.received().len() - 60..];
    assert_eq!(delivered, ids(&events), "in order, each once");
    assert_eq!(house.told(), told(&["webhook_fail", "webhook_paused", "webhook_recovered"]));
    let status = house.endpoint("ops").await.status.unwrap();
    assert_eq!((status.condition(), status.waiting_count, status.dead_count), (v1::Condition::Ok, 0, 0));
}

async fn what_expires_is_in_the_dead_letter_and_is_sent_again_by_a_filter(kind: DatabaseKind) {
    let receiver = Switchable::new(0);
    let house = House::start(kind, &receiver.settings("retry: {span: 1h}")).await;
    let events = events(10);
    house.store(&events).await;
    eventually(async || house.condition("ops").await == v1::Condition::Paused).await;
    house.advance(Duration::from_hours(2));
    eventually(async || house.states().await == [v1::DeliveryState::Dead; 10]).await;
    eventually(async || house.told().len() == 3).await;
    assert_eq!(house.told(), told(&["webhook_fail", "webhook_paused", "webhook_exhausted"]));
    let exhausted = house.bus.events().pop().unwrap();
    assert!(
        exhausted.details.as_json().contains("10 notification(s) to endpoint `ops` were given up"),
        "{exhausted:?}"
    );
    let failed = house.deliveries(v1::DeliveryFilter { failed: true, ..v1::DeliveryFilter::default() }).await;
    assert_eq!(failed.len(), 10);
    assert!(failed.iter().all(|delivery| !delivery.reason.is_empty()));

    receiver.set(200);
    let tested =
        house.client().test_endpoint(as_user("admin", v1::TestEndpointRequest { name: "ops".to_owned() })).await;
    assert!(tested.unwrap().into_inner().resumed);
    let before = receiver.received().len();
    let mut filter = v1::DeliveryFilter { endpoint: "ops".to_owned(), ..v1::DeliveryFilter::default() };
    let resource_id = "docker.io/library/image-7".to_owned();
    filter.event = Some(proto::events::v1::EventFilter { resource_id, ..Default::default() });
    assert_eq!(redeliver(&house, filter).await, 1);
    eventually(async || receiver.received().len() == before + 1).await;
    assert_eq!(receiver.received().last(), Some(&events[7].id.to_string()));
    assert_eq!(redeliver(&house, v1::DeliveryFilter::default()).await, 9, "what never succeeded");
    eventually(async || house.states().await == [v1::DeliveryState::Delivered; 10]).await;
    // The same ids as on the attempts that failed.
    let mut known: Vec<String> = failed.into_iter().map(|delivery| delivery.id).collect();
    let requests = receiver.receiver.requests();
    let mut sent: Vec<String> =
        requests[before..].iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    known.sort();
    sent.sort();
    assert_eq!(sent, known);
    assert_eq!(house.told().last().unwrap().0, "webhook_recovered");
}

async fn redeliver(house: &House, filter: v1::DeliveryFilter) -> i64 {
    let request = v1::RedeliverRequest { id: String::new(), filter: Some(filter) };
    house.client().redeliver(as_user("admin", request)).await.unwrap().into_inner().count
}

/// Both get every event, so each is told of the other's troubles, and takes none of it.
async fn two_failing_endpoints_do_not_report_about_each_other_for_ever(kind: DatabaseKind) {
    let (one, other) = (Switchable::new(503), Switchable::new(503));
    let settings = format!(
        "endpoints: [{{name: one, url: '{}/', format: event}}, {{name: other, url: '{}/', format: event}}]",
        one.receiver.url(),
        other.receiver.url()
    );
    let house = House::start(kind, &settings).await;
    house.store(&events(3)).await;
    let is_paused = async |name: &str| house.condition(name).await == v1::Condition::Paused;
    eventually(async || {
        house.advance(MINUTE);
        is_paused("one").await && is_paused("other").await
    })
    .await;
    for _ in 0..20 {
        let probes = one.received().len() + other.received().len();
        eventually(async || {
            house.advance(Duration::from_secs(10));
            one.received().len() + other.received().len() >= probes + 2
        })
        .await;
    }
    eventually(async || house.bus.is_read()).await;
    let told = house.told();
    let count = |wanted: &str| told.iter().filter(|(event_type, _)| event_type == wanted).count();
    assert_eq!((count("webhook_fail"), count("webhook_paused"), told.len()), (2, 2, 4), "{told:?}");
    for (receiver, name) in [(&one, "one"), (&other, "other")] {
        let bodies = receiver.receiver.requests();
        let about_itself = bodies.iter().filter(|request| request.text().contains("webhook_endpoint"));
        assert!(about_itself.clone().all(|request| !request.text().contains(&format!("\"id\":\"{name}\""))));
    }
    for receiver in [&one, &other] {
        receiver.set(200);
    }
    eventually(async || {
        house.advance(Duration::from_mins(10));
        house.states().await.iter().all(|state| *state == v1::DeliveryState::Delivered)
    })
    .await;
    assert_eq!(house.told().len(), 6, "and both came back: {:?}", house.told());
}

async fn one_that_is_gone_is_stopped_until_a_test_is_taken(kind: DatabaseKind) {
    let receiver = Switchable::new(410);
    let house = House::start(kind, &receiver.settings("")).await;
    house.store(&events(1)).await;
    eventually(async || house.condition("ops").await == v1::Condition::Stopped).await;
    house.store(&events(2)).await;
    house.advance(Duration::from_hours(2));
    eventually(async || house.bus.is_read()).await;
    assert_eq!(house.told(), told(&["webhook_stopped"]));
    assert_eq!(receiver.received().len(), 1);
    receiver.set(200);
    let request = v1::TestEndpointRequest { name: "ops".to_owned() };
    let tested = house.client().test_endpoint(as_user("admin", request)).await.unwrap().into_inner();
    assert!(tested.resumed && tested.attempt.unwrap().status == 200);
    eventually(async || house.states().await == [v1::DeliveryState::Delivered; 3]).await;
    assert_eq!(house.told(), told(&["webhook_stopped", "webhook_recovered"]));
}

async fn one_event_that_is_refused_holds_up_no_other(kind: DatabaseKind) {
    use fixtures::{Reaction, Receiver};
    let poison = events(1).remove(0);
    let id = poison.id.to_string();
    let receiver =
        Receiver::start(move |request| Reaction::status(if request.text().contains(&id) { 400 } else { 200 }));
    let settings = format!("endpoints: [{{name: ops, url: '{}/', format: event}}]", receiver.url());
    let house = House::start(kind, &settings).await;
    let others = events(10);
    house.store(std::slice::from_ref(&poison)).await;
    house.store(&others).await;
    eventually(async || {
        let states = house.states().await;
        states.iter().filter(|state| **state == v1::DeliveryState::Delivered).count() == 10
    })
    .await;
    assert_eq!(house.condition("ops").await, v1::Condition::Ok);
    eventually(async || {
        house.advance(Duration::from_hours(1));
        house.states().await.contains(&v1::DeliveryState::Dead)
    })
    .await;
}
