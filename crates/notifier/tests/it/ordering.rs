//! Strict order per resource, where an endpoint asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fixtures::{DatabaseKind, Reaction, Receiver};
use proto::notifier::v1;

use crate::house::{House, event_about, event_id, eventually, ids};

fixtures::on_both_databases!(a_later_notification_about_a_resource_waits_for_the_earlier_one);

async fn a_later_notification_about_a_resource_waits_for_the_earlier_one(kind: DatabaseKind) {
    let first = event_about("admin", "a");
    let events = [first.clone(), event_about("admin", "a"), event_about("admin", "b"), event_about("admin", "a")];
    let refuses = Arc::new(AtomicBool::new(true));
    let receiver = Receiver::start({
        let (refuses, id) = (Arc::clone(&refuses), first.id.to_string());
        move |request| {
            let is_refused = refuses.load(Ordering::SeqCst) && request.text().contains(&id);
            Reaction::status(if is_refused { 400 } else { 200 })
        }
    });
    let settings = format!("endpoints: [{{name: ops, url: '{}/', format: event, ordered: true}}]", receiver.url());
    let house = House::start(kind, &settings).await;
    house.store(&events).await;
    let delivered = async || {
        let states = house.states().await;
        states.iter().filter(|state| **state == v1::DeliveryState::Delivered).count()
    };
    eventually(async || delivered().await == 1).await;
    let arrived: Vec<String> = receiver.requests().iter().map(event_id).collect();
    assert!(arrived.contains(&events[2].id.to_string()), "another resource does not wait");
    house.advance(Duration::from_secs(20));
    eventually(async || receiver.requests().len() == 3).await;
    assert_eq!(delivered().await, 1, "the others of that resource still wait");
    refuses.store(false, Ordering::SeqCst);
    house.advance(Duration::from_mins(1));
    eventually(async || delivered().await == 4).await;
    let arrived: Vec<String> = receiver.requests().iter().map(event_id).collect();
    assert_eq!(arrived[arrived.len() - 3..], ids(&[events[0].clone(), events[1].clone(), events[3].clone()]));
}
