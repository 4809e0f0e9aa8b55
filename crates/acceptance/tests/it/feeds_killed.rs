//! `kill -9` in the middle of syncs: no group is half of one state and half of another, and nothing is told twice.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{ADMIN, Client, Feeds, Random, Shape, Stack, eventually, holds};

const MAIN: &str = "/v3.20/main.json";
/// Records of the first version; each further one has some more.
const RECORDS: usize = 6000;
const KILLS: usize = 4;
/// Longest time from the beginning of a sync to the kill: a sync takes about as long.
const MOMENT_MICROS_MAX: u64 = 1_500_000;
/// What a killed process had begun is taken over when its lease has expired, half a minute.
const TAKEN_OVER_DEADLINE: Duration = Duration::from_mins(3);

#[test]
fn on_sqlite_no_group_is_half_applied_and_nothing_is_told_twice() {
    no_group_is_half_applied_and_nothing_is_told_twice(Shape::LocalTogether);
}

#[test]
fn on_postgres_no_group_is_half_applied_and_nothing_is_told_twice() {
    no_group_is_half_applied_and_nothing_is_told_twice(Shape::NatsApart);
}

fn no_group_is_half_applied_and_nothing_is_told_twice(shape: Shape) {
    let mut random = Random::new();
    let feeds = Feeds::start();
    feeds.put(MAIN, Feeds::secdb(RECORDS));
    let settings = format!("feeds: [{{name: f, kind: alpine_secdb, url: '{}', groups: [v3.20/main]}}]", feeds.url());
    let mut stack = Stack::builder(shape).policy_engine(&settings).start();
    let admin = stack.client(ADMIN);
    let mut versions = vec![RECORDS];
    wait_for(&admin, RECORDS);
    for kill in 1..=KILLS {
        let version = RECORDS + 10 * kill;
        feeds.put(MAIN, Feeds::secdb(version));
        let mut syncing = admin.spawn(&["feeds", "sync"]);
        // A random moment is what is tested, nothing waits for it.
        let moment = Duration::from_micros(random.below(MOMENT_MICROS_MAX));
        thread::sleep(moment);
        stack.restart("policy-engine");
        let _ = syncing.wait();
        let records = records(&admin);
        println!("kill -9 after {moment:?}: {records:?} records");
        assert!(versions.last().copied() == records || Some(version) == records, "{records:?} of {version}");
        // What was broken off is done again without being asked for; the kill may also have come before anything began.
        let _ = admin.run(&["feeds", "sync"]);
        wait_for(&admin, version);
        versions.push(version);
    }
    all_is_told_once(&admin, &versions);
}

fn records(admin: &Client) -> Option<usize> {
    let listed: Value = serde_json::from_str(&admin.run(&["-o", "json", "feeds", "list"]).ok()).expect("JSON");
    usize::try_from(listed["groups"][0]["records"].as_u64()?).ok()
}

fn wait_for(admin: &Client, version: usize) {
    eventually(TAKEN_OVER_DEADLINE, || {
        let records = records(admin);
        holds(records == Some(version), || format!("{records:?} records, not {version} yet"))
    });
}

/// Each version took effect once, which one event tells; and what has begun has ended.
fn all_is_told_once(admin: &Client, versions: &[usize]) {
    eventually(TAKEN_OVER_DEADLINE, || {
        let records = admin.records(&["--service", "policy_engine"]);
        let mut updates: BTreeMap<usize, usize> = BTreeMap::new();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for record in &records {
            let event = &record["event"];
            *counts.entry(event["type"].as_str().unwrap_or_default().replace("system.feeds.sync.", "")).or_default() +=
                1;
            let result = &event["details"]["result"];
            if result["outcome"] == "updated" {
                let records = result["records"].as_u64().and_then(|records| usize::try_from(records).ok());
                *updates.entry(records.unwrap_or_default()).or_default() += 1;
            }
        }
        let count = |name: &str| counts.get(name).copied().unwrap_or_default();
        assert!(updates.values().all(|count| *count == 1), "told twice: {updates:?}");
        let is_complete = versions.iter().all(|version| updates.contains_key(version));
        let has_ended = count("feed_sync_start") == count("feed_sync_complete") + count("feed_sync_fail")
            && count("feed_started") == count("feed_completed") + count("feed_failed")
            && count("group_started") == count("group_completed") + count("group_failed");
        holds(is_complete && has_ended, || format!("{updates:?} {counts:?}"))
    });
}
