//! A disk that is full, a database and a bus that are away.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fixtures::{PostgresServer, eventually};
use proto::policy_engine::v1::SyncFeedsRequest;
use serde_json::json;

use crate::documents::{large_secdb, secdb};
use crate::engine::{Engine, Settings};
use crate::feed_server::{FeedServer, Reaction, ok};

fn settings(server: &FeedServer) -> Settings {
    Settings::new(format!("[{{name: f, kind: alpine_secdb, url: '{}', groups: [v3.20/main]}}]", server.url()))
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_named() {
    let server = FeedServer::plain(|_| ok(secdb(&[("a", "CVE-1")]))).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let engine =
        Engine::start(&Settings { spool_directory: Some(file.path().join("feeds")), ..settings(&server) }).await;
    engine.runs_ended(1).await;
    let details = engine.details("group_failed");
    assert_eq!((&details["cause"]["code"], &details["cause"]["retryable"]), (&json!("disk"), &json!(true)));
    assert!(details["cause"]["hint"].as_str().unwrap().contains("a directory that the user of this process can write"));
    assert_eq!((engine.count("group_failed"), engine.count("feed_sync_fail")), (1, 1));
}

/// A small disk of its own, which only root may mount. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(directory: &Path) -> Option<Self> {
        std::fs::create_dir(directory).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "feeds"]).arg(directory).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(directory.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_sync_works_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk")) else {
        eprintln!("SKIPPED: only root may mount a small disk");
        return;
    };
    let records = Arc::new(AtomicUsize::new(20_000));
    let count = Arc::clone(&records);
    let server = FeedServer::plain(move |_| Reaction::Stream(large_secdb(count.load(Ordering::SeqCst) as u64))).await;
    let engine = Engine::start(&Settings { spool_directory: Some(disk.0.clone()), ..settings(&server) }).await;
    engine.runs_ended(1).await;
    let details = engine.details("group_failed");
    assert_eq!(details["cause"]["code"], "disk");
    assert!(details["msg"].as_str().unwrap().starts_with("there is no room for the download"), "{details}");
    records.store(10, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(engine.groups().await[0].records, Some(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_in_the_middle_fails_the_group_once_and_is_waited_for() {
    let mut postgres = PostgresServer::start();
    let url = postgres.create_database().parse().unwrap();
    // So many that the database goes away before they are written.
    let server = FeedServer::plain(|_| Reaction::Stream(large_secdb(100_000))).await;
    let engine = Engine::start(&Settings { database: Some(url), ..settings(&server) }).await;
    let is_writing = || engine.metrics().contains("policy_engine_group_syncs_total{result=\"updated\"} 0");
    assert!(is_writing());
    loop {
        let group = engine.groups().await.remove(0);
        if group.progress.is_some_and(|progress| progress.records > 0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    postgres.kill();
    eventually("not ready", || engine.readiness.reasons("policy-engine").is_some_and(|reasons| !reasons.is_empty()))
        .await;
    assert!(engine.count("group_failed") == 0, "there is nobody to note it");
    postgres.restart();
    engine.runs_ended(1).await;
    let details = engine.details("group_failed");
    assert_eq!(details["cause"]["code"], "unavailable");
    assert!(details["msg"].as_str().unwrap().starts_with("the database did not take the records"), "{details}");
    assert_eq!((engine.count("group_failed"), engine.count("feed_failed"), engine.count("feed_sync_fail")), (1, 1, 1));
    eventually("ready again", || engine.readiness.reasons("policy-engine").is_some_and(|reasons| reasons.is_empty()))
        .await;
    assert_eq!(engine.groups().await[0].records, None);
}

#[tokio::test]
async fn a_bus_that_is_away_breaks_nothing_and_hears_everything_later() {
    let server = FeedServer::plain(|_| ok(secdb(&[("a", "CVE-1")]))).await;
    let engine = Engine::start(&settings(&server)).await;
    engine.runs_ended(1).await;
    engine.set_bus_down(true);
    let (before, now) = (engine.told().len(), engine.clock.clone());
    for _ in 0..2 {
        now.advance(std::time::Duration::from_secs(1));
        let summary = engine.sync(SyncFeedsRequest::default()).await.unwrap().1;
        assert_eq!(summary.synced, 1);
    }
    assert_eq!(engine.told().len(), before);
    engine.set_bus_down(false);
    engine.runs_ended(3).await;
    assert_eq!(engine.told().len(), 3 * before, "{:?}", engine.told());
}
