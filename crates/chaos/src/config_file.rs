//! The `config.yaml` of one process.

use std::fmt;

use crate::script::ACCOUNTS;
use crate::stack::{Ports, STREAM_BYTES_MAX};
use crate::target::Target;

pub const PASSWORD_VARIABLE: &str = "CHAOS_PASSWORD";
/// Of every account: the system under test is reached from this machine alone, and gone in a minute.
pub const PASSWORD: &str = "correct horse battery staple";

pub struct ConfigFile {
    pub target: Target,
    pub ports: Ports,
    /// Where NATS is reached; none with the local bus.
    pub nats: Vec<u16>,
    pub nats_replicas: u8,
    pub database: Option<String>,
    /// Where the store answers, for a process without one.
    pub store: Option<u16>,
}

impl fmt::Display for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ports { admin, door } = self.ports;
        writeln!(f, "host_id: {}", self.target)?;
        writeln!(f, "admin: {{port: {admin}}}")?;
        writeln!(f, "accounts:")?;
        for account in ACCOUNTS {
            let role = if account == "admin" { "admin" } else { "write" };
            writeln!(f, "  - {{name: {account}, role: {role}, password_env: {PASSWORD_VARIABLE}}}")?;
        }
        if !self.nats.is_empty() {
            let urls: Vec<String> = self.nats.iter().map(|port| format!("'nats://127.0.0.1:{port}'")).collect();
            let (urls, replicas) = (urls.join(", "), self.nats_replicas);
            writeln!(
                f,
                "bus: {{kind: nats, url: [{urls}], stream: {{replicas: {replicas}, max_bytes: {STREAM_BYTES_MAX}}}}}"
            )?;
        }
        if let Some(url) = &self.database {
            writeln!(f, "database: {{url: '{url}'}}")?;
        }
        writeln!(f, "services:")?;
        writeln!(f, "  catalog: {{port: 0, repositories: []}}")?;
        for service in ["notifier", "policy_engine", "analyzer"] {
            writeln!(f, "  {service}: {{port: 0}}")?;
        }
        match (self.target, self.store) {
            (Target::Gateway, Some(store)) => {
                writeln!(f, "  gateway: {{port: {door}}}")?;
                writeln!(f, "  events_store: {{url: 'http://127.0.0.1:{store}'}}")
            }
            // Its public door is the one that is used.
            (Target::Server, _) => writeln!(f, "  gateway: {{port: {door}}}\n  events_store: {{port: 0}}"),
            _ => writeln!(f, "  events_store: {{port: {door}}}"),
        }
    }
}
