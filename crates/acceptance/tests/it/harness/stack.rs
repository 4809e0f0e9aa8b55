//! The system, running.

mod builder;
mod configuration;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use fixtures::{NatsServer, PostgresServer};
use tempfile::TempDir;

pub use self::builder::StackBuilder;
use super::{
    ADMIN, Client, DEADLINE, Output, Process, Rest, Shape, User, eventually, free_port, http_get, server_program,
};

/// Services in their processes, on a bus and a database, with a directory and ports of their own. Dropping it ends
/// them all.
pub struct Stack {
    // The processes end before what they stand on.
    members: Vec<Member>,
    pub nats: Option<NatsServer>,
    /// Where the test wants one that it may kill.
    pub postgres: Option<PostgresServer>,
    directory: TempDir,
    environment: Vec<(String, String)>,
    /// Of each service.
    ports: BTreeMap<&'static str, u16>,
}

/// Every service, the public door first.
const SERVICES: [&str; 6] = ["gateway", "events-store", "notifier", "catalog", "policy-engine", "analyzer"];

/// One process.
struct Member {
    services: &'static [&'static str],
    /// Where several run the same: the number of this one, and the port of its own.
    replica: Option<(&'static str, u16)>,
    admin_port: u16,
    process: Option<Process>,
}

impl Stack {
    pub fn builder(shape: Shape) -> StackBuilder {
        StackBuilder::new(shape)
    }

    pub fn start(shape: Shape) -> Self {
        Self::builder(shape).start()
    }

    /// Where its configuration, data and logs lie.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The public door.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.ports["gateway"])
    }

    /// The own door of a service.
    pub fn door(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service])
    }

    /// The store's own door.
    pub fn store_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["events-store"])
    }

    pub fn client(&self, user: User) -> Client {
        Client::new(self.url(), user, self.directory())
    }

    /// Somebody who speaks REST at the public door.
    pub fn rest(&self, user: User) -> Rest {
        Rest::new(self.ports["gateway"], user)
    }

    /// A second public door to the same store; where it answers.
    pub fn second_gateway(&self) -> (Process, u16) {
        let (port, admin_port) = (free_port(), free_port());
        let mut command = self.server("gateway", &["run", "gateway"]);
        command.env("ANCHORE_EVENTS__SERVICES__GATEWAY__PORT", port.to_string());
        command.env("ANCHORE_EVENTS__ADMIN__PORT", admin_port.to_string());
        command.arg("--data-dir").arg(self.directory().join("data-second-gateway"));
        let process = Process::start(&mut command, self.directory(), "second-gateway");
        eventually(DEADLINE, || match http_get(admin_port, "/readyz") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?} {}", process.stderr())),
        });
        (process, port)
    }

    /// `anchore-cli`, run by the admin.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.client(ADMIN).run(arguments)
    }

    /// `anchore-events` with the configuration of the process that runs `service`.
    pub fn server(&self, service: &str, arguments: &[&str]) -> Command {
        self.command(self.member(service), arguments)
    }

    /// A service of each process.
    pub fn services(&self) -> Vec<&'static str> {
        self.members.iter().map(|member| member.services.first().copied().unwrap_or("events-store")).collect()
    }

    pub fn process(&mut self, service: &str) -> &mut Process {
        let process = self.member_mut(service).process.as_mut();
        process.expect("the service was not stopped")
    }

    /// Kills the process that runs `service`.
    pub fn kill9(&mut self, service: &str) {
        self.member_mut(service).process = None;
    }

    /// Starts the process that runs `service` again, and waits until it is ready.
    pub fn restart(&mut self, service: &str) {
        self.start_again(service);
        self.wait_until_ready();
    }

    /// Starts the process that runs `service` again.
    pub fn start_again(&mut self, service: &str) {
        self.kill9(service);
        let process = self.spawn(self.member(service));
        self.member_mut(service).process = Some(process);
    }

    pub fn wait_until_ready(&mut self) {
        assert!(self.is_ready(), "a process has ended: {}", self.members.iter().map(Member::log).collect::<String>());
    }

    /// The answer to a GET at the admin door of the process that runs `service`.
    pub fn admin_get(&self, service: &str, path: &str) -> (u16, String) {
        http_get(self.member(service).admin_port, path).expect("the admin door answers")
    }

    /// The sum of a counter of the process that runs `service`, over all labels that contain `label`.
    pub fn counter(&self, service: &str, name: &str, label: &str) -> u64 {
        let (_, metrics) = self.admin_get(service, "/metrics");
        let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    fn member(&self, service: &str) -> &Member {
        self.members.iter().find(|member| member.runs(service)).expect("a service of the stack")
    }

    fn member_mut(&mut self, service: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.runs(service)).expect("a service of the stack")
    }

    fn choose_ports(&mut self) {
        self.ports = SERVICES.iter().map(|service| (*service, free_port())).collect();
        for member in &mut self.members {
            member.admin_port = free_port();
            member.replica = member.replica.map(|(name, _)| (name, free_port()));
        }
    }

    /// Whether the ports could be had.
    fn try_start(&mut self) -> bool {
        for index in 0..self.members.len() {
            let process = self.spawn(&self.members[index]);
            self.members[index].process = Some(process);
        }
        let is_ready = self.is_ready();
        let log: String = self.members.iter().map(Member::log).collect();
        assert!(is_ready || log.contains("another program"), "the stack does not start: {log}");
        is_ready
    }

    /// Waits until every process is ready; `false` when one has ended.
    fn is_ready(&mut self) -> bool {
        self.members.iter_mut().all(|member| {
            eventually(DEADLINE, || {
                let Some(process) = &mut member.process else { return Ok(false) };
                if process.ended().is_some() {
                    return Ok(false);
                }
                match http_get(member.admin_port, "/readyz") {
                    Ok((200, _)) => Ok(true),
                    Ok((_, reasons)) => Err(format!("{reasons}{}", process.stderr())),
                    Err(error) => Err(format!("{error}: {}", process.stderr())),
                }
            })
        })
    }

    fn spawn(&self, member: &Member) -> Process {
        let arguments = [&["run"], member.services].concat();
        Process::start(&mut self.command(member, &arguments), self.directory(), member.name())
    }

    fn command(&self, member: &Member, arguments: &[&str]) -> Command {
        let mut command = Command::new(server_program());
        command.arg("--config").arg(self.directory().join("config.yaml"));
        // A directory for each process, as on machines of their own.
        command.arg("--data-dir").arg(self.directory().join(format!("data-{}", member.name())));
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).current_dir(self.directory());
        command.env("ANCHORE_EVENTS__ADMIN__PORT", member.admin_port.to_string());
        if let Some((_, port)) = member.replica {
            command.env("ANCHORE_EVENTS__SERVICES__NOTIFIER__PORT", port.to_string());
        }
        command
    }
}

impl Member {
    fn runs(&self, service: &str) -> bool {
        match self.replica {
            Some((name, _)) => name == service,
            None => self.services.is_empty() || self.services.contains(&service),
        }
    }

    fn name(&self) -> &'static str {
        self.replica.map_or_else(|| self.services.first().copied().unwrap_or("all"), |(name, _)| name)
    }

    fn log(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }
}
