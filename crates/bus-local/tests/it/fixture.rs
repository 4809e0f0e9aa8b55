//! A file of its own, with a clock that is set.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, Consumer, ConsumerSpec, Outgoing, Settlement, Verdict};
use bus_local::{LocalBus, LocalBusConfig};
use database::sea_orm::sqlx::{self, Connection, SqliteConnection};
use event::ManualClock;
use tempfile::TempDir;
use tokio::time::Instant;

pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct Fixture {
    _directory: TempDir,
    pub file: PathBuf,
    pub clock: Arc<ManualClock>,
}

impl Fixture {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("bus.db");
        let now = "2026-11-01T12:00:00Z".parse().expect("a time");
        Self { _directory: directory, file, clock: Arc::new(ManualClock::at(now)) }
    }

    pub async fn open(&self) -> Result<Arc<LocalBus>, BusError> {
        self.open_with(LocalBusConfig::default().max_bytes).await
    }

    pub async fn open_with(&self, max_bytes: u64) -> Result<Arc<LocalBus>, BusError> {
        LocalBus::open(&self.file, LocalBusConfig { max_bytes, ..self.config() }).await
    }

    pub fn config(&self) -> LocalBusConfig {
        LocalBusConfig { clock: self.clock.clone(), ..LocalBusConfig::default() }
    }

    pub async fn connect(&self) -> SqliteConnection {
        connect(&self.file).await
    }

    pub async fn held(&self) -> i64 {
        let mut connection = self.connect().await;
        sqlx::query_scalar("SELECT count(*) FROM message").fetch_one(&mut connection).await.expect("a count")
    }
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.expect("a connection")
}

pub fn outgoing(id: impl Into<String>, payload_bytes: usize) -> Outgoing {
    Outgoing { subject: "events.v1.admin.info.test.made".into(), id: id.into(), payload: vec![7; payload_bytes] }
}

pub async fn reader(bus: &LocalBus, name: &'static str) -> Arc<dyn Consumer> {
    let spec = ConsumerSpec { name, reads: None, ack_wait: Duration::from_mins(1), unsettled_max: 5000 };
    bus.consumer(&spec).await.expect("a consumer")
}

pub async fn settle_all(consumer: &Arc<dyn Consumer>) -> usize {
    let mut settled = 0;
    loop {
        let messages = consumer.fetch(1000, Duration::ZERO).await.expect("fetched");
        if messages.is_empty() {
            return settled;
        }
        settled += messages.len();
        let settlements =
            messages.into_iter().map(|message| Settlement { token: message.token, verdict: Verdict::Ack });
        consumer.settle(settlements.collect()).await.expect("settled");
    }
}

pub async fn eventually_held(fixture: &Fixture, expected: i64) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let held = fixture.held().await;
        if held == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{held} messages are held, expected {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
