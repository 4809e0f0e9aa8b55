//! Workers that die, replicas that share the work.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use database::DatabaseUrl;
use event::ManualClock;
use fixtures::{FaultServer, PostgresServer, Reply, eventually_seen};
use proto::analyzer::v1::State;
use tempfile::TempDir;

use crate::memory_bus::MemoryBus;
use crate::observed::{Observed, Settings, details};
use crate::served_image::{PATH, ServedImage, TAG};
use crate::tar_builder::TarBuilder;

const LEASE: Duration = Duration::from_mins(1);

/// A registry whose layer does not come while it is told to hang.
fn hanging() -> (FaultServer, Arc<AtomicBool>, String) {
    let hangs = Arc::new(AtomicBool::new(true));
    let shown = Arc::clone(&hangs);
    let image = ServedImage::of(&[TarBuilder::new().file("etc/os-release", "ID=debian").finish()]);
    let layer = image.layer_path(0);
    let server = image.serve_with(move |asked| (asked == layer && shown.load(Ordering::SeqCst)).then_some(Reply::Hang));
    let reference = format!("{}/{PATH}:{TAG}", server.registry());
    (server, hangs, reference)
}

/// Replicas on one database, one bus and one clock.
struct Shared {
    clock: Arc<ManualClock>,
    bus: MemoryBus,
    database: DatabaseUrl,
    _directory: TempDir,
}

impl Shared {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self {
            clock: Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap())),
            bus: MemoryBus::default(),
            database: DatabaseUrl::sqlite(directory.path().join("events.db")),
            _directory: directory,
        }
    }

    async fn replica(&self) -> Observed {
        let settings =
            Settings { bus: self.bus.clone(), database: Some(self.database.clone()), ..Settings::at(&self.clock) };
        Observed::start(settings).await
    }
}

/// Until its layer is asked for.
async fn in_work(observed: &Observed, id: &str) {
    eventually_seen("an image in work", async || {
        let image = observed.get(id).await;
        (image.state() == State::Analyzing && !image.digest.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_image_of_a_killed_worker_is_taken_over() {
    let (shared, (_server, hangs, reference)) = (Shared::new(), hanging());
    let first = shared.replica().await;
    let id = first.queue(&reference).await.id;
    in_work(&first, &id).await;
    let second = shared.replica().await;
    first.kill().await;
    hangs.store(false, Ordering::SeqCst);
    // Its time is not over yet.
    let image = second.queue(&reference).await;
    assert_eq!(image.attempts, 0, "another request for the tag is another image until it was looked up");
    shared.clock.advance(LEASE + Duration::from_secs(1));
    let image = second.settled(&id).await;
    assert_eq!((image.state(), image.attempts), (State::Analyzed, 2));
    assert_eq!(second.events(1).await.len(), 1);
    second.stop().await;
    assert_eq!(shared.bus.events().len(), 1);
}

#[tokio::test]
async fn what_is_in_work_at_a_stop_is_given_back() {
    let (shared, (_server, hangs, reference)) = (Shared::new(), hanging());
    let first = shared.replica().await;
    let id = first.queue(&reference).await.id;
    in_work(&first, &id).await;
    first.stop().await;
    hangs.store(false, Ordering::SeqCst);
    // Without waiting for any lease.
    let second = shared.replica().await;
    let other = second.queue("127.0.0.1:1/a/b:1").await;
    second.settled(&other.id).await;
    assert_eq!(second.settled(&id).await.state(), State::Analyzed);
    second.stop().await;
}

#[tokio::test]
async fn an_image_that_keeps_killing_its_workers_is_put_aside() {
    let (shared, (_server, _, reference)) = (Shared::new(), hanging());
    let mut id = String::new();
    for attempt in 1..=5 {
        let replica = shared.replica().await;
        if attempt == 1 {
            id = replica.queue(&reference).await.id;
        }
        eventually_seen("an attempt", async || {
            let is_ready = replica.list(proto::analyzer::v1::ListImagesRequest::default()).await.is_ok();
            if !is_ready {
                return None;
            }
            let image = replica.get(&id).await;
            (image.state() == State::Analyzing && image.attempts == attempt).then_some(())
        })
        .await;
        replica.kill().await;
        shared.clock.advance(LEASE + Duration::from_secs(1));
    }
    let replica = shared.replica().await;
    let events = replica.events(1).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_type, "analyze_image_fail");
    let details = details(&events[0]);
    assert_eq!(
        (&details["cause"]["code"], &details["cause"]["retryable"]),
        (&"interrupted".into(), &false.into()),
        "{details}"
    );
    assert!(details["cause"]["hint"].as_str().unwrap().contains("anchore-cli image add"), "{details}");
    let image = replica.get(&id).await;
    assert_eq!((image.state(), image.attempts), (State::PutAside, 5));
    assert!(replica.metrics().contains("analyzer_analyses_total{result=\"put_aside\"} 1"));
    replica.stop().await;
}

#[tokio::test]
async fn replicas_share_the_work_and_nothing_is_done_or_told_twice() {
    const IMAGES: usize = 30;
    let postgres = PostgresServer::start();
    let shared = Shared { database: postgres.create_database().parse().unwrap(), ..Shared::new() };
    let (first, second) = (shared.replica().await, shared.replica().await);
    let mut servers = Vec::new();
    let mut queued = Vec::new();
    for number in 0..IMAGES {
        let archive = TarBuilder::new().file("etc/os-release", format!("ID=debian\nBUILD_ID={number}")).finish();
        let server = ServedImage::of(&[archive]).serve();
        // The same image is asked for at both.
        let reference = format!("{}/{PATH}:{TAG}", server.registry());
        let (one, other) = tokio::join!(first.queue(&reference), second.queue(&reference));
        queued.extend([one.id, other.id]);
        servers.push(server);
    }
    for id in &queued {
        eventually_seen("an analysed image", async || (first.get(id).await.state() == State::Analyzed).then_some(()))
            .await;
    }
    let events = first.events(IMAGES).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(shared.bus.events().len(), IMAGES);
    let resources: HashSet<_> = events.iter().map(|event| event.resource.id.clone()).collect();
    assert_eq!(resources.len(), IMAGES);
    assert!(events.iter().all(|event| event.event_type == "user.image.analysis.completed"), "{events:#?}");
}
