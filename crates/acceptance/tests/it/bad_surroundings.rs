//! What the server needs is not as it should be: it says what, waits where waiting helps, and ends where it never will.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fixtures::{NatsServer, PostgresServer};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{
    ADMIN, Client, DEADLINE, Output, Process, any_ports, event, eventually, free_port, holds, http_get, id_of, run,
    server_program,
};

/// How long somebody looks at a server that waits before it says what for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole system in one process, which may not become ready.
struct Server {
    process: Process,
    admin_port: u16,
    gateway_port: u16,
    directory: TempDir,
}

impl Server {
    fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (admin_port, gateway_port) = (free_port(), free_port());
        let mut command = command(directory.path(), config, &[]);
        command.env("ANCHORE_EVENTS__ADMIN__PORT", admin_port.to_string());
        command.env("ANCHORE_EVENTS__SERVICES__GATEWAY__PORT", gateway_port.to_string());
        let process = Process::start(&mut command, directory.path(), "server");
        Self { process, admin_port, gateway_port, directory }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    fn client(&self) -> Client {
        Client::new(self.url(), ADMIN, self.directory.path())
    }

    /// Until `/readyz` answers `status` with each of `parts`.
    #[track_caller]
    fn says(&mut self, status: u16, parts: &[&str]) {
        eventually(PATIENCE, || {
            assert_eq!(self.process.ended(), None, "it waits and does not end: {}", self.process.stderr());
            let (answered, text) = http_get(self.admin_port, "/readyz").map_err(|error| error.to_string())?;
            let is_said = answered == status && parts.iter().all(|part| text.contains(part));
            holds(is_said, || format!("{answered} {text}, expected {status} {parts:?}"))
        });
    }
}

/// The server with ports that the system chooses.
fn command(directory: &Path, config: &str, arguments: &[&str]) -> Command {
    std::fs::write(directory.join("config.yaml"), config).expect("a file of our own");
    let mut command = Command::new(server_program());
    command.args(arguments).env_clear().env("ANCHORE_ADMIN_PASSWORD", ADMIN.password).current_dir(directory);
    any_ports(&mut command);
    command
}

fn run_to_its_end(config: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    run(&mut command(directory.path(), config, arguments), b"", DEADLINE)
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = holder.local_addr().expect("a bound port").port();
    for (section, variable) in [
        ("admin", "ANCHORE_EVENTS__ADMIN__PORT"),
        ("services.gateway", "ANCHORE_EVENTS__SERVICES__GATEWAY__PORT"),
        ("services.events_store", "ANCHORE_EVENTS__SERVICES__EVENTS_STORE__PORT"),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = command(directory.path(), "", &[]);
        let output = run(command.env(variable, port.to_string()), b"", DEADLINE);
        let expected = format!("{section}.port: 127.0.0.1:{port} cannot be listened at: another program");
        output.refused(1, &[&expected, "set another port"]);
    }
}

#[test]
fn a_database_that_is_away_is_waited_for() {
    let mut postgres = PostgresServer::start();
    let url = postgres.create_database();
    postgres.kill();
    let config = format!("database: {{url: '{url}'}}");
    let mut server = Server::start(&config);
    server.says(503, &["events-store: not ready: ", "database: the database cannot be used now"]);
    let (status, text) = http_get(server.gateway_port, "/health").expect("the gateway answers");
    assert_eq!(status, 503, "{text}");
    server.client().run(&["event", "list"]).refused(2, &["the events-store is not ready: ", "database: "]);
    postgres.restart();
    server.says(200, &["events-store: ready", "gateway: ready"]);
    server.client().store(&[event(1)]);

    // Away once more, while it is in use.
    postgres.kill();
    server.says(503, &["database: the database cannot be used now"]);
    server.client().run(&["event", "list"]).refused(2, &["the database cannot be used now"]);
    let published = server.client().publish(&[event(2)]);
    assert_eq!(published.len(), 1, "publishing does not need the database");
    postgres.restart();
    server.says(200, &[]);
    eventually(DEADLINE, || {
        let listed = server.client().ids(&[]);
        holds(listed.len() == 2, || format!("{listed:?}"))
    });
}

#[test]
fn a_database_that_is_away_is_named_with_the_reason() {
    let port = free_port();
    let mut server = Server::start(&format!("database: {{url: 'postgres://127.0.0.1:{port}/events'}}"));
    server.says(503, &["events-store: not ready: ", "database: ", &format!("127.0.0.1:{port}"), "refused"]);
}

#[test]
fn a_nats_server_that_is_away_is_waited_for() {
    let mut nats = NatsServer::start();
    nats.kill();
    let config = format!("bus: {{kind: nats, url: '{}', stream: {{max_bytes: 1073741824}}}}", nats.url());
    let mut server = Server::start(&config);
    server.says(503, &["events-store: not ready: bus: ", "refused"]);
    assert_eq!(server.client().run(&["event", "list"]).ok(), "\n", "what is stored can be read");
    assert_eq!(server.client().publish(&[event(1)]), [id_of(1)], "durable on this machine, until NATS is there");
    nats.restart();
    server.says(200, &["outbox: ready", "events-store: ready", "gateway: ready"]);
    eventually(DEADLINE, || {
        let listed = server.client().ids(&[]);
        holds(listed == [id_of(1)], || format!("{listed:?}"))
    });

    nats.kill();
    server.says(503, &["events-store: not ready: bus: "]);
    nats.restart();
    server.says(200, &[]);
    server.client().store(&[event(2)]);
}

#[test]
fn a_schema_of_a_newer_release_is_refused() {
    let postgres = PostgresServer::start();
    let url = postgres.create_database();
    let config = format!("database: {{url: '{url}'}}");
    assert!(run_to_its_end(&config, &["migrate"]).ok().contains("was brought up to date"));
    assert!(run_to_its_end(&config, &["migrate"]).ok().contains("is up to date"));
    let newer = "INSERT INTO events_store_migrations (version, applied_at) VALUES ('m9999_from_the_future', 0)";
    let status = Command::new("psql").args([&url, "--quiet", "--command", newer]).status();
    assert!(status.expect("PostgreSQL brings psql along").success());
    let refusal = "migrated by a newer release: it has `m9999_from_the_future`, which this one does not know";
    run_to_its_end(&config, &[]).refused(1, &[refusal, "restore a backup"]);
    run_to_its_end(&config, &["migrate"]).refused(1, &[refusal]);
    let unmigrated = format!("database: {{url: '{url}', migrate_at_start: false}}");
    run_to_its_end(&unmigrated, &[]).refused(1, &[refusal]);
}

#[test]
fn a_schema_that_may_not_be_touched_is_waited_for() {
    let mut server = Server::start("database: {migrate_at_start: false}");
    server.says(503, &["database: its schema is not up to date, run `anchore-events migrate`"]);
    let directory = server.directory.path().to_owned();
    run(&mut command(&directory, "", &["migrate"]), b"", DEADLINE).ok();
    server.says(200, &[]);
    server.client().store(&[event(1)]);
}

#[test]
fn a_second_copy_on_the_same_data_is_refused() {
    let mut server = Server::start("");
    server.says(200, &[]);
    let directory = server.directory.path().to_owned();
    let second = run(&mut command(&directory, "", &[]), b"", Duration::from_secs(30));
    assert_ne!(second.code, 0);
    assert!(second.stderr.contains("bus.db"), "{second:?}");
    server.says(200, &[]);
    assert_eq!(
        server
            .client()
            .store(&[json!({"type": "t", "level": "info", "message": "m", "timestamp": "2018-06-30"})])
            .len(),
        1
    );
}
