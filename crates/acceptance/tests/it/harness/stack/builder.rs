//! How a stack is made.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fixtures::{NatsServer, PostgresServer};

use super::configuration::Settings;
use super::{Member, Stack};
use crate::harness::{ADMIN, CAROL, Shape};

const PORTS_TRIED_MAX: usize = 5;

/// A stack in the making.
pub struct StackBuilder {
    shape: Shape,
    catalog: String,
    notifier: String,
    policy_engine: String,
    webhooks: String,
    has_two_notifiers: bool,
    environment: Vec<(String, String)>,
    has_own_postgres: bool,
}

impl StackBuilder {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            catalog: String::new(),
            notifier: String::new(),
            policy_engine: String::new(),
            webhooks: String::new(),
            has_two_notifiers: false,
            environment: Vec::new(),
            has_own_postgres: false,
        }
    }

    /// More settings of `services.catalog`, in YAML's flow form: `repositories: [...]`.
    pub fn catalog(mut self, settings: &str) -> Self {
        settings.clone_into(&mut self.catalog);
        self
    }

    /// More settings of `services.notifier`, in YAML's flow form: `endpoints: [...]`. Loopback is allowed.
    pub fn notifier(mut self, settings: &str) -> Self {
        settings.clone_into(&mut self.notifier);
        self
    }

    /// More settings of `services.policy_engine`, in YAML's flow form: `feeds: [...]`.
    pub fn policy_engine(mut self, settings: &str) -> Self {
        settings.clone_into(&mut self.policy_engine);
        self
    }

    /// The section `webhooks`, in YAML's flow form: `{general: {url: ...}}`.
    pub fn webhooks(mut self, section: &str) -> Self {
        section.clone_into(&mut self.webhooks);
        self
    }

    /// Another notifier in a process of its own, `notifier-2`, where the shape has each service in its own.
    pub fn with_two_notifiers(mut self) -> Self {
        self.has_two_notifiers = true;
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A PostgreSQL server that no other test uses, so that it may be killed.
    pub fn with_own_postgres(mut self) -> Self {
        self.has_own_postgres = true;
        self
    }

    /// Starts it and returns when it is ready.
    pub fn start(self) -> Stack {
        let directory = tempfile::Builder::new().prefix("stack-").tempdir().expect("a temporary directory");
        let nats = self.shape.has_servers().then(NatsServer::start);
        let postgres = (self.shape.has_servers() && self.has_own_postgres).then(PostgresServer::start);
        let database =
            self.shape.has_servers().then(|| postgres.as_ref().unwrap_or_else(|| shared_postgres()).create_database());
        let mut environment = self.environment;
        environment.push(("ADMIN_PASSWORD".to_owned(), ADMIN.password.to_owned()));
        environment.push(("CAROL_PASSWORD".to_owned(), CAROL.password.to_owned()));
        let processes = self.shape.processes().iter();
        let member = |services| Member { services, replica: None, admin_port: 0, process: None };
        let mut members: Vec<Member> = processes.map(|services| member(*services)).collect();
        if self.has_two_notifiers {
            members.push(Member { replica: Some(("notifier-2", 0)), ..member(&["notifier"]) });
        }
        let mut stack = Stack { members, nats, postgres, directory, environment, ports: BTreeMap::new() };
        for _ in 0..PORTS_TRIED_MAX {
            stack.choose_ports();
            let settings = Settings {
                catalog: &self.catalog,
                notifier: &self.notifier,
                policy_engine: &self.policy_engine,
                webhooks: &self.webhooks,
            };
            let config = stack.config(self.shape, database.as_deref(), settings);
            std::fs::write(stack.directory().join("config.yaml"), config).expect("a file of our own");
            if stack.try_start() {
                return stack;
            }
        }
        panic!("no ports for the stack");
    }
}

/// One server for all tests of this process, each with a database of its own. It ends with the process.
fn shared_postgres() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(PostgresServer::start)
}
