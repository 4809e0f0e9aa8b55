//! A policy-engine that runs, its public door, and what can be seen of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use accounts::{Accounts, AccountsConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::EventPublisher;
use database::{Database, DatabaseUrl};
use emitter::Emitter;
use event::{Clock, Event, ManualClock, Source, SystemClock};
use fixtures::{DEADLINE, eventually};
use policy_engine::{Config, Ground, Metrics, PolicyEngine};
use prometheus_client::registry::Registry;
use proto::policy_engine::v1::feed_service_client::FeedServiceClient;
use proto::policy_engine::v1::{FeedGroup, ListFeedsRequest, SyncFeedsRequest, SyncSummary};
use serde_json::Value;
use service::config::{Document, Environment};
use service::readiness::Readiness;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::recording_bus::RecordingBus;

/// The time at which every test begins.
pub const BEGIN: &str = "2026-11-30T03:00:00Z";
pub const PASSWORD: &str = "admin-password";

/// What an engine is made of.
pub struct Settings {
    /// The list `feeds`, in YAML's flow form.
    pub feeds: String,
    /// Other settings of the section, a line each.
    pub more: String,
    pub environment: Vec<(String, String)>,
    pub change: fn(&mut Config),
    pub database: Option<DatabaseUrl>,
    pub spool_directory: Option<PathBuf>,
    pub host_id: &'static str,
}

impl Settings {
    pub fn new(feeds: impl Into<String>) -> Self {
        Self {
            feeds: feeds.into(),
            more: String::new(),
            environment: Vec::new(),
            change: |_| {},
            database: None,
            spool_directory: None,
            host_id: "test-host",
        }
    }

    fn config(&self) -> Config {
        let yaml = format!("feeds: {}\nport: 0\n{}", self.feeds, self.more);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), yaml).unwrap();
        let environment = Environment(self.environment.iter().cloned().collect());
        let mut document = Document::load(Some(file.path()), environment).unwrap();
        let mut config = Config::read(document.root());
        document.finish().unwrap_or_else(|problems| panic!("{problems}"));
        // No test waits for a slow server for long.
        config.limits.silence_timeout = Duration::from_secs(10);
        (self.change)(&mut config);
        config
    }
}

pub struct Engine {
    pub clock: Arc<ManualClock>,
    pub bus: Arc<RecordingBus>,
    pub database: Database,
    pub readiness: Readiness,
    registry: Registry,
    client: FeedServiceClient<Channel>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    directory: Arc<TempDir>,
}

impl Engine {
    /// Begins, and syncs what is due.
    pub async fn start(settings: &Settings) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(ManualClock::at(BEGIN.parse().unwrap()));
        Self::start_on(settings, directory, clock).await
    }

    /// Begins again on the same database, as after a kill.
    pub async fn start_again(&self, settings: &Settings) -> Self {
        Self::start_on(settings, Arc::clone(&self.directory), Arc::clone(&self.clock)).await
    }

    async fn start_on(settings: &Settings, directory: Arc<TempDir>, clock: Arc<ManualClock>) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = settings.database.clone().unwrap_or_else(|| DatabaseUrl::sqlite(directory.path().join("feeds.db")));
        let database = Database::open(&url).unwrap();
        let bus = Arc::new(RecordingBus::default());
        let emitter_clock: Arc<dyn Clock> = clock.clone();
        let source = Source {
            service: Some("policy_engine".to_owned()),
            host_id: Some(settings.host_id.to_owned()),
            ..Source::default()
        };
        let emitter = Emitter::new(EventPublisher::new(bus.clone()), Arc::clone(&emitter_clock), source);
        let readiness = Readiness::default();
        let spool_directory = settings.spool_directory.clone().unwrap_or_else(|| directory.path().join("spool"));
        let ground = Ground {
            database: database.clone(),
            emitter,
            clock: emitter_clock,
            accounts: accounts(directory.path()),
            readiness: readiness.clone(),
            spool_directory,
            host_id: settings.host_id.to_owned(),
        };
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let engine = PolicyEngine::bind(settings.config(), None, ground, metrics).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", engine.address())).unwrap().connect_lazy();
        let stop = CancellationToken::new();
        let running = engine.run(true, stop.clone());
        let task = tokio::spawn(async move { running.await.unwrap() });
        let client = FeedServiceClient::new(channel);
        let is_ready = || readiness.reasons(policy_engine::SERVICE).is_some_and(|reasons| reasons.is_empty());
        eventually("readiness", is_ready).await;
        Self { clock, bus, database, readiness, registry, client, stop, task, directory }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Every event so far, each once, in the order of their identities.
    pub fn events(&self) -> Vec<Event> {
        let mut events = self.bus.events.lock().unwrap().clone();
        events.sort_by_key(|event| (event.occurred_at, event.id));
        let mut seen = BTreeSet::new();
        events.retain(|event| seen.insert(event.id));
        events
    }

    /// The short names of every event so far, with what it is about.
    pub fn told(&self) -> Vec<String> {
        let short = |event: &Event| {
            let name = event.event_type.trim_start_matches("system.feeds.sync.").to_owned();
            event.resource.id.as_ref().map_or(name.clone(), |id| format!("{name} {id}"))
        };
        self.events().iter().map(short).collect()
    }

    pub fn count(&self, event_type: &str) -> usize {
        self.events().iter().filter(|event| event.event_type.ends_with(event_type)).count()
    }

    /// Waits until so many runs have ended.
    pub async fn runs_ended(&self, runs: usize) {
        let ended = || self.count("feed_sync_complete") + self.count("feed_sync_fail");
        eventually(&format!("{runs} ends of runs, after {:?}", self.told()), || ended() >= runs).await;
    }

    /// The last event of a type.
    pub fn last(&self, event_type: &str) -> Event {
        let events = self.events();
        let found = events.into_iter().rev().find(|event| event.event_type.ends_with(event_type));
        found.unwrap_or_else(|| panic!("no {event_type}: {:?}", self.told()))
    }

    /// The details of the last event of a type.
    pub fn details(&self, event_type: &str) -> Value {
        details(&self.last(event_type))
    }

    /// Syncs through the door, to the end.
    pub async fn sync(&self, request: SyncFeedsRequest) -> Result<(Vec<FeedGroup>, SyncSummary), Status> {
        let mut stream = self.client.clone().sync_feeds(as_admin(request)).await?.into_inner();
        let mut groups = Vec::new();
        while let Some(message) = stream.message().await? {
            groups.extend(message.groups);
            if let Some(summary) = message.summary {
                return Ok((groups, summary));
            }
        }
        Err(Status::unknown("the stream ended without a summary"))
    }

    /// Syncs everything, and waits until what is told about it is there.
    pub async fn sync_all(&self) -> SyncSummary {
        let ended = self.count("feed_sync_complete") + self.count("feed_sync_fail");
        let (_, summary) = self.sync(SyncFeedsRequest::default()).await.unwrap();
        self.runs_ended(ended + 1).await;
        summary
    }

    /// Syncs everything, unless it is so late that the timer does it, and waits until what is told about it is there.
    pub async fn sync_what_may_be_due(&self) {
        let ended = self.count("feed_sync_complete") + self.count("feed_sync_fail");
        match self.sync(SyncFeedsRequest::default()).await {
            Ok(_) => {}
            Err(status) => assert_eq!(status.code(), tonic::Code::Aborted, "{status:?}"),
        }
        self.runs_ended(ended + 1).await;
    }

    pub async fn groups(&self) -> Vec<FeedGroup> {
        let answer = self.client.clone().list_feeds(as_admin(ListFeedsRequest {})).await.unwrap();
        answer.into_inner().feeds.into_iter().flat_map(|feed| feed.groups).collect()
    }

    pub fn client(&self) -> FeedServiceClient<Channel> {
        self.client.clone()
    }

    /// What a scraper reads.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    pub fn set_bus_down(&self, is_down: bool) {
        self.bus.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Stops in good order.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, &mut self.task).await.expect("it stops in time").unwrap();
    }

    /// Ends wherever it is, as a kill does.
    pub async fn kill(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Details as JSON.
pub fn details(event: &Event) -> Value {
    serde_json::from_str(event.details.as_json()).unwrap()
}

pub fn as_admin<T>(message: T) -> Request<T> {
    as_user("admin", PASSWORD, message)
}

pub fn as_user<T>(user: &str, password: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    request.metadata_mut().insert("authorization", format!("Basic {credentials}").parse().unwrap());
    request
}

/// An admin, and Bob, who may write.
fn accounts(directory: &Path) -> Accounts {
    let yaml = "accounts:
  - {name: admin, role: admin, password_env: PASSWORD}
  - {name: bob, role: write, password_env: PASSWORD}
";
    let file = directory.join("accounts.yaml");
    std::fs::write(&file, yaml).unwrap();
    let environment = Environment([("PASSWORD".to_owned(), PASSWORD.to_owned())].into());
    let mut document = Document::load(Some(&file), environment).unwrap();
    let config = AccountsConfig::read(document.root());
    document.finish().unwrap();
    Accounts::open(config, directory, Arc::new(SystemClock)).unwrap().0
}
