//! What was recorded is told once, although the process dies in between, and although the bus or the database is away.

use std::sync::Arc;
use std::time::Duration;

use event::ManualClock;
use fixtures::{
    DatabaseKind, FaultServer, FreshDatabase, PostgresServer, RegistryAccess, RegistryServer, answer, eventually,
};

use crate::observed::{CALM, Observed, Settings};

fixtures::on_both_databases!(
    what_was_recorded_is_told_after_a_crash,
    what_was_told_and_not_noted_is_repeated_under_its_id
);

fn settings(registry: &RegistryServer, fresh: &FreshDatabase) -> Settings<'static> {
    Settings {
        repositories: vec![registry.repository("team/app")],
        repo_watcher: Some(CALM),
        insecure: true,
        database: Some(fresh.url.parse().unwrap()),
        ..Settings::default()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap()))
}

async fn what_was_recorded_is_told_after_a_crash(kind: DatabaseKind) {
    let (fresh, registry) = (FreshDatabase::new(kind), RegistryServer::start(RegistryAccess::Everybody));
    registry.pusher().push("team/app", "1", "first");
    let observed = Observed::start(&settings(&registry, &fresh)).await;
    observed.knows_what_was_there().await;
    observed.set_bus_down(true);
    registry.pusher().push("team/app", "2", "second");
    eventually("the change", || observed.counted("catalog_tag_changes", "add") == 1).await;
    observed.crash().await;

    let mut observed = Observed::start_at(&settings(&registry, &fresh), clock()).await;
    assert_eq!(observed.next_news().await.0, "tag_add");
    assert_eq!(observed.next_job().await.tag.as_deref(), Some("2"));
    observed.lists_again(5).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0));
    observed.stop().await;
}

async fn what_was_told_and_not_noted_is_repeated_under_its_id(kind: DatabaseKind) {
    let (fresh, registry) = (FreshDatabase::new(kind), RegistryServer::start(RegistryAccess::Everybody));
    registry.pusher().push("team/app", "1", "first");
    let mut observed = Observed::start(&settings(&registry, &fresh)).await;
    observed.knows_what_was_there().await;
    // The bus has it, and the process dies before it hears so.
    observed.set_bus_silent(true);
    registry.pusher().push("team/app", "2", "second");
    let told = observed.next_job().await;
    observed.crash().await;

    let mut observed = Observed::start_at(&settings(&registry, &fresh), clock()).await;
    assert_eq!(observed.next_job().await, told, "the same ID is the same job");
    let event = observed.next_event().await;
    assert!(event.details.as_json().contains(&told.id.to_string()));
    observed.lists_again(5).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0));
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_it_watches_and_tells_what_fails_and_later_what_changed() {
    let mut postgres = PostgresServer::start();
    let fresh = postgres.create_database();
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let broken = FaultServer::plain(|_| answer("500 Oops", &[], ""));
    let first = registry.pusher().push("team/app", "1", "first");
    let settings = Settings {
        repositories: vec![registry.repository("team/app"), broken.repository()],
        repo_watcher: Some(CALM),
        insecure: true,
        image_watcher: Some(Duration::from_millis(50)),
        database: Some(fresh.parse().unwrap()),
        ..Settings::default()
    };
    let mut observed = Observed::start(&settings).await;
    assert_eq!(observed.next_cause().await.0, "unavailable");
    observed.knows_what_was_there().await;

    postgres.kill();
    let readiness = observed.readiness.clone();
    let is_ready = || readiness.reasons(catalog::SERVICE).is_some_and(|reasons| reasons.is_empty());
    let second = registry.pusher().push("team/app", "1", "second");
    registry.pusher().push("team/app", "2", "third");
    eventually("no readiness", || !is_ready()).await;
    drop(broken);
    // The failure has another cause now, which is told although it cannot be kept.
    assert_eq!(observed.next_cause().await.0, "connect");
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0));

    postgres.restart();
    eventually("readiness", is_ready).await;
    let mut news = Vec::new();
    for _ in 0..2 {
        let (event_type, resource, details) = observed.next_news().await;
        if event_type == "tag_update" {
            assert_eq!(
                (&details["old_digest"], &details["new_digest"]),
                (&first.clone().into(), &second.clone().into())
            );
        }
        news.push((event_type, resource.rsplit(':').next().unwrap().to_owned()));
    }
    news.sort();
    assert_eq!(news, [("tag_add".to_owned(), "2".to_owned()), ("tag_update".to_owned(), "1".to_owned())]);
    observed.fails_again(3).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 2), "nothing twice");
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_at_the_start_is_no_reason_not_to_watch() {
    let mut postgres = PostgresServer::start();
    let url = postgres.create_database();
    postgres.kill();
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("team/app", "1", "first");
    let broken = FaultServer::plain(|_| answer("500 Oops", &[], ""));
    let mut observed = Observed::start(&Settings {
        repositories: vec![registry.repository("team/app"), broken.repository()],
        repo_watcher: Some(CALM),
        insecure: true,
        database: Some(url.parse().unwrap()),
        ..Settings::default()
    })
    .await;
    assert_eq!(observed.next_cause().await.0, "unavailable");
    eventually("a listing", || observed.counted("catalog_listings", "ok") > 1).await;
    postgres.restart();
    observed.knows_what_was_there().await;
    registry.pusher().push("team/app", "2", "second");
    assert_eq!(observed.next_news().await.0, "tag_add");
    assert_eq!(observed.more_events(), 0, "what was told before the database was there is not told again");
    observed.stop().await;
}
