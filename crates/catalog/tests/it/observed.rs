//! A catalog that runs, and what can be seen of it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::EventPublisher;
use catalog::{Catalog, Config, Metrics, RepositoryStatus, StatusBoard};
use emitter::Emitter;
use event::{Clock, Event, ManualClock, Source};
use prometheus_client::registry::Registry;
use serde_json::Value;
use service::config::{Document, Environment};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::eventually::{DEADLINE, eventually};
use crate::recording_bus::RecordingBus;

pub use fixtures::{REGISTRY_PASSWORD as PASSWORD, REGISTRY_USER as USERNAME};

pub const WRONG_PASSWORD: &str = "wrong-password";

/// Cycles follow each other as fast as a test can want.
const CYCLE: Duration = Duration::from_millis(20);

/// What is configured, as YAML would have it.
#[derive(Clone, Default)]
pub struct Settings<'a> {
    pub repositories: Vec<String>,
    pub insecure: bool,
    /// Registry and password.
    pub password: Option<(&'a str, &'a str)>,
    /// Registry and file.
    pub ca_file: Option<(&'a str, &'a Path)>,
    pub request_timeout: Option<Duration>,
    /// From the start on.
    pub bus_is_down: bool,
}

pub struct Observed {
    pub clock: Arc<ManualClock>,
    pub board: StatusBoard,
    pub bus: Arc<RecordingBus>,
    pub registry: Registry,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
    events: UnboundedReceiver<Event>,
}

impl Observed {
    /// Begins to watch.
    pub fn start(settings: &Settings<'_>) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = read(settings);
        config.repo_watcher = CYCLE;
        config.request_timeout = settings.request_timeout.unwrap_or(DEADLINE);
        let (sender, events) = unbounded_channel();
        let bus = Arc::new(RecordingBus { events: sender, is_down: AtomicBool::new(settings.bus_is_down) });
        let clock = Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap()));
        let emitter_clock: Arc<dyn Clock> = clock.clone();
        let source = Source { service: Some(catalog::SERVICE.to_owned()), ..Source::default() };
        let emitter = Emitter::new(EventPublisher::new(bus.clone()), Arc::clone(&emitter_clock), source);
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let catalog = Catalog::new(config, emitter, emitter_clock, metrics).unwrap();
        let (board, stop) = (catalog.status(), CancellationToken::new());
        let task = tokio::spawn(catalog.run(stop.clone()));
        Self { clock, board, bus, registry, stop, task, events }
    }

    pub async fn next_event(&mut self) -> Event {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        event.expect("an event comes in time").expect("the bus is there")
    }

    /// The code of the next event's cause, and its details.
    pub async fn next_cause(&mut self) -> (String, Value) {
        let event = self.next_event().await;
        let details: Value = serde_json::from_str(event.details.as_json()).unwrap();
        println!("{} | {} | {}", details["cause"]["code"], details["msg"], details["cause"]["hint"]);
        (details["cause"]["code"].as_str().unwrap().to_owned(), details)
    }

    /// Every event that has come and was not looked at.
    pub fn more_events(&mut self) -> usize {
        std::iter::from_fn(|| self.events.try_recv().ok()).count()
    }

    pub fn status(&self) -> RepositoryStatus {
        self.board.repositories().remove(0)
    }

    pub async fn succeeded(&self) -> RepositoryStatus {
        eventually("a listing that works", || {
            let status = self.status();
            status.last_success_at.is_some() && status.last_cause.is_none()
        })
        .await;
        self.status()
    }

    /// Waits until so many more failures are counted, and all but the last have had their event, if they get one.
    pub async fn fails_again(&self, times: u64) {
        let failures = |status: RepositoryStatus| status.last_cause.map_or(0, |cause| cause.failures);
        let before = failures(self.status());
        eventually("more failures", || failures(self.status()) > before + times).await;
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("it stops in time").unwrap();
    }

    pub fn set_bus_down(&self, is_down: bool) {
        self.bus.is_down.store(is_down, Ordering::SeqCst);
    }

    /// One counter, as a scraper reads it.
    pub fn counted(&self, result: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let prefix = format!("catalog_listings_total{{result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().parse().unwrap()
    }
}

fn read(settings: &Settings<'_>) -> Config {
    let mut yaml = String::from("repositories:\n");
    for name in &settings.repositories {
        writeln!(yaml, "  - {{name: '{name}', account: alice, insecure: {}}}", settings.insecure).unwrap();
    }
    yaml += "registries:\n";
    if let Some((registry, _)) = settings.password {
        writeln!(yaml, "  - registry: '{registry}'\n    username: {USERNAME}\n    password_env: PASSWORD").unwrap();
    }
    if let Some((registry, file)) = settings.ca_file {
        if settings.password.is_none() {
            writeln!(yaml, "  - registry: '{registry}'").unwrap();
        }
        writeln!(yaml, "    ca_file: '{}'", file.display()).unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    let password = settings.password.map_or("", |(_, password)| password);
    let environment = Environment([("PASSWORD".to_owned(), password.to_owned())].into());
    let mut document = Document::load(Some(file.path()), environment).unwrap();
    let config = Config::read(document.root());
    document.finish().unwrap();
    config
}
