//! A catalog that runs, and what can be seen of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use accounts::{AccountConfig, Accounts, AccountsConfig, Password, Role};
use bus::{AnalysisJob, EventPublisher};
use catalog::{Catalog, Config, Ground, Metrics, Roster, WatchStatus};
use database::{Database, DatabaseUrl};
use emitter::Emitter;
use event::{Clock, Event, ManualClock, Source};
use fixtures::{DEADLINE, eventually};
use prometheus_client::registry::Registry;
use serde_json::Value;
use service::config::{Document, Environment};
use service::readiness::Readiness;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::recording_bus::RecordingBus;

pub use fixtures::{REGISTRY_PASSWORD as PASSWORD, REGISTRY_USER as USERNAME};

pub const WRONG_PASSWORD: &str = "wrong-password";
/// Of the account `alice`, which owns what is configured.
pub const ALICE_PASSWORD: &str = "alice's password";
/// What a registry shows at the door for notifications.
pub const NOTIFICATION_TOKEN: &str = "a secret of the registry's";

/// Cycles follow each other as fast as a test can want.
const CYCLE: Duration = Duration::from_millis(20);
/// Cycles of a registry that is pushed to meanwhile: one that keeps files lists a tag a moment before it has a manifest
/// for it, and is caught at that when it is asked all the time.
pub const CALM: Duration = Duration::from_millis(300);

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
    /// The largest there is, unless given: a test's clock stands still.
    pub requests_per_minute: Option<u16>,
    /// Very long, unless given.
    pub image_watcher: Option<Duration>,
    /// Very short, unless given.
    pub repo_watcher: Option<Duration>,
    /// From the start on.
    pub bus_is_down: bool,
    /// Its own, unless given.
    pub database: Option<DatabaseUrl>,
}

pub struct Observed {
    pub clock: Arc<ManualClock>,
    pub roster: Roster,
    pub bus: Arc<RecordingBus>,
    pub metrics: Registry,
    pub readiness: Readiness,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
    events: UnboundedReceiver<Event>,
    jobs: UnboundedReceiver<AnalysisJob>,
    _directory: TempDir,
}

impl Observed {
    /// Begins to watch.
    pub async fn start(settings: &Settings<'_>) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap()));
        Self::start_at(settings, clock).await
    }

    /// Begins to watch, with a clock that may have been another's.
    pub async fn start_at(settings: &Settings<'_>, clock: Arc<ManualClock>) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = read(settings);
        config.address.port = 0;
        config.repo_watcher = settings.repo_watcher.unwrap_or(CYCLE);
        config.image_watcher = settings.image_watcher.unwrap_or(Duration::from_hours(24));
        config.request_timeout = settings.request_timeout.unwrap_or(DEADLINE);
        let (event_sender, events) = unbounded_channel();
        let (job_sender, jobs) = unbounded_channel();
        let bus = Arc::new(RecordingBus::new(event_sender, job_sender, settings.bus_is_down));
        let own_clock: Arc<dyn Clock> = clock.clone();
        let source = Source { service: Some(catalog::SERVICE.to_owned()), ..Source::default() };
        let emitter = Emitter::new(EventPublisher::new(bus.clone()), Arc::clone(&own_clock), source);
        let directory = tempfile::tempdir().unwrap();
        let own_database = || DatabaseUrl::sqlite(directory.path().join("events.db"));
        let readiness = Readiness::default();
        let ground = Ground {
            database: Database::open(&settings.database.clone().unwrap_or_else(own_database)).unwrap(),
            log: bus.clone(),
            emitter,
            clock: own_clock,
            accounts: accounts(directory.path()),
            readiness: readiness.clone(),
        };
        let mut metrics = Registry::default();
        let counters = Metrics::register(&mut metrics);
        let catalog = Catalog::bind(config, None, ground, counters).await.unwrap();
        let (address, roster, stop) = (catalog.address(), catalog.roster(), CancellationToken::new());
        let running = Box::pin(catalog.run(true, stop.clone()));
        let task = tokio::spawn(async move { running.await.unwrap() });
        Self { clock, roster, bus, metrics, readiness, address, stop, task, events, jobs, _directory: directory }
    }

    pub async fn next_event(&mut self) -> Event {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        event.expect("an event comes in time").expect("the bus is there")
    }

    pub async fn next_job(&mut self) -> AnalysisJob {
        let job = tokio::time::timeout(DEADLINE, self.jobs.recv()).await;
        job.expect("a job comes in time").expect("the bus is there")
    }

    /// The type and the resource of the next event, and its details.
    pub async fn next_news(&mut self) -> (String, String, Value) {
        let event = self.next_event().await;
        let details: Value = serde_json::from_str(event.details.as_json()).unwrap();
        println!("{} | {details}", event.event_type);
        (event.event_type, event.resource.id.unwrap_or_default(), details)
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

    /// Every job that has come and was not looked at.
    pub fn more_jobs(&mut self) -> usize {
        std::iter::from_fn(|| self.jobs.try_recv().ok()).count()
    }

    pub fn status(&self) -> WatchStatus {
        self.roster.statuses().into_iter().next().map(|(_, status)| status).unwrap_or_default()
    }

    pub async fn succeeded(&self) -> WatchStatus {
        eventually("a listing that works", || {
            let status = self.status();
            status.last_success_at.is_some() && status.last_cause.is_none()
        })
        .await;
        self.status()
    }

    /// Waits until what was there at the first sight is known.
    pub async fn knows_what_was_there(&self) {
        eventually("the first sight", || {
            let statuses = self.roster.statuses();
            let is_known = |status: &WatchStatus| status.last_cause.is_some() || status.pending == Some(0);
            !statuses.is_empty() && statuses.iter().all(|(_, status)| is_known(status))
        })
        .await;
    }

    /// Waits until so many more failures are counted, and all but the last have had their event, if they get one.
    pub async fn fails_again(&self, times: u64) {
        let failures = || {
            let statuses = self.roster.statuses().into_iter();
            statuses.filter_map(|(_, status)| Some(status.last_cause?.failures)).sum::<u64>()
        };
        let before = failures();
        eventually("more failures", || failures() > before + times).await;
    }

    /// Waits until so many more listings have worked.
    pub async fn lists_again(&self, times: u64) {
        let before = self.counted("catalog_listings", "ok");
        eventually("more listings", || self.counted("catalog_listings", "ok") > before + times).await;
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("it stops in time").unwrap();
    }

    /// Ends it as `kill -9` would: nothing is finished.
    pub async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// What is published is seen and never confirmed.
    pub fn set_bus_silent(&self, is_silent: bool) {
        self.bus.is_silent.store(is_silent, Ordering::SeqCst);
    }

    pub fn set_bus_down(&self, is_down: bool) {
        self.bus.is_down.store(is_down, Ordering::SeqCst);
    }

    /// One counter, by its label, as a scraper reads it.
    pub fn counted(&self, name: &str, label: &str) -> u64 {
        let text = self.scraped();
        let mut lines = text.lines().filter(|line| line.starts_with(&format!("{name}_total{{")));
        let line = lines.find(|line| line.contains(&format!("=\"{label}\"}}")));
        line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
    }

    pub fn scraped(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        text
    }
}

fn accounts(directory: &Path) -> Accounts {
    let account = |name: &str, role, password: &str| AccountConfig {
        name: name.parse().unwrap(),
        role,
        password: Password::Plain(password.to_owned().into()),
    };
    let accounts = vec![
        account("alice", Role::Write, ALICE_PASSWORD),
        account("bob", Role::Read, "bob's password"),
        account("carol", Role::Write, "carol's password"),
        account("root", Role::Admin, "root's password"),
    ];
    let config = AccountsConfig { accounts, is_from_environment: false };
    Accounts::open(config, directory, Arc::new(event::SystemClock)).unwrap().0
}

fn read(settings: &Settings<'_>) -> Config {
    let mut yaml = String::from("notifications: {token_env: TOKEN}\nrepositories:\n");
    for name in &settings.repositories {
        writeln!(yaml, "  - {{name: '{name}', account: alice, insecure: {}}}", settings.insecure).unwrap();
    }
    yaml += "registries:\n";
    for registry in registries(settings) {
        let budget = settings.requests_per_minute.unwrap_or(oci_registry::REQUESTS_PER_MINUTE_MAX);
        writeln!(yaml, "  - registry: '{registry}'\n    requests_per_minute: {budget}").unwrap();
        if settings.password.is_some_and(|(name, _)| name == registry) {
            writeln!(yaml, "    username: {USERNAME}\n    password_env: PASSWORD").unwrap();
        }
        if let Some((_, file)) = settings.ca_file.filter(|(name, _)| *name == registry) {
            writeln!(yaml, "    ca_file: '{}'", file.display()).unwrap();
        }
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    let password = settings.password.map_or("", |(_, password)| password);
    let variables = [("PASSWORD", password), ("TOKEN", NOTIFICATION_TOKEN)];
    let environment = Environment(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let mut document = Document::load(Some(file.path()), environment).unwrap();
    let config = Config::read(document.root());
    document.finish().unwrap();
    config
}

/// Of every repository, each once.
fn registries(settings: &Settings<'_>) -> BTreeSet<String> {
    let names = settings.repositories.iter().map(|name| name.split_once('/').unwrap().0.to_owned());
    names.collect()
}
