//! What each service says about itself when something that it stands on goes away and comes back (deploy/README.md,
//! "Readiness"), while whoever emits goes on.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{ADMIN, DEADLINE, Shape, Stack, event, eventually, holds, run};

/// In the shape in which each service has a process of its own: the service, one of its parts, and why that is not ready;
/// nothing when it is.
type Row = (&'static str, &'static str, &'static str);

const ALL_IS_WELL: &[Row] = &[
    ("events-store", "events-store", ""),
    ("events-store", "outbox", ""),
    ("notifier", "notifier", ""),
    ("notifier", "outbox", ""),
    ("catalog", "catalog", ""),
    ("catalog", "outbox", ""),
    ("policy-engine", "policy-engine", ""),
    ("policy-engine", "outbox", ""),
    ("analyzer", "analyzer", ""),
    ("analyzer", "outbox", ""),
    ("gateway", "gateway", ""),
];

/// Those that read the bus cannot; those that only emit go on, and their outboxes say that they carry nothing over.
const WITHOUT_NATS: &[Row] = &[
    ("events-store", "events-store", "bus: "),
    ("events-store", "outbox", "bus: "),
    ("notifier", "notifier", "bus: "),
    ("catalog", "catalog", ""),
    ("catalog", "outbox", "bus: "),
    ("policy-engine", "policy-engine", ""),
    ("policy-engine", "outbox", "bus: "),
    ("analyzer", "analyzer", "bus: "),
    ("gateway", "gateway", "events-store: "),
];

/// What is published waits on the bus.
const WITHOUT_POSTGRES: &[Row] = &[
    ("events-store", "events-store", "database: "),
    ("events-store", "outbox", ""),
    ("notifier", "notifier", "database: "),
    ("catalog", "catalog", "database: "),
    ("catalog", "outbox", ""),
    ("policy-engine", "policy-engine", "database: "),
    ("policy-engine", "outbox", ""),
    ("analyzer", "analyzer", "database: "),
    ("gateway", "gateway", "events-store: "),
];

#[test]
fn each_service_says_what_it_waits_for_and_returns_by_itself() {
    let mut stack = Stack::builder(Shape::NatsApart).with_own_postgres().start();
    says(&stack, ALL_IS_WELL);
    let mut published = Vec::new();
    let mut publish = |stack: &Stack, number: u64| {
        // However much is away, an event is taken: by a log on the disk of whoever takes it.
        published.extend(stack.client(ADMIN).publish(&[event(number)]));
    };

    publish(&stack, 1);
    stack.nats.as_mut().expect("the shape has one").kill();
    says(&stack, WITHOUT_NATS);
    publish(&stack, 2);
    stack.nats.as_mut().expect("the shape has one").restart();
    says(&stack, ALL_IS_WELL);

    stack.postgres.as_mut().expect("it was asked for").kill();
    says(&stack, WITHOUT_POSTGRES);
    publish(&stack, 3);
    stack.postgres.as_mut().expect("it was asked for").restart();
    says(&stack, ALL_IS_WELL);

    set_read_only(&stack, true);
    says(&stack, &[("events-store", "events-store", "it is read-only"), ("gateway", "gateway", "events-store: ")]);
    publish(&stack, 4);
    set_read_only(&stack, false);
    says(&stack, ALL_IS_WELL);

    eventually(DEADLINE, || {
        let listed = stack.client(ADMIN).ids(&[]);
        let missing = published.iter().filter(|id| !listed.contains(id)).count();
        holds(missing == 0 && published.len() == 4, || format!("{missing} of {} are missing", published.len()))
    });
}

#[test]
fn an_outbox_near_its_bound_says_so_and_says_when_it_is_well() {
    let mut stack = Stack::builder(Shape::NatsApart)
        .environment("ANCHORE_EVENTS__BUS__OUTBOX__MAX_BYTES", &(64 << 20).to_string())
        .start();
    let client = stack.client(ADMIN);
    stack.nats.as_mut().expect("the shape has one").kill();
    // 56 of 64 MiB.
    let filler = "x".repeat(250 << 10);
    let large: Vec<Value> = (1..=224).map(|number| with_details(event(number), &filler)).collect();
    let mut taken: Vec<String> = large.chunks(32).flat_map(|part| client.publish(part)).collect();
    assert_eq!(taken.len(), large.len());
    says(&stack, &[("events-store", "outbox", "room: "), ("catalog", "outbox", "bus: ")]);
    let outbox = |stack: &Stack, name: &str| stack.counter("events-store", &format!("outbox_{name} "), "");
    eventually(DEADLINE, || {
        let (bytes, messages) = (outbox(&stack, "bytes"), outbox(&stack, "messages"));
        holds(bytes > 51 << 20 && messages >= 224, || format!("{bytes} bytes, {messages} messages"))
    });

    // Beyond the bound it refuses, and says so; what it has taken stays.
    let more: Vec<Value> = (301..=364).map(|number| with_details(event(number), &filler)).collect();
    let refused = client.run_with(&["event", "publish", "-"], crate::harness::lines_of(&more).as_bytes());
    assert!(refused.code != 0 && refused.stderr.contains("the bus is full"), "{refused:?}");
    taken.extend(refused.stdout.lines().map(str::to_owned));

    stack.nats.as_mut().expect("the shape has one").restart();
    says(&stack, ALL_IS_WELL);
    eventually(DEADLINE, || {
        let listed = client.ids(&["--event_type", "list_tags_fail"]);
        let missing = taken.iter().filter(|id| !listed.contains(id)).count();
        holds(missing == 0, || format!("{missing} of {} are missing", taken.len()))
    });
    let told = ["outbox_filling", "outbox_relieved"];
    for event_type in told {
        eventually(DEADLINE, || {
            let listed = client.ids(&["--event_type", event_type, "--service", "outbox"]);
            holds(listed.len() == 1, || format!("{event_type} is listed {} times", listed.len()))
        });
    }
    eventually(DEADLINE, || {
        let messages = outbox(&stack, "messages");
        holds(messages == 0, || format!("{messages} messages are left"))
    });
}

fn with_details(mut event: Value, filler: &str) -> Value {
    event["event"]["details"] = json!({ "filler": filler });
    event
}

/// Until every row is so: at the admin door, and by `anchore-events health SERVICE` with its exit code.
#[track_caller]
fn says(stack: &Stack, rows: &[Row]) {
    eventually(DEADLINE, || {
        for (service, part, expected) in rows {
            let (_, text) = stack.admin_get(service, "/readyz");
            let parts: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(": ")).collect();
            let said = parts.get(part).copied().unwrap_or("nothing");
            let is_so = if expected.is_empty() { said == "ready" } else { said.starts_with("not ready: ") };
            holds(is_so && said.contains(expected), || {
                format!("{part} of {service} says `{said}`, expected `{expected}`")
            })?;
        }
        Ok(())
    });
    for (service, part, expected) in rows.iter().filter(|(service, part, _)| service == part) {
        let answer = run(&mut stack.server(service, &["health", service]), b"", DEADLINE);
        assert_eq!(answer.code, i32::from(!expected.is_empty()), "{part}: {answer:?}");
    }
}

/// What an operator does to the database of the stack.
fn set_read_only(stack: &Stack, is_read_only: bool) {
    let postgres = stack.postgres.as_ref().expect("it was asked for");
    let value = if is_read_only { "on" } else { "off" };
    for statement in
        [format!("ALTER SYSTEM SET default_transaction_read_only = {value}"), "SELECT pg_reload_conf()".to_owned()]
    {
        let mut psql = Command::new("psql");
        psql.args(["--dbname", &postgres.url("postgres"), "--command", &statement]);
        let output = run(&mut psql, b"", DEADLINE);
        assert_eq!(output.code, 0, "{output:?}");
    }
}
