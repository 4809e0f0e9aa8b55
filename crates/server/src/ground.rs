//! What the services stand on, opened once for the process: the data directory, the buses, the database, the accounts.

use std::path::Path;
use std::sync::{Arc, Mutex};

use accounts::Accounts;
use anyhow::{Context, anyhow};
use bus::{Bus, Notes};
use bus_local::{LocalBus, LocalBusConfig};
use bus_nats::{NatsBus, NatsConfig};
use database::Database;
use event::{Clock, SystemClock};
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use service::readiness::Readiness;

use crate::config::{BusConfig, Config};
use crate::service_name::ServiceName;

/// What is shared by the services of a process.
pub struct Ground {
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    /// The admin's password, where the first start made it up.
    pub made_up_password: Option<SecretString>,
    pub database: Database,
    pub buses: Buses,
    pub readiness: Readiness,
    pub metrics: Arc<Mutex<Registry>>,
}

/// How events travel. A process that neither emits nor stores has no bus.
#[derive(Default)]
pub struct Buses {
    /// What the store reads.
    pub bus: Option<Arc<dyn Bus>>,
    /// Where this process publishes: a log on this machine. In the single-process mode it is the bus itself.
    pub log: Option<Arc<dyn Bus>>,
    /// Where the store tells what it has stored, if the log has to be carried over to the bus.
    pub notes: Option<Arc<dyn Notes>>,
    /// To be closed in good order at the end.
    pub files: Vec<Arc<LocalBus>>,
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
        let (accounts, made_up_password) = Accounts::open(config.accounts.clone(), &config.data_dir)
            .with_context(|| format!("cannot keep the admin's password in `{}`", config.data_dir.display()))?;
        let database = Database::open(&config.database).context("database.url")?;
        let buses = Buses::open(config, services, &clock).await?;
        Ok(Self {
            clock,
            accounts,
            made_up_password,
            database,
            buses,
            readiness: Readiness::default(),
            metrics: Arc::new(Mutex::new(Registry::default())),
        })
    }
}

impl Buses {
    async fn open(config: &Config, services: &[ServiceName], clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let has_emitter = services.iter().any(|service| service.is_emitter());
        let has_store = services.contains(&ServiceName::EventsStore);
        if !has_emitter && !has_store {
            return Ok(Self::default());
        }
        match &config.bus {
            BusConfig::Local { max_bytes } => {
                let file = open_log(&config.data_dir.join("bus.db"), *max_bytes, clock).await?;
                let bus: Arc<dyn Bus> = file.clone();
                Ok(Self { bus: Some(Arc::clone(&bus)), log: Some(bus), notes: None, files: vec![file] })
            }
            BusConfig::Nats(nats) => {
                let nats = NatsBus::connect(NatsConfig::clone(nats)).await;
                let nats = nats.map_err(|error| anyhow!("bus: {}", error.chain()))?;
                let (bus, notes): (Arc<dyn Bus>, Arc<dyn Notes>) = (nats.clone(), nats);
                let max_bytes = LocalBusConfig::default().max_bytes;
                let file = open_log(&config.data_dir.join("outbox.db"), max_bytes, clock).await?;
                let log: Arc<dyn Bus> = file.clone();
                Ok(Self { bus: Some(bus), log: Some(log), notes: Some(notes), files: vec![file] })
            }
        }
    }
}

async fn open_log(file: &Path, max_bytes: u64, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<LocalBus>> {
    let config = LocalBusConfig { max_bytes, clock: Arc::clone(clock), ..LocalBusConfig::default() };
    let opened = LocalBus::open(file, config).await;
    opened.map_err(|error| anyhow!("`{}`: {}", file.display(), error.chain()))
}
