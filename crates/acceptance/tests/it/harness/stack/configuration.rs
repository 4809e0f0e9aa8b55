//! The configuration that every process of a stack reads.

use std::fmt::Write;

use super::Stack;
use crate::harness::{ADMIN, ALICE, BOB, CAROL, Shape};

/// The argon2id hash of Alice's password.
const ALICE_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c72NxBZaItyRTg04b+7dXg$I3eQDrMxOJjV+PrRpv//E0XneHfQqgXt02Bc82ZmdOU";

/// What a test adds to the configuration.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    pub(super) catalog: &'a str,
    pub(super) notifier: &'a str,
    pub(super) policy_engine: &'a str,
    pub(super) webhooks: &'a str,
}

impl Stack {
    /// Its text.
    pub(super) fn config(&self, shape: Shape, database: Option<&str>, settings: Settings<'_>) -> String {
        let bob = self.directory().join("bob-password");
        std::fs::write(&bob, format!("{}\n", BOB.password)).expect("a file of our own");
        let mut config = format!(
            "host_id: acceptance-host
accounts:
  - {{name: {admin}, role: admin, password_env: ADMIN_PASSWORD}}
  - {{name: {alice}, role: write, password_hash: '{ALICE_HASH}'}}
  - {{name: {bob}, role: read, password_file: '{bob_file}'}}
  - {{name: {carol}, role: write, password_env: CAROL_PASSWORD}}
services:
",
            admin = ADMIN.name,
            alice = ALICE.name,
            bob = BOB.name,
            bob_file = bob.display(),
            carol = CAROL.name,
        );
        let mut add = |line: &str| writeln!(config, "{line}").expect("a String can be written to");
        for (service, port) in &self.ports {
            let section = service.replace('-', "_");
            // On one host the gateway finds the others by their ports; the URL is for other hosts.
            let url = match (*service, shape) {
                ("gateway", _) => String::new(),
                (_, Shape::NatsApart) => format!("url: 'http://127.0.0.1:{port}', "),
                _ => String::new(),
            };
            let own = match *service {
                "catalog" => format!("cycle_timers: {{repo_watcher: 1s}}, {}", settings.catalog),
                "policy-engine" => settings.policy_engine.to_owned(),
                "notifier" => format!("allow_private_networks: [127.0.0.0/8], {}", settings.notifier),
                _ => String::new(),
            };
            add(&format!("  {section}: {{port: {port}, {url}{own}}}"));
        }
        if !settings.webhooks.is_empty() {
            add(&format!("webhooks: {}", settings.webhooks));
        }
        if let Some(nats) = &self.nats {
            add(&format!("bus: {{kind: nats, url: '{}', stream: {{max_bytes: 1073741824}}}}", nats.url()));
        }
        if let Some(url) = database {
            add(&format!("database: {{url: '{url}'}}"));
        }
        config
    }
}
