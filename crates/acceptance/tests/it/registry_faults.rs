//! Registries that fail in every way there is: each is one event that says what, why and what to do, and all of them
//! together read as the golden file does.

mod faults;
mod shown;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use self::faults::{Fault, Faults};
use crate::harness::{ADMIN, DEADLINE, Shape, Stack, eventually, holds};

/// What lasts is no news: after this many attempts of each there is still one event.
const ATTEMPTS_MIN: u64 = 4;

const GOLDEN: &str = include_str!("registry_faults/golden.txt");

#[test]
fn each_fault_of_a_registry_is_one_event_that_explains_itself() {
    let faults = Faults::start();
    let stack = Stack::builder(Shape::LocalTogether)
        .catalog(&faults.settings())
        .environment("RIGHT_PASSWORD", fixtures::REGISTRY_PASSWORD)
        .environment("ANCHORE_EVENTS__SERVICES__CATALOG__CYCLE_TIMERS__IMAGE_WATCHER", "1s")
        .start();
    let expected = faults.all.len();
    let attempts = ATTEMPTS_MIN * expected as u64;
    eventually(DEADLINE, || {
        let listed = stack.client(ADMIN).ids(&["--level", "error", "--service", "catalog"]).len();
        holds(listed >= expected, || format!("{listed} of {expected} faults are listed"))
    });
    eventually(DEADLINE, || {
        let made = ["listings", "lookups"].map(|what| stack.counter("catalog", &format!("catalog_{what}_total"), ""));
        holds(made.iter().sum::<u64>() >= attempts, || format!("{made:?} of {attempts} attempts"))
    });
    let records = stack.client(ADMIN).records(&["--level", "error", "--service", "catalog"]);
    let about: BTreeMap<&str, Vec<&Value>> = records.iter().fold(BTreeMap::new(), |mut about, record| {
        let resource = record["event"]["resource"]["id"].as_str().expect("it is about something");
        about.entry(resource).or_default().push(record);
        about
    });
    let mut text = String::new();
    for fault in &faults.all {
        let found = about.get(fault.resource.as_str()).map(Vec::as_slice).unwrap_or_default();
        let [record] = found else { panic!("{}: {found:#?}", fault.name) };
        check(fault, record);
        let id = record["generated_uuid"].as_str().expect("a record has an id");
        let shown = shown::plain(&stack.cli(&["event", "get", id]).ok(), &faults);
        text = text + "# " + fault.name + "\n" + &shown + "\n";
    }
    assert_eq!(records.len(), expected, "and nothing else was emitted");
    let codes: std::collections::BTreeSet<&str> = faults.all.iter().map(|fault| fault.code).collect();
    assert!(faults.all.len() >= 40 && codes.len() >= 13, "{} faults, {codes:?}", faults.all.len());
    compare(&text);
}

fn check(fault: &Fault, record: &Value) {
    let event = &record["event"];
    let cause = &event["details"]["cause"];
    assert_eq!(
        (&event["type"], &cause["code"]),
        (&fault.event_type.into(), &fault.code.into()),
        "{}: {event:#}",
        fault.name
    );
    assert_eq!((&event["level"], &event["details"]["failures"]), (&"ERROR".into(), &1.into()), "{event:#}");
    let hint = cause["hint"].as_str().expect("a hint");
    assert!(hint.len() > 20 && hint.ends_with('.'), "{event:#}");
    assert!(cause["retryable"].is_boolean(), "{event:#}");
    for word in ["internal", fixtures::REGISTRY_PASSWORD, "planted"] {
        assert!(!event["details"].to_string().contains(word), "{word}: {event:#}");
    }
}

fn compare(text: &str) {
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registry_faults.txt");
    std::fs::write(&written, text).expect("a file of our own");
    for (number, (line, expected)) in text.lines().zip(GOLDEN.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of golden.txt; `{}` has it all", number + 1, written.display());
    }
    assert_eq!(text.lines().count(), GOLDEN.lines().count(), "`{}` has it all", written.display());
}
