//! The configuration as a whole: joins the sections that the crates read.

mod bus;
mod later;
mod legacy;

use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::AccountsConfig;
use database::DatabaseUrl;
use gateway::PeerAddress;
use service::admin::ADMIN_PORT;
use service::config::{Document, Environment, Problem, Problems, Reading, Section};
use service::door::{ListenAddress, TlsConfig};
use service::telemetry::LogConfig;

pub use self::bus::BusConfig;
use crate::arguments::Arguments;
use crate::service_name::ServiceName;

/// Read if it is there and no other file is named.
const DEFAULT_FILE: &str = "config.yaml";

pub struct Config {
    pub host_id: String,
    pub data_dir: PathBuf,
    pub log: LogConfig,
    pub admin: ListenAddress,
    pub bus: BusConfig,
    pub database: DatabaseUrl,
    /// Whether a store that starts brings the schema up to date.
    pub migrate: bool,
    pub accounts: AccountsConfig,
    pub tls: Option<TlsConfig>,
    pub gateway: gateway::Config,
    pub events_store: events_store::Config,
    /// Where the store answers, for a gateway on another host.
    pub events_store_url: Option<PeerAddress>,
    pub catalog: catalog::Config,
    /// Settings of services that this release does not have.
    pub later: Vec<String>,
}

impl Config {
    /// Defaults, then the file, then the environment, then the flags.
    ///
    /// # Errors
    /// Everything that is wrong, by path.
    pub fn load(arguments: &Arguments, environment: Environment) -> Result<(Self, Reading), Problems> {
        let default = Path::new(DEFAULT_FILE);
        let file = arguments.config.as_deref().or(default.exists().then_some(default));
        let mut document = Document::load(file, environment)?;
        let mut config = Self::read(document.root());
        if let Some(data_dir) = &arguments.data_dir {
            config.move_data(data_dir);
        }
        config.log.format = arguments.log_format().unwrap_or(config.log.format);
        let reading = document.finish()?;
        config.check()?;
        Ok((config, reading))
    }

    fn read(root: &mut Section) -> Self {
        let host_id = root.text_or("host_id", &gethostname::gethostname().to_string_lossy());
        let data_dir = PathBuf::from(root.text_or("data_dir", "./data"));

        let mut log = root.section("log");
        let log_config = LogConfig::read(&mut log);
        log.finish();

        let mut admin = root.section("admin");
        let admin_address = ListenAddress::read(&mut admin, ADMIN_PORT);
        admin.finish();

        let mut bus = root.section("bus");
        let bus_config = BusConfig::read(&mut bus);
        bus.finish();

        let mut database = root.section("database");
        let url = database.parse_or("url", DatabaseUrl::sqlite(data_dir.join("events.db")));
        let migrate = database.flag("migrate_at_start", true);
        database.finish();

        let accounts = AccountsConfig::read(root);

        let mut tls = root.section("tls");
        let tls_config = TlsConfig::read(&mut tls);
        tls.finish();

        let mut later = Vec::new();
        let mut services = root.section("services");
        let mut gateway = services.section("gateway");
        let gateway_config = gateway::Config::read(&mut gateway);
        gateway.finish();

        let mut catalog = services.section("catalog");
        let mut event_log = catalog.section("event_log");
        let retention = read_retention(&mut event_log);
        later.extend(later::read_notification(&mut event_log));
        event_log.finish();
        let catalog_config = catalog::Config::read(&mut catalog);
        catalog.finish();

        let mut events_store = services.section("events_store");
        let events_store_url = events_store.parse("url");
        let events_store_config = events_store::Config::read(&mut events_store, retention);
        events_store.finish();

        later.extend(later::read_services(&mut services));
        legacy::ignore_services(&mut services);
        services.finish();
        later.extend(later::read_webhooks(root));
        legacy::ignore_root(root);

        Self {
            host_id,
            data_dir,
            log: log_config,
            admin: admin_address,
            bus: bus_config,
            database: url,
            migrate,
            accounts,
            tls: tls_config,
            gateway: gateway_config,
            events_store: events_store_config,
            events_store_url,
            catalog: catalog_config,
            later,
        }
    }

    /// The database moves along where it lies in the data directory by default.
    fn move_data(&mut self, data_dir: &Path) {
        if self.database == DatabaseUrl::sqlite(self.data_dir.join("events.db")) {
            self.database = DatabaseUrl::sqlite(data_dir.join("events.db"));
        }
        data_dir.clone_into(&mut self.data_dir);
    }

    /// Every door of this configuration, by its path.
    pub fn doors(&self) -> [(&'static str, ListenAddress); 4] {
        [
            ("admin", self.admin),
            ("services.gateway", self.gateway.address),
            ("services.events_store", self.events_store.address),
            ("services.catalog", self.catalog.address),
        ]
    }

    /// Whether `services` can do their work in one process with this configuration.
    ///
    /// # Errors
    /// An emitter on the local bus without the store that reads it.
    pub fn check_services(&self, services: &[ServiceName]) -> Result<(), Problems> {
        let has_emitter = services.iter().any(|service| service.is_emitter());
        let has_store = services.contains(&ServiceName::EventsStore);
        if !matches!(self.bus, BusConfig::Local { .. }) || !has_emitter || has_store {
            return Ok(());
        }
        let problem =
            "`local` reaches only services of the same process: run the events-store in it too, or set `nats`";
        Err(Problems(vec![Problem { path: "bus.kind".to_owned(), problem: problem.to_owned() }]))
    }

    /// Rules over several sections.
    fn check(&self) -> Result<(), Problems> {
        let mut problems = Vec::new();
        if let BusConfig::Nats(nats) = &self.bus
            && let Err(error) = nats.validate()
        {
            problems.push(Problem { path: "bus".to_owned(), problem: error.to_string() });
        }
        // The admin door needs no credentials and tells no secrets, so it may be opened to a scraper.
        for (path, address) in &self.doors()[1..] {
            if !address.is_loopback() && self.accounts.accounts.is_empty() {
                let problem = format!(
                    "`{}` can be reached from other machines, which needs accounts: configure `accounts`, or set {}",
                    address.ip,
                    accounts::ADMIN_PASSWORD_VARIABLE
                );
                problems.push(Problem { path: format!("{path}.listen"), problem });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

/// `services.catalog.event_log.max_retention_age_days`: 0 keeps events until they are deleted.
fn read_retention(event_log: &mut Section) -> Option<Duration> {
    const DAYS_MAX: u64 = 36_500;
    let days = event_log.number("max_retention_age_days", 0, 0..=DAYS_MAX);
    (days > 0).then(|| Duration::from_secs(days * 86_400))
}
