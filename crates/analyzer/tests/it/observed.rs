//! An analyzer that runs, and what can be seen of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, AccountsConfig};
use analyzer::{Analyzer, Config, Ground, Metrics, Registries};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bus::EventPublisher;
use database::{Database, DatabaseUrl};
use emitter::Emitter;
use event::{Clock, Event, ManualClock, Source, SystemClock};
use fixtures::{DEADLINE, eventually_seen};
use oci_registry::RegistryConfig;
use prometheus_client::registry::Registry;
use proto::analyzer::v1::image_service_client::ImageServiceClient;
use proto::analyzer::v1::{self, GetImageRequest, Image, ListImagesRequest, QueueImageRequest, State};
use serde_json::Value;
use service::config::{Document, Environment};
use service::readiness::Readiness;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::memory_bus::MemoryBus;

const ADMIN_PASSWORD: &str = "admin-password";

/// How an analyzer is set up.
pub struct Settings {
    /// More of `services.analyzer`, in YAML's flow form.
    pub section: String,
    pub request_timeout: Duration,
    pub registries: Vec<RegistryConfig>,
    /// `None`: SQLite, in a directory of its own.
    pub database: Option<DatabaseUrl>,
    pub bus: MemoryBus,
    pub clock: Arc<dyn Clock>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            section: String::new(),
            request_timeout: DEADLINE,
            registries: Vec::new(),
            database: None,
            bus: MemoryBus::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Settings {
    pub fn with(section: &str) -> Self {
        Self { section: section.to_owned(), ..Self::default() }
    }

    pub fn at(clock: &Arc<ManualClock>) -> Self {
        Self { clock: clock.clone(), ..Self::default() }
    }
}

pub struct Observed {
    pub bus: MemoryBus,
    client: ImageServiceClient<Channel>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
    metrics: Registry,
    _directory: TempDir,
}

impl Observed {
    pub async fn start(settings: Settings) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = TempDir::new().unwrap();
        let (config, accounts) = read(&settings.section);
        let (accounts, _) = Accounts::open(accounts, directory.path(), settings.clock.clone()).unwrap();
        let url = settings.database.unwrap_or_else(|| DatabaseUrl::sqlite(directory.path().join("events.db")));
        let Settings { bus, clock, .. } = settings;
        let source = Source { service: Some("analyzer".to_owned()), ..Source::default() };
        let publisher = EventPublisher::new(Arc::new(bus.clone()));
        let ground = Ground {
            database: Database::open(&url).unwrap(),
            bus: Arc::new(bus.clone()),
            notes: Arc::new(bus.clone()),
            emitter: Emitter::new(publisher, Arc::clone(&clock), source),
            clock: Arc::clone(&clock),
            accounts,
            readiness: Readiness::default(),
        };
        let registries = Registries::new(settings.registries, settings.request_timeout, clock);
        let mut metrics = Registry::default();
        let counts = Metrics::register(&mut metrics);
        let analyzer = Analyzer::bind(config, registries, None, ground, counts).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", analyzer.address())).unwrap().connect_lazy();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { Box::pin(analyzer.run(true, stop)).await.unwrap() }
        });
        let client = ImageServiceClient::new(channel);
        Self { bus, client, stop, task: Some(task), metrics, _directory: directory }
    }

    /// As the admin, as soon as it is ready.
    pub async fn queue(&self, reference: &str) -> Image {
        let request = || QueueImageRequest { reference: reference.to_owned(), insecure: true, ..Default::default() };
        eventually_seen("an analyzer that is ready", async || match self.try_queue(request()).await {
            Ok(image) => Some(image),
            Err(status) if status.code() == tonic::Code::Unavailable => None,
            Err(status) => panic!("{status}"),
        })
        .await
    }

    pub async fn try_queue(&self, request: QueueImageRequest) -> Result<Image, Status> {
        let answered = self.client.clone().queue_image(authorized(request)).await?;
        Ok(answered.into_inner().image.unwrap())
    }

    pub async fn get(&self, id: &str) -> Image {
        let request = authorized(GetImageRequest { id: id.to_owned() });
        self.client.clone().get_image(request).await.unwrap().into_inner().image.unwrap()
    }

    pub async fn list(&self, request: ListImagesRequest) -> Result<v1::ListImagesResponse, Status> {
        Ok(self.client.clone().list_images(authorized(request)).await?.into_inner())
    }

    pub fn client(&self) -> ImageServiceClient<Channel> {
        self.client.clone()
    }

    /// Waits until the image is analysed, failed or put aside.
    pub async fn settled(&self, id: &str) -> Image {
        eventually_seen("an image that is settled", async || {
            let image = self.get(id).await;
            let is_open = matches!(image.state(), State::Queued | State::Analyzing);
            (!is_open).then_some(image)
        })
        .await
    }

    /// Queues an image and waits for what comes of it, and its events.
    pub async fn analyse(&self, reference: &str) -> (Image, Vec<Event>) {
        let told = self.bus.events().len();
        let image = self.queue(reference).await;
        let image = self.settled(&image.id).await;
        eventually_seen("an event", async || (self.bus.events().len() > told).then_some(())).await;
        (image, self.bus.events().split_off(told))
    }

    pub async fn events(&self, count: usize) -> Vec<Event> {
        eventually_seen("so many events", async || {
            let events = self.bus.events();
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// As a scraper reads them.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        text
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        let task = self.task.take().unwrap();
        tokio::time::timeout(DEADLINE, task).await.expect("it stops in time").unwrap();
    }

    /// Ends it as a kill would: nothing is given back, nothing is finished.
    pub async fn kill(mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

pub fn authorized<T>(message: T) -> Request<T> {
    authorized_as("admin", ADMIN_PASSWORD, message)
}

pub fn authorized_as<T>(user: &str, password: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let credentials = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    request.metadata_mut().insert("authorization", credentials.parse().unwrap());
    request
}

pub fn details(event: &Event) -> Value {
    serde_json::from_str(event.details.as_json()).unwrap()
}

fn read(section: &str) -> (Config, AccountsConfig) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let accounts = "accounts: [{name: admin, role: admin, password_env: ADMIN}, {name: bob, role: read, password_env: \
                    ADMIN}, {name: carol, role: write, password_env: ADMIN}]";
    write!(file, "{accounts}\nanalyzer: {{port: 0, {section}}}\n").unwrap();
    let environment = Environment([("ADMIN".to_owned(), ADMIN_PASSWORD.to_owned())].into());
    let mut document = Document::load(Some(file.path()), environment).unwrap();
    let accounts = AccountsConfig::read(document.root());
    let mut section = document.root().section("analyzer");
    let config = Config::read(&mut section);
    section.finish();
    document.finish().unwrap();
    (config, accounts)
}
