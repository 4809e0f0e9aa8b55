//! The catalog is killed again and again while tags come and move: each change is told once, and none is missed.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fixtures::{RegistryAccess, RegistryServer};
use serde_json::Value;

use crate::harness::{ADMIN, DEADLINE, Random, Shape, Stack, eventually, holds};

/// Tags that are pushed meanwhile.
const TAGS: usize = 30;
const KILLS: usize = 8;
/// Longest life of a catalog between two kills.
const LIFE_MICROS_MAX: u64 = 1_500_000;

#[test]
fn what_changes_while_a_catalog_of_its_own_is_killed_is_told_once() {
    check_kills(Shape::NatsApart);
}

#[test]
fn what_changes_while_the_whole_system_is_killed_is_told_once() {
    check_kills(Shape::LocalTogether);
}

fn check_kills(shape: Shape) {
    let mut random = Random::new();
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let first = registry.pusher().push("team/app", "moving", "0");
    let name = registry.repository("team/app");
    let settings = format!(
        "repositories: [{{name: '{name}', insecure: true}}], registries: [{{registry: '{}', requests_per_minute: 6000}}]",
        registry.registry()
    );
    let image_watcher = "ANCHORE_EVENTS__SERVICES__CATALOG__CYCLE_TIMERS__IMAGE_WATCHER";
    let mut stack = Stack::builder(shape).catalog(&settings).environment(image_watcher, "1s").start();
    eventually(DEADLINE, || {
        let got = stack.cli(&["-o", "json", "repo", "get", &name]).ok();
        holds(got.contains(&first), || got)
    });

    let is_over = AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            let mut last = first.clone();
            for number in 1..=TAGS {
                registry.pusher().push("team/app", &format!("tag-{number}"), &format!("tag {number}"));
                last = registry.pusher().push("team/app", "moving", &number.to_string());
                std::thread::sleep(Duration::from_millis(200));
            }
            is_over.store(true, Ordering::SeqCst);
            last
        });
        let mut kills = 0;
        while kills < KILLS || !is_over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_micros(random.below(LIFE_MICROS_MAX)));
            stack.kill9("catalog");
            stack.start_again("catalog");
            kills += 1;
        }
        println!("{kills} kills");
        pushing.join().expect("pushing works")
    });
    stack.wait_until_ready();

    let records = eventually(DEADLINE, || {
        let records = stack.client(ADMIN).records(&["--service", "catalog"]);
        let is_complete =
            added(&records).len() == TAGS && moves(&records, &name).last().is_some_and(|(_, new)| *new == last);
        holds(is_complete, || format!("{} events, {} tags", records.len(), added(&records).len())).map(|()| records)
    });
    for (tag, times) in added(&records) {
        assert_eq!(times, 1, "{tag}");
    }
    // Each move begins where the one before has ended: none is told twice, and none is left out.
    let moves = moves(&records, &name);
    let begun = std::iter::once(&first).chain(moves.iter().map(|(_, new)| new));
    let gaps: Vec<_> = moves.iter().zip(begun).filter(|((old, _), before)| old != *before).collect();
    assert!(gaps.is_empty(), "{gaps:#?} of {moves:#?}");
    assert_eq!(records.len(), TAGS + moves.len(), "and nothing else was told");
    let jobs: HashSet<&str> =
        records.iter().filter_map(|record| record["event"]["details"]["analysis_job"].as_str()).collect();
    assert_eq!(jobs.len(), records.len(), "each has a job of its own");
    // What was queued has arrived.
    eventually(DEADLINE, || {
        let images = stack.cli(&["-o", "json", "image", "list", "--all"]).ok();
        let missing = (1..=TAGS).filter(|number| !images.contains(&format!("\"tag-{number}\""))).count();
        holds(missing == 0, || format!("{missing} of {TAGS} images were not queued"))
    });
}

/// How often each tag was told to be new.
fn added(records: &[Value]) -> BTreeMap<&str, usize> {
    let mut added = BTreeMap::new();
    for record in records.iter().filter(|record| record["event"]["type"] == "tag_add") {
        *added.entry(record["event"]["resource"]["id"].as_str().unwrap_or_default()).or_default() += 1;
    }
    added
}

/// From what to what the moving tag has moved, in this order.
fn moves(records: &[Value], name: &str) -> Vec<(String, String)> {
    let tag = format!("{name}:moving");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is_move = |event: &&Value| event["type"] == "tag_update" && event["resource"]["id"] == tag.as_str();
    // The newest is listed first.
    let events = records.iter().rev().map(|record| &record["event"]).filter(is_move);
    events.map(|event| (text(&event["details"]["old_digest"]), text(&event["details"]["new_digest"]))).collect()
}
