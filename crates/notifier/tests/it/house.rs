//! A notifier, running, with everything it stands on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use accounts::{Accounts, AccountsConfig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bus::{EventPublisher, Notes, STORED, StoredNote};
use database::Database;
use emitter::Emitter;
use event::{Event, EventDraft, Level, ManualClock, Source, Timestamp, Violations};
use fixtures::{DatabaseKind, FreshDatabase, Reaction, Received, Receiver};
use notifier::{Config, Ground, Metrics, Notification, Notifier};
use prometheus_client::registry::Registry;
use proto::notifier::v1;
use proto::notifier::v1::notifier_service_client::NotifierServiceClient;
use service::config::{Document, Environment};
use service::readiness::Readiness;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::transport::Channel;

use crate::bus::{MemoryBus, Shared};

/// Longer than anything takes that works, on a machine that does other things too.
const DEADLINE: Duration = Duration::from_mins(1);

pub const START: &str = "2026-11-22T00:00:00Z";

pub struct House {
    pub bus: Arc<MemoryBus>,
    pub clock: Arc<ManualClock>,
    pub fresh: FreshDatabase,
    replicas: Vec<Replica>,
}

pub struct Replica {
    pub client: NotifierServiceClient<Channel>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl House {
    /// With `settings` of `services.notifier`, in YAML's flow form: `endpoints: [...]`.
    pub async fn start(kind: DatabaseKind, settings: &str) -> Self {
        let clock = Arc::new(ManualClock::at(START.parse().unwrap()));
        let mut house = Self { bus: MemoryBus::new(), clock, fresh: FreshDatabase::new(kind), replicas: Vec::new() };
        house.add_replica(settings).await;
        house
    }

    pub async fn add_replica(&mut self, settings: &str) {
        // The process does it first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bus = &self.bus;
        let source = Source { service: Some("notifier".to_owned()), ..Source::default() };
        let emitter = Emitter::new(EventPublisher::new(bus.clone()), self.clock.clone(), source.clone());
        let ground = Ground {
            database: Database::open(&self.fresh.url.parse().unwrap()).unwrap(),
            bus: Arc::new(Shared(bus.clone())),
            notes: bus.clone(),
            emitter,
            source,
            clock: self.clock.clone(),
            accounts: accounts(),
            readiness: Readiness::default(),
        };
        let config =
            config(&format!("services: {{notifier: {{port: 0, allow_private_networks: [127.0.0.0/8], {settings}}}}}"));
        let readiness = ground.readiness.clone();
        let metrics = Metrics::register(&mut Registry::default());
        let notifier = Notifier::bind(config, None, ground, metrics).await.unwrap();
        let url = format!("http://{}", notifier.address());
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { Box::pin(notifier.run(true, stop)).await.unwrap() }
        });
        let listeners = self.replicas.len() + 1;
        eventually(async || readiness.reasons("notifier").unwrap().is_empty() && bus.listeners() >= listeners).await;
        let client = NotifierServiceClient::connect(url).await.unwrap();
        self.replicas.push(Replica { client, stop, running });
    }

    /// The first replica, as the admin.
    pub fn client(&self) -> NotifierServiceClient<Channel> {
        self.replicas[0].client.clone()
    }

    /// Ends the replica in good order.
    pub async fn stop(&mut self, index: usize) {
        let replica = self.replicas.remove(index);
        replica.stop.cancel();
        replica.running.await.unwrap();
    }

    /// Ends the replica as a kill does.
    pub async fn kill(&mut self, index: usize) {
        let replica = self.replicas.remove(index);
        replica.running.abort();
        let _ = replica.running.await;
    }

    pub async fn publish(&self, events: &[Event]) {
        for result in EventPublisher::new(self.bus.clone()).publish(events).await {
            result.unwrap();
        }
    }

    /// Publishes, and lets the store tell that it has them.
    pub async fn store(&self, events: &[Event]) {
        self.publish(events).await;
        self.tell_stored(events, START.parse().unwrap()).await;
    }

    pub async fn tell_stored(&self, events: &[Event], stored_at: Timestamp) {
        let ids = events.iter().map(|event| event.id.to_string()).collect();
        self.bus.tell(STORED, StoredNote { stored_at, ids }.encode()).await.unwrap();
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The types of the events about endpoints so far, in their order, each with its endpoint.
    pub fn told(&self) -> Vec<(String, String)> {
        let events = self.bus.events().into_iter();
        let told = events.filter(|event| event.resource.resource_type.as_deref() == Some("webhook_endpoint"));
        told.map(|event| (event.event_type, event.resource.id.unwrap())).collect()
    }

    pub async fn deliveries(&self, filter: v1::DeliveryFilter) -> Vec<v1::Delivery> {
        let request =
            v1::ListDeliveriesRequest { filter: Some(filter), page_size: Some(1000), page_token: String::new() };
        self.client().list_deliveries(as_user("admin", request)).await.unwrap().into_inner().deliveries
    }

    /// In the order in which they are listed, the latest first.
    pub async fn states(&self) -> Vec<v1::DeliveryState> {
        let found = self.deliveries(v1::DeliveryFilter::default()).await;
        found.into_iter().map(|delivery| delivery.state()).collect()
    }

    pub async fn endpoint(&self, name: &str) -> v1::Endpoint {
        let request = v1::GetEndpointRequest { name: name.to_owned() };
        self.client().get_endpoint(as_user("admin", request)).await.unwrap().into_inner().endpoint.unwrap()
    }

    pub async fn condition(&self, name: &str) -> v1::Condition {
        self.endpoint(name).await.status.unwrap().condition()
    }

    pub async fn explain(&self, event: &Event, endpoint: &str) -> v1::ExplainResponse {
        let request = v1::ExplainRequest {
            event_id: event.id.to_string(),
            endpoint: endpoint.to_owned(),
            event: Some(event.clone().into()),
        };
        self.client().explain(as_user("admin", request)).await.unwrap().into_inner()
    }
}

/// `admin`, `alice` (write), `bob` (read) and `carol` (write), whose passwords are their names.
fn accounts() -> Accounts {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let mut yaml = "accounts:\n".to_owned();
    let mut environment = Environment::default();
    for (name, role) in [("admin", "admin"), ("alice", "write"), ("bob", "read"), ("carol", "write")] {
        yaml += &["  - {name: ", name, ", role: ", role, ", password_env: ", name, "}\n"].concat();
        environment.0.insert(name.to_owned(), name.to_owned());
    }
    std::fs::write(&file, yaml).unwrap();
    let mut document = Document::load(Some(&file), environment).unwrap();
    let config = AccountsConfig::read(document.root());
    document.finish().unwrap();
    Accounts::open(config, directory.path(), Arc::new(event::SystemClock)).unwrap().0
}

/// What the notifier reads of a whole configuration.
pub fn config(yaml: &str) -> Config {
    try_config(yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

pub fn try_config(yaml: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, yaml).unwrap();
    let secret = ("OPS_SECRET".to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let environment = Environment([secret].into());
    let mut document = Document::load(Some(&file), environment).map_err(|problems| problems.to_string())?;
    let root = document.root();
    let mut services = root.section("services");
    let mut catalog = services.section("catalog");
    let mut event_log = catalog.section("event_log");
    let notification = Notification::read(&mut event_log);
    event_log.finish();
    catalog.finish();
    let mut section = services.section("notifier");
    let config = Config::read(&mut section, root, &notification);
    section.finish();
    services.finish();
    document.finish().map(|_| config).map_err(|problems| problems.to_string())
}

/// A request with the credentials of `user`.
pub fn as_user<T>(user: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let credentials = STANDARD.encode(format!("{user}:{user}"));
    request.metadata_mut().insert("authorization", format!("Basic {credentials}").parse().unwrap());
    request
}

pub fn event(account: &str, number: usize) -> Event {
    event_about(account, &format!("docker.io/library/image-{number}"))
}

pub fn event_about(account: &str, resource: &str) -> Event {
    let draft = EventDraft {
        event_type: "list_tags_fail".to_owned(),
        level: Some(Level::Error),
        message: "Failed to list tags in repository".to_owned(),
        resource_type: Some("repository".to_owned()),
        resource_id: Some(resource.to_owned()),
        source: Source { service: Some("catalog".to_owned()), ..Source::default() },
        occurred_at: START.parse().ok(),
        ..EventDraft::default()
    };
    draft.check(&account.parse().unwrap(), Violations::default()).unwrap()
}

pub fn events(count: usize) -> Vec<Event> {
    (0..count).map(|number| event("admin", number)).collect()
}

pub fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

/// A receiver whose answer can be changed: a status, or 0 for none at all.
pub struct Switchable {
    pub receiver: Receiver,
    status: Arc<AtomicU16>,
}

impl Switchable {
    pub fn new(status: u16) -> Self {
        let shared = Arc::new(AtomicU16::new(status));
        let status = Arc::clone(&shared);
        let receiver = Receiver::start(move |_| match shared.load(Ordering::SeqCst) {
            0 => Reaction::close(),
            status => Reaction::status(status).with_body("as told"),
        });
        Self { receiver, status }
    }

    pub fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Of `services.notifier`, with an endpoint `ops` that gets the plain event.
    pub fn settings(&self, more: &str) -> String {
        format!("endpoints: [{{name: ops, url: '{}/', format: event, {more}}}]", self.receiver.url())
    }

    /// The ids of the events, as they came.
    pub fn received(&self) -> Vec<String> {
        self.receiver.requests().iter().map(event_id).collect()
    }
}

/// Of a request whose body is the plain event.
pub fn event_id(received: &Received) -> String {
    let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
    body["generated_uuid"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

/// Waits until `holds`.
#[track_caller]
pub fn eventually(holds: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let end = Instant::now() + DEADLINE;
        while !holds().await {
            assert!(Instant::now() < end, "what is waited for at {caller} does not come about");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
