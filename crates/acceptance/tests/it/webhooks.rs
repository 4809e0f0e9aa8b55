//! Webhooks, from the event to the receiver, and what an operator sees of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fixtures::{Reaction, Receiver};
use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, DEADLINE, Shape, Stack, event, eventually, holds, id_of};

on_every_stack!(
    the_pages_section_gets_the_events_of_its_levels,
    a_failing_endpoint_is_seen_paused_resumed_and_explained,
);

const ENABLED: &str = "event_log: {notification: {enabled: true, level: [error]}}";

/// A receiver whose status can be changed.
fn switchable(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let shared = Arc::new(AtomicU16::new(status));
    let status = Arc::clone(&shared);
    let answer = move |_: &fixtures::Received| Reaction::status(shared.load(Ordering::SeqCst)).with_body("as told");
    (Receiver::start(answer), status)
}

fn bodies(receiver: &Receiver) -> Vec<Value> {
    receiver.requests().iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
}

fn the_pages_section_gets_the_events_of_its_levels(shape: Shape) {
    let receiver = Receiver::always(201);
    let webhooks = format!(
        "{{webhook_user: u, webhook_pass: nobody-knows, event_update: {{}}, \
         general: {{url: '{}/<notification_type>/<userId>', webhook_pass: secret-1}}}}",
        receiver.url()
    );
    let stack = Stack::builder(shape).catalog(ENABLED).webhooks(&webhooks).start();
    let admin = stack.client(ADMIN);
    let mut info = event(1);
    info["event"]["level"] = json!("INFO");
    let mut of_alice = event(3);
    of_alice["event"]["resource"]["user_id"] = json!("alice");
    admin.store(&[info, event(2)]);
    stack.client(ALICE).publish(&[of_alice]);
    eventually(DEADLINE, || {
        let count = receiver.requests().len();
        holds(count == 2, || format!("{count} requests"))
    });
    // A receiver that asks for the event finds it.
    admin.run(&["event", "get", &id_of(2)]).ok();
    let request = receiver.requests().into_iter().find(|request| request.target == "/event_log/admin");
    let request = request.expect("the account and the type are filled in");
    let credentials = format!("Basic {}", STANDARD.encode("u:secret-1"));
    assert_eq!(request.header("authorization"), Some(credentials.as_str()), "the section's own password");
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(body["data"]["notification_type"], "event_log");
    assert_eq!(body["dataId"], body["data"]["notification_payload"]["notificationId"]);
    let payload = &body["data"]["notification_payload"];
    assert_eq!((&payload["userId"], &payload["generated_uuid"]), (&json!("admin"), &json!(id_of(2))));
    assert_eq!(payload["event"], event(2)["event"]);
    assert!(receiver.requests().iter().any(|request| request.target == "/event_log/alice"));

    let listed = admin.run(&["webhook", "list"]).ok();
    assert!(listed.contains("general") && listed.contains("level ERROR") && !listed.contains("secret-1"), "{listed}");
    let why = admin.run(&["webhook", "why", &id_of(2), "general"]).ok();
    assert!(why.starts_with("Yes: `general` was told of list_tags_fail"), "{why}");
    let why = admin.run(&["webhook", "why", &id_of(1), "general"]).ok();
    assert!(why.starts_with("No: `general` was not told of"), "{why}");
    assert!(why.contains("level  the rule asks for ERROR, the event has INFO"), "{why}");
}

fn a_failing_endpoint_is_seen_paused_resumed_and_explained(shape: Shape) {
    let (receiver, status) = switchable(503);
    let stack = Stack::builder(shape).start();
    let admin = stack.client(ADMIN);
    let url = format!("{}/hook", receiver.url());
    let added = admin.run(&["webhook", "add", "ops", &url, "--format", "event", "--level", "error"]).ok();
    assert!(added.starts_with("Added ops: "), "{added}");
    admin.run(&["webhook", "add", "ops", &url]).refused(1, &["there is an endpoint `ops` already"]);
    admin.publish(&(1..=8).map(event).collect::<Vec<_>>());
    eventually(DEADLINE, || {
        let listed = admin.run(&["webhook", "list"]).ok();
        holds(listed.contains("paused, tried at"), || listed)
    });
    let told = eventually(DEADLINE, || {
        let told = admin.records(&["--event_type", "webhook_*"]);
        holds(told.len() == 2, || format!("{told:?}"))?;
        Ok(told)
    });
    let cause = &told[0]["event"]["details"]["cause"];
    assert_eq!((&told[0]["event"]["type"], &cause["code"]), (&json!("webhook_paused"), &json!("unavailable")));
    assert_eq!(told[0]["event"]["resource"]["id"], "ops");
    assert_eq!(told[1]["event"]["type"], "webhook_fail");
    let why = admin.run(&["webhook", "why", &id_of(1), "ops"]).ok();
    assert!(why.starts_with("Not yet: `ops` has not taken list_tags_fail"), "{why}");
    assert!(why.contains("503") && why.contains("as told") && why.contains("What to do: "), "{why}");
    let failed = admin.run(&["webhook", "deliveries", "ops", "--failed"]).ok();
    assert!(failed.contains("waiting") && failed.contains("503 Service Unavailable"), "{failed}");
    admin.run(&["webhook", "test", "ops"]).refused(1, &["ops did not take it: answered 503"]);

    status.store(200, Ordering::SeqCst);
    admin.run(&["webhook", "test", "ops"]).ok();
    eventually(DEADLINE, || {
        let listed = admin.run(&["-o", "ndjson", "webhook", "deliveries", "--all"]).ok();
        let delivered = listed.lines().filter(|line| line.contains("\"state\":\"delivered\"")).count();
        holds(delivered == 8, || listed)
    });
    let numbers = bodies(&receiver).into_iter().rev().take(8).map(|body| body["generated_uuid"].clone());
    let mut numbers: Vec<Value> = numbers.collect();
    numbers.reverse();
    assert_eq!(numbers, (1..=8).map(|number| json!(id_of(number))).collect::<Vec<_>>(), "in order");
    eventually(DEADLINE, || {
        let told = admin.records(&["--event_type", "webhook_recovered"]);
        holds(told.len() == 1, || format!("{told:?}"))
    });
    let again = admin.run(&["webhook", "redeliver", "--endpoint", "ops", "--delivered"]).ok();
    assert_eq!(again, "Sending 8 again\n");
    assert_eq!(admin.run(&["webhook", "del", "ops"]).code, 0);
    admin.run(&["webhook", "why", &id_of(1), "ops"]).refused(1, &["no endpoint `ops`"]);
}

#[test]
fn what_is_configured_and_leads_to_nothing_is_said_at_start_and_in_the_list() {
    let mut stack =
        Stack::builder(Shape::LocalTogether).webhooks("{general: {url: 'https://h.example.com/x'}}").start();
    let expected = "webhooks.general.url is set, but services.catalog.event_log.notification.enabled is false";
    let log = stack.process("notifier").stderr();
    assert!(log.contains(expected), "{log}");
    let listed = stack.cli(&["webhook", "list"]).ok();
    assert!(listed.contains(&format!("Note: {expected}")), "{listed}");
}
