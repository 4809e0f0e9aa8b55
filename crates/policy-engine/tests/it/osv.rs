//! Groups of OSV: archives, and lists of changes.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::documents::osv_record;
use crate::engine::Engine;
use crate::feed_server::{FeedServer, answer, ok, path_of};
use crate::syncing::{expected, feed, result, switchable};
use crate::zip::zip;

const OLD: &str = "2024-08-15T00:05:00Z";
const NEW: &str = "2026-11-29T10:00:00.123456Z";

fn osv_archive(records: &[(&str, &str, &str)]) -> Vec<u8> {
    let texts: Vec<(String, String)> = records
        .iter()
        .map(|(id, modified, summary)| (format!("{id}.json"), osv_record(id, modified, summary)))
        .collect();
    zip(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
}

/// The records of the archive, and how many there are: enough that one more or less is no drop.
fn ten() -> Vec<(&'static str, &'static str, &'static str)> {
    ["A-0", "A-1", "A-2", "A-3", "A-4", "A-5", "A-6", "A-7", "A-8", "A-9"].map(|id| (id, OLD, "s")).to_vec()
}

#[tokio::test]
async fn osv_goes_by_its_list_of_changes() {
    let (server, switch) = switchable(vec![
        Box::new(|head| match path_of(head).unwrap() {
            "/npm/all.zip" => ok(osv_archive(&ten())),
            _ => answer("404 Not Found", &[], ""),
        }),
        // Changed, new, withdrawn, deleted; and what we have.
        Box::new(|head| match path_of(head).unwrap() {
            "/npm/modified_id.csv" if head.contains("if-none-match: \"l1\"") => answer("304 Not Modified", &[], ""),
            "/npm/modified_id.csv" => {
                let list = format!(
                    "{NEW},A-1\n{NEW},B-1\n{NEW},A-2\n{NEW},A-3\n{OLD},A-4\n{OLD},A-5\n2020-01-01T00:00:00Z,X\n"
                );
                answer("200 OK", &["ETag: \"l1\""], list)
            }
            "/npm/A-1.json" => ok(osv_record("A-1", NEW, "another text")),
            "/npm/B-1.json" => ok(osv_record("B-1", NEW, "s")),
            "/npm/A-2.json" => ok(osv_record("A-2", NEW, "s")
                .replace("\"summary\"", "\"withdrawn\": \"2026-11-29T10:00:00Z\", \"summary\"")),
            path => answer("404 Not Found", &[], path),
        }),
    ])
    .await;
    let engine = Engine::start(&feed("osv", &server.url(), "npm")).await;
    engine.runs_ended(1).await;
    assert_eq!(result(&engine), expected("updated", "whole", 10, [10, 0, 0, 0]));
    switch.store(1, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("updated", "changes", 9, [1, 1, 2, 0]));
    assert_eq!(
        server.paths()[1..],
        ["/npm/modified_id.csv", "/npm/A-1.json", "/npm/B-1.json", "/npm/A-2.json", "/npm/A-3.json"]
    );
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("unchanged", "condition", 9, [0, 0, 0, 0]));
}

#[tokio::test]
async fn osv_is_compared_as_a_whole_once_a_day_and_when_the_list_does_not_help() {
    let (server, switch) = switchable(vec![
        Box::new(|head| match path_of(head).unwrap() {
            "/npm/all.zip" => ok(osv_archive(&ten())),
            "/npm/modified_id.csv" => ok(format!("{OLD},A-0\n{NEW},A-1\n")),
            path => answer("404 Not Found", &[], path),
        }),
        Box::new(|head| match path_of(head).unwrap() {
            "/npm/modified_id.csv" => ok(format!("{OLD},A-0\n")),
            "/npm/all.zip" => ok(osv_archive(&ten()[1..])),
            path => answer("404 Not Found", &[], path),
        }),
    ])
    .await;
    let engine = Engine::start(&feed("osv", &server.url(), "npm")).await;
    engine.runs_ended(1).await;
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("unchanged", "whole", 10, [0, 0, 0, 0]), "the list is not in order");
    switch.store(1, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("unchanged", "changes", 10, [0, 0, 0, 0]), "nothing that is not known");
    engine.clock.advance(std::time::Duration::from_hours(25));
    engine.sync_what_may_be_due().await;
    assert_eq!(result(&engine), expected("updated", "whole", 9, [0, 0, 1, 0]), "what was deleted is noticed");
}

#[tokio::test]
async fn a_few_records_that_cannot_be_understood_are_skipped_and_named() {
    let mut records: Vec<(String, String)> =
        (0..300).map(|number| (format!("R-{number}.json"), osv_record(&format!("R-{number}"), OLD, "s"))).collect();
    records[7].1 = r#"{"id": "R-7"}"#.to_owned();
    records[9].1 = records[9].1.replace("s\"", "\u{1}\"");
    records.push(("README.txt".to_owned(), "no record".to_owned()));
    let archive = zip(records.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let server = FeedServer::plain(move |_| ok(&archive)).await;
    let engine = Engine::start(&feed("osv", &server.url(), "npm")).await;
    engine.runs_ended(1).await;
    let details = engine.details("group_completed");
    assert_eq!((&details["result"]["records"], &details["result"]["skipped"]), (&json!(298), &json!(2)));
    let first = details["result"]["skipped_first"].as_array().unwrap();
    assert!(first[0].as_str().unwrap().starts_with("R-7: missing field `modified`"), "{first:?}");
}
