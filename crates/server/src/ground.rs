//! What the services stand on, opened once for the process: the data directory, the buses, the database, the accounts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use accounts::Accounts;
use anyhow::{Context, anyhow};
use bus::{Bus, EventPublisher, Notes};
use bus_local::{LocalBus, LocalBusConfig};
use bus_nats::{NatsBus, NatsConfig};
use database::Database;
use emitter::Emitter;
use event::{Clock, Source, SystemClock};
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use service::readiness::Readiness;

use crate::config::{BusKind, Config, OutboxConfig};
use crate::service_name::ServiceName;

/// What is shared by the services of a process.
pub struct Ground {
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    /// The admin's password, where the first start made it up.
    pub made_up_password: Option<SecretString>,
    pub database: Database,
    /// None where no service of this process uses one.
    pub buses: Option<Buses>,
    host_id: String,
    pub readiness: Readiness,
    pub metrics: Arc<Mutex<Registry>>,
}

/// How events, and the work that follows them, travel.
pub struct Buses {
    /// What consumers read.
    pub bus: Arc<dyn Bus>,
    /// Where this process publishes: a log on this machine. In the single-process mode it is the bus itself.
    pub log: Arc<dyn Bus>,
    /// Where is told what was taken over from the bus for good.
    pub notes: Arc<dyn Notes>,
    /// Whether the log has to be carried over to the bus.
    pub is_elsewhere: bool,
    /// The log itself. To be closed in good order at the end.
    pub file: Arc<LocalBus>,
    /// Where it lies.
    pub path: PathBuf,
}

/// Makes the data directory where there is none, and makes sure that it can be written.
pub fn prepare_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    let refused = || {
        format!(
            "data_dir: `{}` cannot be written; make it writable for this user, or set another one by --data-dir",
            data_dir.display()
        )
    };
    std::fs::create_dir_all(data_dir).with_context(refused)?;
    let probe = data_dir.join(".write-probe");
    std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)).with_context(refused)
}

impl Ground {
    pub async fn open(config: &Config, services: &[ServiceName]) -> anyhow::Result<Self> {
        prepare_data_dir(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (accounts, made_up_password) = Accounts::open(config.accounts.clone(), &config.data_dir, clock.clone())
            .with_context(|| format!("cannot keep the admin's password in `{}`", config.data_dir.display()))?;
        let database = Database::open(&config.database).context("database.url")?;
        let uses_bus = services.iter().any(|service| service.uses_bus());
        let buses = if uses_bus { Some(Buses::open(config, services, &clock).await?) } else { None };
        Ok(Self {
            clock,
            accounts,
            made_up_password,
            database,
            buses,
            host_id: config.host_id.clone(),
            readiness: Readiness::default(),
            metrics: Arc::new(Mutex::new(Registry::default())),
        })
    }

    /// # Errors
    /// None of the chosen services uses a bus.
    pub fn buses(&self) -> anyhow::Result<&Buses> {
        self.buses.as_ref().context("this process has no bus")
    }

    /// What `service` emits events with.
    pub fn emitter(&self, service: ServiceName) -> anyhow::Result<Emitter> {
        Ok(self.emitter_of(self.buses()?, service.in_events()))
    }

    /// What a part of this process emits events with.
    pub fn emitter_of(&self, buses: &Buses, part: String) -> Emitter {
        Emitter::new(EventPublisher::new(buses.log.clone()), self.clock.clone(), self.source_of(part))
    }

    /// Who emits, as events name it.
    pub fn source(&self, service: ServiceName) -> Source {
        self.source_of(service.in_events())
    }

    fn source_of(&self, part: String) -> Source {
        Source { service: Some(part), host_id: Some(self.host_id.clone()), ..Source::default() }
    }

    /// Declares the metrics of a part of this process.
    pub fn register<Metrics>(&self, declare: impl FnOnce(&mut Registry) -> Metrics) -> Metrics {
        declare(&mut self.metrics.lock().expect("nothing panics while it is held"))
    }

    /// Ends in good order what is open, once no service works with it any more.
    pub async fn close(&self) {
        self.database.close().await;
        if let Some(buses) = &self.buses {
            buses.file.close().await;
        }
    }
}

impl Buses {
    async fn open(config: &Config, services: &[ServiceName], clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let path = log_path(config);
        match &config.bus.kind {
            BusKind::Local => {
                let readers = services.iter().filter(|service| service.reads_bus());
                let readers = readers.map(|service| service.as_str().to_owned()).collect();
                let file = open_log(&path, config.bus.outbox, readers, clock).await?;
                let (bus, log, notes) = (file.clone(), file.clone(), file.clone());
                Ok(Self { bus, log, notes, is_elsewhere: false, file, path })
            }
            BusKind::Nats(nats) => {
                let nats = NatsBus::connect(NatsConfig::clone(nats)).await;
                let nats = nats.map_err(|error| anyhow!("bus: {}", error.chain()))?;
                let file = open_log(&path, config.bus.outbox, vec![outbox::CONSUMER.to_owned()], clock).await?;
                Ok(Self { bus: nats.clone(), log: file.clone(), notes: nats, is_elsewhere: true, file, path })
            }
        }
    }
}

/// Where the log of a process lies: the bus itself, or the way to it.
pub fn log_path(config: &Config) -> PathBuf {
    config.data_dir.join(match config.bus.kind {
        BusKind::Local => "bus.db",
        BusKind::Nats(_) => "outbox.db",
    })
}

async fn open_log(
    file: &Path,
    OutboxConfig { max_bytes, max_age }: OutboxConfig,
    expected: Vec<String>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<LocalBus>> {
    let clock = Arc::clone(clock);
    let config = LocalBusConfig { max_bytes, max_age, expected, clock, ..LocalBusConfig::default() };
    let opened = LocalBus::open(file, config).await;
    opened.map_err(|error| anyhow!("`{}`: {}", file.display(), error.chain()))
}
