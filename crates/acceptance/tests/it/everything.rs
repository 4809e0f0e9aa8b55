//! `event list --all` over 100,000 events.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;

use crate::harness::{ADMIN, Client, DEADLINE, Shape, Stack, event, eventually, holds, id_in, id_of};

const EVENTS: u64 = 100_000;
const MEMORY_KIB_MAX: u64 = 64 * 1024;
/// Lines between two looks at the memory.
const LOOK_LINES: usize = 1_000;

#[test]
fn a_hundred_thousand_events_are_listed_in_constant_memory() {
    let stack = Stack::start(Shape::LocalTogether);
    let admin = stack.client(ADMIN);
    publish(&admin);
    eventually(DEADLINE, || {
        let stored = stack.counter("events-store", "events_store_stored", "");
        holds(stored >= EVENTS, || format!("{stored} of {EVENTS} are stored"))
    });
    let expected: HashSet<String> = (1..=EVENTS).map(id_of).collect();
    for (form, row_of) in [("table", last_word as fn(&str) -> Option<String>), ("json", id_in)] {
        let mut listing = admin.spawn(&["-o", form, "event", "list", "--all"]);
        let (ids, memory_kib) = read(&mut listing, row_of);
        assert!(listing.wait().is_ok_and(|status| status.success()), "{form}");
        assert_eq!(ids.len() as u64, EVENTS, "{form}: every one");
        assert!(ids.into_iter().collect::<HashSet<_>>() == expected, "{form}: every one, once");
        println!("-o {form} --all: {memory_kib} KiB at most");
        assert!((1..MEMORY_KIB_MAX).contains(&memory_kib), "{form}: {memory_kib} KiB");
    }
}

fn publish(admin: &Client) {
    let file = tempfile::NamedTempFile::new().expect("a file of our own");
    let mut lines = std::io::BufWriter::new(&file);
    (1..=EVENTS).try_for_each(|number| writeln!(lines, "{}", event(number))).expect("a file of our own");
    drop(lines);
    let path = file.path().to_str().expect("a temporary path is text");
    assert_eq!(admin.run(&["event", "publish", path]).ok().lines().count() as u64, EVENTS);
}

/// The ids, and the most memory that the program had. It cannot end before it was looked at: what it prints waits in a
/// pipe that holds less than there is between two looks.
fn read(listing: &mut Child, id_in: fn(&str) -> Option<String>) -> (Vec<String>, u64) {
    let status = format!("/proc/{}/status", listing.id());
    let output = BufReader::new(listing.stdout.take().expect("it is piped"));
    let mut ids = Vec::new();
    let mut memory_kib = 0;
    for (index, line) in output.lines().enumerate() {
        ids.extend(id_in(&line.expect("a line of text")));
        if index % LOOK_LINES == 0 {
            memory_kib =
                memory_kib.max(peak_kib(&std::fs::read_to_string(&status).unwrap_or_default()).unwrap_or_default());
        }
    }
    (ids, memory_kib)
}

/// From a line such as `VmHWM:     12664 kB`.
fn peak_kib(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

fn last_word(row: &str) -> Option<String> {
    row.split_whitespace().last().filter(|word| *word != "ID").map(str::to_owned)
}
