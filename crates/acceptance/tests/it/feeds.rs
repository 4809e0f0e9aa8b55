//! Feeds, as an operator meets them: events, `feeds list`, `feeds sync`.

use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, BOB, DEADLINE, Feeds, Shape, Stack, eventually, holds};

on_every_stack!(feeds_are_synced_listed_and_told_as_on_the_page, planted_passwords_are_nowhere);

const MAIN: &str = "/v3.20/main.json";
const GROUP_COMPLETED: &str = "system.feeds.sync.group_completed";

/// The rows of a table, cell by cell.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(cells).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

fn feeds_are_synced_listed_and_told_as_on_the_page(shape: Shape) {
    let feeds = Feeds::start();
    feeds.put(MAIN, Feeds::secdb(10));
    let settings =
        format!("feeds: [{{name: alpine, kind: alpine_secdb, url: '{}', groups: [v3.20/main]}}]", feeds.url());
    let stack = Stack::builder(shape).policy_engine(&settings).start();
    let admin = stack.client(ADMIN);

    // The page's events, in its columns.
    eventually(DEADLINE, || {
        let listed = admin.run(&["event", "list", "--service", "policy_engine"]).ok();
        let table = rows(&listed);
        let of_type = |event_type: &str| table.iter().find(|row| row.get(4) == Some(&event_type)).cloned();
        let (start, complete) = (of_type("feed_sync_start"), of_type("feed_sync_complete"));
        holds(start.is_some() && complete.is_some(), || listed.clone())?;
        for row in [start, complete].into_iter().flatten() {
            assert_eq!(row[1..4], ["INFO", "policy_engine", "acceptance-host"], "{listed}");
        }
        assert_eq!(table[0], ["Timestamp", "Level", "Service", "Host", "Event", "ID"]);
        Ok(())
    });
    let names: Vec<Value> = admin
        .records(&["--service", "policy_engine"])
        .into_iter()
        .map(|record| record["event"]["type"].clone())
        .collect();
    let expected = [
        "feed_sync_complete",
        "system.feeds.sync.feed_completed",
        GROUP_COMPLETED,
        "system.feeds.sync.group_started",
        "system.feeds.sync.feed_started",
        "feed_sync_start",
    ];
    assert_eq!(names, expected, "newest first");

    let listed = stack.client(BOB).run(&["feeds", "list"]).ok();
    let table = rows(&listed);
    assert_eq!(table[0], ["Feed", "Group", "Records", "Synced", "Age", "Last result"]);
    assert_eq!(table[1][..3], ["alpine", "v3.20/main", "10"], "{listed}");
    assert_eq!(table[1][5], "10 added, 0 changed, 0 withdrawn", "{listed}");

    feeds.put(MAIN, Feeds::secdb(12));
    let synced = admin.run(&["feeds", "sync"]).ok();
    assert_eq!(synced, "alpine/v3.20/main: 12 records: 2 added, 0 changed, 0 withdrawn\nSynced 1 groups\n");
    assert_eq!(
        admin.run(&["feeds", "sync", "alpine/v3.20/main"]).ok(),
        "alpine/v3.20/main: 12 records: unchanged\nSynced 1 groups\n"
    );

    // A drop is refused, and taken over by who says so.
    feeds.put(MAIN, Feeds::secdb(5));
    admin
        .run(&["feeds", "sync", "alpine"])
        .refused(1, &["failed: implausible: the feed has 5 records where it had 12", "--accept-drop"]);
    admin.run(&["feeds", "sync", "alpine/v3.20/main", "--accept-drop"]).ok();

    feeds.remove(MAIN);
    let failed = admin.run(&["feeds", "sync", "alpine"]);
    failed.refused(1, &["alpine/v3.20/main: failed: not_found: ", "Synced 0 groups, 1 failed and keep the records"]);
    let listed = admin.run(&["feeds", "list"]).ok();
    assert!(listed.contains("failed: not_found since ") && listed.contains("has nothing at this address"), "{listed}");
    let json: Value = serde_json::from_str(&admin.run(&["-o", "json", "feeds", "list"]).ok()).expect("JSON");
    assert_eq!(
        (&json["groups"][0]["records"], &json["groups"][0]["last_result"]["cause"]["code"]),
        (&json!(5), &json!("not_found"))
    );

    // Told once, however often it is asked for; the run says each time that it lasts.
    admin.run(&["feeds", "sync", "alpine"]).refused(1, &["not_found"]);
    eventually(DEADLINE, || {
        let count = |event_type: &str| admin.ids(&["--event_type", event_type]).len();
        let counts = [count("feed_sync_fail"), count("system.feeds.sync.group_failed")];
        holds(counts == [3, 1], || format!("{counts:?}"))
    });
    let id = admin.ids(&["--event_type", "system.feeds.sync.group_failed"]).remove(0);
    let got = admin.run(&["event", "get", &id]).ok();
    for part in
        ["    code: not_found\n", "    hint: ", "  kept:\n    age: ", "    records: 5\n", "  id: alpine/v3.20/main\n"]
    {
        assert!(got.contains(part), "{part}: {got}");
    }

    admin
        .run(&["feeds", "sync", "nope"])
        .refused(1, &["no feed `nope` is configured, expected one of `alpine`", "404"]);
    admin.run(&["feeds", "sync", "alpine/"]).refused(2, &["neither a feed nor a group"]);
    stack.client(ALICE).run(&["feeds", "sync"]).refused(1, &["the account `alice` may not sync feeds", "403"]);
    assert!(stack.counter("policy-engine", "policy_engine_group_syncs_total", "not_found") >= 2);
}

/// What the server sends back of a request with a password: everything.
fn planted_passwords_are_nowhere(shape: Shape) {
    const IN_URL: &str = "s3cr3t-in-url";
    const IN_ENVIRONMENT: &str = "s3cr3t-in-environment";
    let feeds = Feeds::start();
    let address = feeds.url().replace("http://", "");
    feeds.put(
        &format!("{MAIN}?sig={IN_URL}-sig"),
        format!(r#"{{"packages": "{IN_URL} {IN_ENVIRONMENT} {IN_URL}-sig"}}"#),
    );
    let settings = format!(
        "feeds: [{{name: a, kind: alpine_secdb, url: 'http://user:{IN_URL}@{address}/?sig={IN_URL}-sig', groups: [v3.20/main]}}, \
         {{name: b, kind: alpine_secdb, url: 'http://{address}/?sig={IN_URL}-sig', groups: [v3.20/main], username: u, \
         password_env: FEED_PASSWORD}}]"
    );
    let stack = Stack::builder(shape).policy_engine(&settings).environment("FEED_PASSWORD", IN_ENVIRONMENT).start();
    let admin = stack.client(ADMIN);
    eventually(DEADLINE, || {
        let failed = admin.ids(&["--event_type", "feed_sync_fail"]).len();
        holds(failed == 1, || format!("{failed} failed runs"))
    });
    let mut seen = admin.run(&["-o", "ndjson", "event", "list", "--all"]).ok();
    assert_eq!(seen.matches("system.feeds.sync.group_failed").count(), 2, "{seen}");
    for command in [&["feeds", "list"][..], &["-o", "json", "feeds", "list"]] {
        seen += &admin.run(command).ok();
    }
    let check_config = stack.server("policy-engine", &["check-config"]).output().expect("the program starts");
    seen += &String::from_utf8_lossy(&check_config.stdout);
    seen += &stack.admin_get("policy-engine", "/metrics").1;
    for file in files_below(stack.directory()) {
        // The configuration is where the secret comes from.
        if !file.ends_with("config.yaml") {
            seen += &String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default());
        }
    }
    let masked = format!("***@{address}/?***");
    assert!(check_config.status.success() && seen.contains(&masked), "{check_config:?}");
    // `user:s3cr3t-in-url` and `u:s3cr3t-in-environment`.
    for secret in [IN_URL, IN_ENVIRONMENT, "dXNlcjpzM2NyM3Q", "dTpzM2NyM3Q"] {
        assert!(!seen.contains(secret), "{secret} can be seen");
    }
}

fn files_below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let below = |path: std::path::PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    entries.map(|entry| entry.path()).flat_map(below).collect()
}
