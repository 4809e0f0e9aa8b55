//! The loss checker.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::{Client, event, eventually, holds};

/// What a killed store had in hand comes back when its time to acknowledge has passed, a minute.
const REDELIVERY_DEADLINE: Duration = Duration::from_mins(3);

/// Of the events of [`event`], those that were `reported` as durable are listed, none is listed twice, and each is what
/// was published.
///
/// # Panics
/// Where that is not so in the end.
#[track_caller]
pub fn all_are_listed_once_and_in_full(client: &Client, reported: &[String]) {
    let mut records = Vec::new();
    eventually(REDELIVERY_DEADLINE, || {
        let listed = client.run(&["-o", "ndjson", "event", "list", "--all", "--host", "acceptance"]);
        holds(listed.code == 0, || format!("{listed:?}"))?;
        records = listed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>();
        let listed: HashSet<&str> = records.iter().map(id).collect();
        let missing = reported.iter().filter(|id| !listed.contains(id.as_str())).count();
        holds(missing == 0, || format!("{missing} of {} reported events are not listed", reported.len()))
    });
    let mut seen = HashSet::new();
    for record in &records {
        assert!(seen.insert(id(record)), "listed twice: {record}");
        let number = u64::from_str_radix(id(record), 16).expect("an id of ours");
        assert_eq!(record["event"], event(number)["event"], "in full");
    }
}

fn id(record: &Value) -> &str {
    record["generated_uuid"].as_str().expect("a record has an id")
}
