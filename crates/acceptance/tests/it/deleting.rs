//! `event delete`: by id, by window, and all of them, with the question before.

use std::process::Command;

use crate::harness::{ADMIN, Client, DEADLINE, Shape, Stack, event, id_of, run};

on_every_stack!(one_event_is_deleted_by_its_id_for_good, a_window_is_deleted_and_counted);

const QUESTION: &str = "Really delete (clear) all events? (y/N)";

fn store(client: &Client, count: u64) {
    client.store(&(1..=count).map(event).collect::<Vec<_>>());
}

fn one_event_is_deleted_by_its_id_for_good(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    store(&admin, 3);
    assert_eq!(admin.run(&["event", "delete", &id_of(2)]).ok(), "");
    assert_eq!(admin.run(&["event", "get", &id_of(2)]).code, 1);
    // Where old clients are silent, ours says so.
    admin.run(&["event", "delete", &id_of(2)]).refused(1, &["Error: Event not found\nHTTP Code: 404\n"]);
    admin.run(&["event", "delete", &id_of(99)]).refused(1, &["Error: Event not found"]);
    assert_eq!(admin.ids(&[]), [id_of(3), id_of(1)]);

    // It does not come back when it is delivered again. Events are stored in order, so 4 tells that 2 was dealt with.
    admin.publish(&[event(2)]);
    admin.store(&[event(4)]);
    assert_eq!(admin.ids(&[]), [id_of(4), id_of(3), id_of(1)]);
}

fn a_window_is_deleted_and_counted(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    store(&admin, 20);
    let second = |second: u32| format!("2018-06-30T03:56:{second:02}Z");
    let delete = |arguments: &[&str]| admin.run(&[&["event", "delete"], arguments].concat()).ok();
    assert_eq!(delete(&["--before", "2018-06-29"]), "No matching events found\n");
    // Event n happened n seconds and n microseconds after the minute.
    assert_eq!(delete(&["--before", &second(4)]), "Deleted 3 events\n");
    assert_eq!(delete(&["--since", &second(18)]), "Deleted 3 events\n");
    assert_eq!(delete(&["--since", &second(5), "--before", &second(8)]), "Deleted 3 events\n");
    assert_eq!(admin.ids(&[]).len(), 11);
    assert_eq!(delete(&["--level", "info"]), "No matching events found\n");
    assert_eq!(delete(&["--resource", "docker.io/team/app-4", "--level", "error"]), "Deleted 2 events\n");
    let ids: Vec<String> = serde_json::from_str(&delete(&["--json", "--since", &second(16)])).expect("a list of ids");
    assert_eq!(ids, [id_of(17), id_of(16)]);
    // The bounds contradict each other: nothing is deleted.
    let wrong = admin.run(&["event", "delete", "--since", &second(20), "--before", &second(1)]);
    wrong.refused(1, &["filter.since: `2018-06-30T03:56:20Z` is not earlier than `before`"]);
    assert_eq!(admin.ids(&[]).len(), 7);
    assert_eq!(delete(&["--dontask"]), "Deleted 7 events\n");
    assert_eq!(delete(&["--all", "--dontask"]), "No matching events found\n");
    assert!(admin.ids(&[]).is_empty());
}

#[test]
fn all_events_are_deleted_only_after_a_yes() {
    let stack = Stack::start(Shape::LocalTogether);
    let admin = stack.client(ADMIN);
    store(&admin, 3);
    let delete = |input: &str| admin.run_with(&["event", "delete"], input.as_bytes());
    for no in ["n\n", "\n", "yes\n", "N\ny\n", "x"] {
        assert_eq!(delete(no).ok(), QUESTION, "{no:?}");
    }
    let nobody = delete("");
    nobody.refused(2, &[QUESTION, "none were deleted", "--dontask"]);
    admin.run_with(&["event", "delete", "--all"], b"").refused(2, &["none were deleted"]);
    assert_eq!(admin.ids(&[]).len(), 3);
    assert_eq!(delete("y\n").ok(), format!("{QUESTION}Deleted 3 events\n"));
    assert_eq!(delete("Y\n").ok(), format!("{QUESTION}No matching events found\n"));
    assert!(admin.ids(&[]).is_empty());
}

#[test]
fn at_a_terminal_the_end_of_input_is_a_no() {
    let stack = Stack::start(Shape::LocalTogether);
    let admin = stack.client(ADMIN);
    store(&admin, 2);
    let at_terminal = |typed: &str| {
        let client = admin.command(&["event", "delete"]);
        let line = format!("{} event delete", client.get_program().display());
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env_clear()
            .envs(client.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
        command.env("SHELL", "/bin/sh").env("TERM", "dumb");
        run(&mut command, typed.as_bytes(), DEADLINE)
    };
    assert!(at_terminal("n\n").ok().contains(QUESTION));
    // The end of input, as `script` types it.
    assert!(at_terminal("").ok().contains(QUESTION));
    assert_eq!(admin.ids(&[]).len(), 2);
    assert!(at_terminal("y\n").ok().contains("Deleted 2 events"));
    assert!(admin.ids(&[]).is_empty());
}
