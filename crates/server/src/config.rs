//! The configuration as a whole: joins the sections that the crates read.

mod bus;
mod legacy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::AccountsConfig;
use database::DatabaseUrl;
use gateway::PeerAddress;
use service::admin::ADMIN_PORT;
use service::config::{Document, Environment, Problem, Problems, Reading, Section};
use service::door::{ListenAddress, TlsConfig};
use service::telemetry::LogConfig;

pub use self::bus::{BusConfig, BusKind, OutboxConfig};
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
    pub notifier: notifier::Config,
    pub catalog: catalog::Config,
    pub policy_engine: policy_engine::Config,
    pub analyzer: analyzer::Config,
    /// Where services answer that are not on this host.
    pub urls: BTreeMap<ServiceName, PeerAddress>,
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

        let mut urls = BTreeMap::new();
        let mut read_url = |service, section: &mut Section| urls.extend(section.parse("url").map(|url| (service, url)));
        let mut services = root.section("services");
        let mut gateway = services.section("gateway");
        let gateway_config = gateway::Config::read(&mut gateway);
        gateway.finish();

        let mut catalog = services.section("catalog");
        let mut event_log = catalog.section("event_log");
        let retention = read_retention(&mut event_log);
        let notification = notifier::Notification::read(&mut event_log);
        event_log.finish();
        read_url(ServiceName::Catalog, &mut catalog);
        let catalog_config = catalog::Config::read(&mut catalog);
        catalog.finish();

        let mut events_store = services.section("events_store");
        read_url(ServiceName::EventsStore, &mut events_store);
        let events_store_config = events_store::Config::read(&mut events_store, retention);
        events_store.finish();

        let mut notifier = services.section("notifier");
        read_url(ServiceName::Notifier, &mut notifier);
        let notifier_config = notifier::Config::read(&mut notifier, root, &notification);
        notifier.finish();

        let mut policy_engine = services.section("policy_engine");
        read_url(ServiceName::PolicyEngine, &mut policy_engine);
        let policy_engine_config = policy_engine::Config::read(&mut policy_engine);
        policy_engine.finish();

        let mut analyzer = services.section("analyzer");
        read_url(ServiceName::Analyzer, &mut analyzer);
        let analyzer_config = analyzer::Config::read(&mut analyzer);
        analyzer.finish();

        legacy::ignore_services(&mut services);
        services.finish();
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
            notifier: notifier_config,
            catalog: catalog_config,
            policy_engine: policy_engine_config,
            analyzer: analyzer_config,
            urls,
        }
    }

    /// The database moves along where it lies in the data directory by default.
    fn move_data(&mut self, data_dir: &Path) {
        if self.database == DatabaseUrl::sqlite(self.data_dir.join("events.db")) {
            self.database = DatabaseUrl::sqlite(data_dir.join("events.db"));
        }
        data_dir.clone_into(&mut self.data_dir);
    }

    /// Where `service` listens.
    pub fn address(&self, service: ServiceName) -> ListenAddress {
        match service {
            ServiceName::Catalog => self.catalog.address,
            ServiceName::PolicyEngine => self.policy_engine.address,
            ServiceName::Analyzer => self.analyzer.address,
            ServiceName::EventsStore => self.events_store.address,
            ServiceName::Notifier => self.notifier.address,
            ServiceName::Gateway => self.gateway.address,
        }
    }

    /// Whether `services` can do their work in one process with this configuration.
    ///
    /// # Errors
    /// A service that uses the local bus without the store that reads it.
    pub fn check_services(&self, services: &[ServiceName]) -> Result<(), Problems> {
        let uses_bus = services.iter().any(|service| service.uses_bus());
        let has_store = services.contains(&ServiceName::EventsStore);
        if !matches!(self.bus.kind, BusKind::Local) || !uses_bus || has_store {
            return Ok(());
        }
        let problem =
            "`local` reaches only services of the same process: run the events-store in it too, or set `nats`";
        Err(Problems(vec![Problem { path: "bus.kind".to_owned(), problem: problem.to_owned() }]))
    }

    /// Rules over several sections.
    fn check(&self) -> Result<(), Problems> {
        let mut problems = Vec::new();
        if let BusKind::Nats(nats) = &self.bus.kind
            && let Err(error) = nats.validate()
        {
            problems.push(Problem { path: "bus".to_owned(), problem: error.to_string() });
        }
        // The admin door needs no credentials and tells no secrets, so it may be opened to a scraper.
        for service in ServiceName::ALL {
            let address = self.address(service);
            if !address.is_loopback() && self.accounts.accounts.is_empty() {
                let problem = format!(
                    "`{}` can be reached from other machines, which needs accounts: configure `accounts`, or set {}",
                    address.ip,
                    accounts::ADMIN_PASSWORD_VARIABLE
                );
                problems.push(Problem { path: format!("{}.listen", service.section()), problem });
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
