//! Feeds at their real size, and what they cost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fixtures::{DatabaseKind, FreshDatabase, eventually_within};
use serde_json::json;

use crate::documents::{large_osv, large_secdb, large_tracker};
use crate::engine::{Engine, Settings};
use crate::feed_server::{Chunks, FeedServer, Reaction};

fixtures::on_both_databases!(documents_of_the_real_size_are_synced);

const RECORDS: u64 = 65_000;
/// A large sync takes seconds on an idle machine.
const LARGE_DEADLINE: Duration = Duration::from_mins(10);
/// The usual run of the memory test compares a tenth of that with it; set to 650000 for a longer run by hand.
const MANY_VARIABLE: &str = "POLICY_ENGINE_TEST_RECORDS";
/// Tells the child of the memory test what to sync.
const CHILD_VARIABLE: &str = "POLICY_ENGINE_TEST_FEED";
/// More than that is growth.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// A document of so many records.
type Document = fn(u64) -> Chunks;

/// The feeds of each kind: the entry but for its address, and its document.
const FEEDS: [(&str, Document); 3] = [
    ("kind: alpine_secdb, groups: [v3.20/main]", large_secdb),
    ("kind: osv, groups: [npm]", large_osv),
    ("kind: debian_tracker", large_tracker),
];

async fn documents_of_the_real_size_are_synced(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    for (index, (entry, records)) in FEEDS.into_iter().enumerate() {
        let server = FeedServer::plain(move |_| Reaction::Stream(records(RECORDS))).await;
        let feeds = format!("[{{name: f{index}, {entry}, url: '{}/json'}}]", server.url());
        let begin = Instant::now();
        let engine =
            Engine::start(&Settings { database: Some(fresh.url.parse().unwrap()), ..Settings::new(feeds) }).await;
        let ended = || engine.count("feed_sync_complete") + engine.count("feed_sync_fail") > 0;
        eventually_within(LARGE_DEADLINE, "the end of a large sync", ended).await;
        let result = engine.details("group_completed")["result"].take();
        assert_eq!((&result["records"], &result["added"]), (&json!(RECORDS), &json!(RECORDS)), "{result}");
        println!(
            "{entry}: {} MB in {:?} on {kind:?}",
            result["downloaded_bytes"].as_u64().unwrap() / 1_000_000,
            begin.elapsed()
        );
    }
}

/// A sync of ten times as many records, in a process of its own, has no higher peak of memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_feed() {
    let many = std::env::var_os(MANY_VARIABLE).and_then(|records| records.to_str()?.parse().ok()).unwrap_or(RECORDS);
    let few = many / 10;
    for (entry, records) in FEEDS {
        let (few_kib, many_kib) = (peak_kib(entry, records, few).await, peak_kib(entry, records, many).await);
        println!("{entry}: {few_kib} KiB for {few} records, {many_kib} KiB for {many}");
        assert!(many_kib < few_kib + GROWTH_KIB_MAX, "{entry}: {few_kib} KiB, {many_kib} KiB");
    }
}

async fn peak_kib(entry: &str, records: Document, count: u64) -> u64 {
    let server = FeedServer::plain(move |_| Reaction::Stream(records(count))).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "large::child_that_syncs", "--ignored", "--nocapture"]).stderr(Stdio::inherit());
    child.env(CHILD_VARIABLE, format!("[{{name: f, {entry}, url: '{}/json'}}]", server.url()));
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(&format!("{count} records")), "{said}");
    let peak = said.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "the child of another test"]
async fn child_that_syncs() {
    let feeds = std::env::var_os(CHILD_VARIABLE).and_then(|feeds| feeds.into_string().ok()).unwrap();
    let engine = Engine::start(&Settings::new(feeds)).await;
    let ended = || engine.count("feed_sync_complete") + engine.count("feed_sync_fail");
    while ended() == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let result = engine.details("group_completed")["result"].take();
    println!("{} records", result["records"]);
    print!("{}", std::fs::read_to_string("/proc/self/status").unwrap());
}
