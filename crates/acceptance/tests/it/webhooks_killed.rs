//! `kill -9` of two notifiers, NATS and PostgreSQL while events are delivered: each reaches its receiver, again only with
//! the same ids, and every attempt is on record.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use fixtures::{Reaction, Receiver};
use serde_json::Value;

use crate::harness::{ADMIN, Random, Shape, Stack, event, eventually, holds, id_of, lines_of, run};

/// Set to 50000 for a longer run by hand.
const EVENTS_VARIABLE: &str = "ACCEPTANCE_WEBHOOK_EVENTS";
const EVENTS: u64 = 2_000;
/// Kills, the victims in turn.
const KILLS_VARIABLE: &str = "ACCEPTANCE_WEBHOOK_KILLS";
const KILLS: u64 = 6;

/// A claim of a notifier that was killed ends a quarter of a minute after its timeout.
const REDELIVERY_DEADLINE: Duration = Duration::from_mins(5);
const PUBLISH_DEADLINE: Duration = Duration::from_mins(10);
/// Longest time between a request and a kill: a few claims, so that a kill meets every step of one.
const MOMENT_MILLIS_MAX: u64 = 200;

const VICTIMS: [&str; 4] = ["notifier", "nats", "notifier-2", "postgres"];

#[test]
fn every_event_reaches_its_receiver_whatever_is_killed() {
    let mut random = Random::new();
    let (events, kills) = (number(EVENTS_VARIABLE, EVENTS), number(KILLS_VARIABLE, KILLS));
    let receiver = Receiver::start(|_| Reaction::status(200));
    let settings = format!(
        "endpoints: [{{name: ops, url: '{}/', format: event, timeout: 5s, concurrency_max: 8}}]",
        receiver.url()
    );
    let stack = Stack::builder(Shape::NatsApart).with_own_postgres().with_two_notifiers().notifier(&settings);
    let mut stack = stack.start();
    let client = stack.client(ADMIN);
    let publishing = thread::spawn({
        let client = client.clone();
        move || {
            let lines = lines_of((1..=events).map(event));
            // What a kill has cut off is published again under the same ids.
            eventually(PUBLISH_DEADLINE, || {
                let mut command = client.command(&["event", "publish", "-"]);
                let published = run(&mut command, lines.as_bytes(), PUBLISH_DEADLINE);
                holds(published.code == 0, || format!("{}{}", published.stdout.len(), published.stderr))
            });
        }
    });
    for (number, victim) in (1..=kills).zip(VICTIMS.into_iter().cycle()) {
        let wanted = events * number / (kills + 1);
        eventually(PUBLISH_DEADLINE, || {
            let now = receiver.count() as u64;
            holds(now >= wanted, || format!("{now} of {wanted} requests"))
        });
        // A random moment is what is tested, nothing waits for it.
        thread::sleep(Duration::from_millis(random.below(MOMENT_MILLIS_MAX)));
        println!("kill -9 {victim} after {} requests", receiver.count());
        match victim {
            "nats" => stack.nats.as_mut().expect("the shape has one").restart(),
            "postgres" => stack.postgres.as_mut().expect("the shape has one").restart(),
            service => stack.start_again(service),
        }
    }
    publishing.join().expect("everything is published");
    stack.wait_until_ready();
    let mut records = Vec::new();
    eventually(REDELIVERY_DEADLINE, || {
        let listed = client.run(&["-o", "ndjson", "webhook", "deliveries", "--all"]);
        holds(listed.code == 0, || format!("{listed:?}"))?;
        records = listed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>();
        let delivered = records.iter().filter(|record| record["state"] == "delivered").count() as u64;
        holds(delivered == events, || format!("{delivered} of {events} are delivered, {} known", records.len()))
    });
    assert_eq!(records.len() as u64, events, "one delivery for each event");

    let mut requests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in receiver.requests() {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        let id = body["generated_uuid"].as_str().expect("an id").to_owned();
        requests.entry(id).or_default().push(request.header("webhook-id").expect("an id").to_owned());
    }
    assert_eq!(requests.len() as u64, events, "none is lost");
    let mut repeats = 0;
    for record in &records {
        let sent = &requests[record["event_id"].as_str().expect("an id")];
        assert!(sent.iter().all(|id| record["id"] == id.as_str()), "only with the same id: {sent:?} {record}");
        let attempts = record["attempt_count"].as_u64().expect("a count");
        assert!(sent.len() as u64 <= attempts, "{} requests, and on record is {record}", sent.len());
        repeats += sent.len() - 1;
    }
    println!("{events} events, {kills} kills: {repeats} repeats");
    let why = client.run(&["webhook", "why", &id_of(events), "ops"]).ok();
    assert!(why.starts_with("Yes: `ops` was told of"), "{why}");
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var_os(variable).and_then(|number| number.to_str()?.parse().ok()).unwrap_or(default)
}
