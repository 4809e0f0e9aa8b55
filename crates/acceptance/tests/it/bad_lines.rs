//! `event publish -` with lines that are wrong: each is named, and the others are published.

use serde_json::{Value, json};

use crate::harness::{ADMIN, Client, DEADLINE, Output, Shape, Stack, event, eventually, holds, id_of};

on_every_stack!(line_57_of_100_is_named_and_the_others_are_published);

fn lines(events: impl IntoIterator<Item = Value>) -> Vec<Vec<u8>> {
    events.into_iter().map(|event| event.to_string().into_bytes()).collect()
}

fn publish(client: &Client, lines: &[Vec<u8>]) -> Output {
    client.run_with(&["event", "publish", "-"], &lines.join(&b'\n'))
}

fn line_57_of_100_is_named_and_the_others_are_published(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    let mut hundred = lines((1..=100).map(event));
    hundred[56] = b"{\"type\": \"broken".to_vec();
    let output = publish(&admin, &hundred);
    output.refused(1, &["line 57: event: not JSON", "published 99 events, refused 1"]);
    assert_eq!(output.stderr.lines().filter(|line| line.starts_with("line ")).count(), 1, "{output:?}");
    let printed: Vec<&str> = output.stdout.lines().collect();
    let expected: Vec<String> = (1..=100).filter(|number| *number != 57).map(id_of).collect();
    assert_eq!(printed, expected, "in the order of the lines");
    eventually(DEADLINE, || {
        let listed = admin.ids(&[]).len();
        holds(listed == 99, || format!("{listed} are listed"))
    });
}

#[test]
fn what_is_wrong_with_a_line_is_named_with_what_is_right() {
    let stack = Stack::start(Shape::LocalTogether);
    let admin = stack.client(ADMIN);
    let right = || json!({"type": "t", "level": "info", "message": "m", "timestamp": "2018-06-30"});
    let with = |key: &str, value: Value| {
        let mut event = right();
        event[key] = value;
        event.to_string().into_bytes()
    };
    let check = |line: Vec<u8>, problem: &str| {
        let output = publish(&admin, &[right().to_string().into_bytes(), line, right().to_string().into_bytes()]);
        output.refused(1, &[&format!("line 2: {problem}"), "published 2 events, refused 1"]);
        assert_eq!(output.stdout.lines().count(), 2, "{output:?}");
    };
    check(b"[]".to_vec(), "event: expected a JSON object");
    check(with("level", json!("loud")), "level: unknown level `loud`, expected `info` or `error`");
    check(with("level", Value::Null), "level: missing, expected `info` or `error`");
    check(with("timestamp", json!("yesterday")), "timestamp: `yesterday` is no time, expected ISO 8601");
    check(with("timestamp", json!(7)), "timestamp: expected a text, got a number");
    check(with("message", json!("")), "message: missing, expected a text");
    check(with("generated_uuid", json!("7")), "generated_uuid: `7` is no event ID, expected 32 lower-case hex digits");
    check(with("colour", json!("red")), "colour: unknown key");
    check(with("resource", json!({"user_id": "a b"})), "resource.user_id: `a b` is no account name");
    check(with("source", json!({"hostid": "h".repeat(257)})), "source.hostid: 257 bytes, expected at most 256");
    check(with("details", json!({"a": "x".repeat(262_144)})), "details: 262152 bytes of JSON, expected at most 262144");
    check(b"{\"type\": \"caf\xe9\"}".to_vec(), "not UTF-8 after byte 13");
    check(vec![b' '; 1_048_577], "1048577 bytes, expected at most 1048576");

    // Everything that is wrong with a line is told at once.
    let output = publish(&admin, &[b"{\"level\": \"loud\", \"message\": 7}".to_vec()]);
    output.refused(1, &["line 1: type: ", "line 1: level: ", "line 1: message: ", "line 1: timestamp: "]);
    assert_eq!(output.stdout, "");
    // Blank lines are none.
    publish(&admin, &[b"".to_vec(), b"  \r".to_vec(), right().to_string().into_bytes()]).ok();
}
