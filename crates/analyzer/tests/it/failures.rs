//! What follows a failure: another attempt, another event, or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use event::ManualClock;
use fixtures::{FaultServer, answer, eventually_seen};
use proto::analyzer::v1::State;

use crate::observed::{Observed, Settings, details};
use crate::served_image::{PATH, ServedImage, TAG};
use crate::tar_builder::TarBuilder;

const MINUTE: Duration = Duration::from_mins(1);

/// A registry whose manifests are answered with a status that can be set; 200 serves the image.
fn moody() -> (FaultServer, Arc<AtomicU16>, String) {
    let status = Arc::new(AtomicU16::new(503));
    let shown = Arc::clone(&status);
    let image = ServedImage::of(&[TarBuilder::new().file("etc/os-release", "ID=debian").finish()]);
    let server = image.serve_with(move |asked| match shown.load(Ordering::SeqCst) {
        200 => None,
        status => asked.starts_with("manifests/").then(|| answer(&format!("{status} No"), &["Retry-After: 600"], "")),
    });
    let reference = format!("{}/{PATH}:{TAG}", server.registry());
    (server, status, reference)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap()))
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again_and_told_once() {
    let (clock, (server, status, reference)) = (clock(), moody());
    let observed = Observed::start(Settings::at(&clock)).await;
    let (image, events) = observed.analyse(&reference).await;
    assert_eq!((image.state(), events.len()), (State::Failed, 1));
    assert_eq!(details(&events[0])["next_attempt_at"], "2026-11-30T03:10:00Z", "when the registry wants it");
    // The same again is no news.
    clock.advance(11 * MINUTE);
    eventually_seen("another attempt", async || (observed.get(&image.id).await.failure?.failures == 2).then_some(()))
        .await;
    assert_eq!(observed.bus.events().len(), 1);
    // Another reason is.
    status.store(403, Ordering::SeqCst);
    clock.advance(11 * MINUTE);
    let events = observed.events(2).await;
    let second = details(&events[1]);
    assert_eq!((&second["cause"]["code"], &second["failures"]), (&"denied".into(), &3.into()));
    assert_eq!(second.get("next_attempt_at"), None);
    let image = observed.settled(&image.id).await;
    assert_eq!(image.next_attempt_time, None, "what does not pass is left alone");
    // Until somebody asks again.
    status.store(200, Ordering::SeqCst);
    let (image, events) = observed.analyse(&reference).await;
    assert_eq!((image.state(), image.attempts, image.failure), (State::Analyzed, 4, None));
    assert_eq!(events[0].event_type, "user.image.analysis.completed");
    drop(server);
    observed.stop().await;
}

#[tokio::test]
async fn attempts_end() {
    let (clock, (_server, _, reference)) = (clock(), moody());
    let observed = Observed::start(Settings::at(&clock)).await;
    let (image, _) = observed.analyse(&reference).await;
    for failures in 2..=5 {
        clock.advance(240 * MINUTE);
        eventually_seen("another attempt", async || {
            (observed.get(&image.id).await.failure?.failures == failures).then_some(())
        })
        .await;
    }
    let image = observed.settled(&image.id).await;
    assert_eq!((image.state(), image.next_attempt_time), (State::Failed, None));
    assert_eq!(observed.bus.events().len(), 1);
    observed.stop().await;
}

#[tokio::test]
async fn an_image_that_takes_too_long_is_given_up() {
    let image = ServedImage::of(&[TarBuilder::new().file("a", "").finish()]);
    let layer = image.layer_path(0);
    let server = image.serve_with(move |asked| (asked == layer).then_some(fixtures::Reply::Hang));
    let observed = Observed::start(Settings::with("timeout: 1")).await;
    let (_, events) = observed.analyse(&format!("{}/{PATH}:{TAG}", server.registry())).await;
    let details = details(&events[0]);
    assert_eq!(details["cause"]["code"], "timeout");
    assert!(details["cause"]["hint"].as_str().unwrap().contains("services.analyzer.timeout"), "{details}");
    observed.stop().await;
}

#[tokio::test]
async fn events_wait_for_the_bus() {
    let image = ServedImage::of(&[TarBuilder::new().file("a", "").finish()]);
    let server = image.serve();
    let observed = Observed::start(Settings::default()).await;
    observed.bus.set_down(true);
    let queued = observed.queue(&format!("{}/{PATH}:{TAG}", server.registry())).await;
    // The work goes on without it.
    assert_eq!(observed.settled(&queued.id).await.state(), State::Analyzed);
    assert!(observed.bus.events().is_empty());
    observed.bus.set_down(false);
    observed.events(1).await;
    observed.stop().await;
}

#[tokio::test]
async fn a_registry_that_wants_to_be_left_alone_is_not_asked_and_its_images_wait() {
    let (clock, (server, status, reference)) = (clock(), moody());
    let observed = Observed::start(Settings::at(&clock)).await;
    observed.analyse(&reference).await;
    let asked = server.requests().len();
    let other = observed.queue(&reference.replace(TAG, "other")).await;
    eventually_seen("an attempt", async || (observed.get(&other.id).await.attempts == 1).then_some(())).await;
    eventually_seen("an image that waits", async || {
        (observed.get(&other.id).await.state() == State::Queued).then_some(())
    })
    .await;
    assert_eq!((server.requests().len(), observed.bus.events().len()), (asked, 1), "nothing is wrong with it");
    status.store(404, Ordering::SeqCst);
    clock.advance(11 * MINUTE);
    let waited = observed.settled(&other.id).await;
    assert_eq!(waited.failure.unwrap().code, "not_found");
    observed.stop().await;
}
