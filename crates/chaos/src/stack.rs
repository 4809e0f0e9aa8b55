//! The system under test, running: our processes, the servers behind them, and the ways between.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use database::DatabaseUrl;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::broker::Broker;
use crate::config_file::{ConfigFile, PASSWORD, PASSWORD_VARIABLE};
use crate::disk::Disk;
use crate::fault::{Backing, Link};
use crate::member::Member;
use crate::own_clock::OwnClock;
use crate::port::free_port;
use crate::postgres::Postgres;
use crate::proxy::Proxy;
use crate::run_directory::RunDirectory;
use crate::run_log::RunLog;
use crate::settings::Settings;
use crate::target::Target;
use crate::turns::Turns;
use crate::uptime::uptime;
use crate::{http, schedule::Schedule};

/// What the stream reserves: small, because it is reserved for each run at the same time.
pub const STREAM_BYTES_MAX: u64 = 256 << 20;
const START_WAIT: Duration = Duration::from_secs(90);
/// How often it is looked whether a process has ended by itself.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);
/// How long a supervisor waits before it starts again what has ended by itself.
const REVIVE_AFTER: Duration = Duration::from_secs(1);

/// Dropping it ends everything, in this order.
pub struct Stack {
    members: BTreeMap<Target, Mutex<Member>>,
    /// A proxy for each server at the end of the link.
    links: BTreeMap<Link, Vec<Proxy>>,
    pub broker: Option<Broker>,
    pub postgres: Option<Postgres>,
    pub turns: Turns,
    ports: BTreeMap<Target, Ports>,
    data_dirs: BTreeMap<Target, PathBuf>,
    directory: RunDirectory,
}

/// Where a process answers.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub admin: u16,
    /// Where its gRPC is.
    pub door: u16,
}

impl Stack {
    /// Starts everything and returns when all of it is ready. `log` gets the words of faults that cannot be made here.
    pub async fn start(settings: &Settings, schedule: &Schedule) -> Result<Self> {
        let shape = settings.shape;
        let directory = RunDirectory::new()?;
        let mut stack = Self {
            members: BTreeMap::new(),
            links: BTreeMap::new(),
            broker: None,
            postgres: None,
            turns: Turns::new(shape),
            ports: BTreeMap::new(),
            data_dirs: BTreeMap::new(),
            directory,
        };
        if shape.has_nats() {
            stack.broker = Some(Broker::start(shape.nats_servers()).await?);
            stack.postgres = Some(Postgres::start());
        }
        for target in shape.members().iter().copied() {
            stack.ports.insert(target, Ports { admin: free_port(), door: free_port() });
            stack.open_links(target).await?;
        }
        for target in shape.members().iter().copied().filter(|target| !matches!(target, Target::Emitter(_))) {
            let disk = stack.disk(settings, target, schedule);
            let mut command = stack.server_command(settings, target, disk.as_ref())?;
            let clock = stack.clock(target, &mut command, schedule);
            stack.add(Member::new(target, command, stack.directory(), disk, clock))?;
        }
        stack.wait_until_ready(START_WAIT).await?;
        Ok(stack)
    }

    /// Starts the emitters: from here on their scripts run.
    pub fn start_emitters(&mut self, settings: &Settings, schedule: &Schedule) -> Result<()> {
        let begun_at = uptime()?.as_micros();
        for target in settings.shape.emitters() {
            let Target::Emitter(number) = target else { continue };
            let disk = self.disk(settings, target, schedule);
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["emit", "--shape", &settings.shape.to_string(), "--number", &number.to_string()]);
            command.args(["--seed", &settings.seed.to_string(), "--events", &settings.events.to_string()]);
            command.args(["--length-ms", &settings.length.as_millis().to_string()]);
            command.args(["--begun-at", &begun_at.to_string()]);
            command.arg("--data-dir").arg(self.data_dir(target, disk.as_ref())?);
            command.arg("--journal").arg(self.journal(target));
            for port in self.proxy_ports(Link { from: target, to: Backing::Nats }) {
                command.args(["--nats", &format!("nats://127.0.0.1:{port}")]);
            }
            let clock = self.clock(target, &mut command, schedule);
            self.add(Member::new(target, command, self.directory(), disk, clock))?;
        }
        Ok(())
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What an emitter writes about its events; not on the disk that is filled.
    pub fn journal(&self, target: Target) -> PathBuf {
        self.directory().join(format!("{target}.journal"))
    }

    pub fn ports(&self, target: Target) -> Ports {
        self.ports[&target]
    }

    pub async fn member(&self, target: Target) -> MutexGuard<'_, Member> {
        self.members[&target].lock().await
    }

    pub fn broker(&self) -> Result<&Broker> {
        self.broker.as_ref().context("this shape has no broker")
    }

    pub fn postgres(&self) -> Result<&Postgres> {
        self.postgres.as_ref().context("this shape has no PostgreSQL")
    }

    /// Where the store keeps its tables.
    pub fn database_url(&self) -> Result<DatabaseUrl> {
        match &self.postgres {
            Some(postgres) => Ok(postgres.url_through(postgres.port()).parse()?),
            None => Ok(DatabaseUrl::sqlite(self.data_dirs[&Target::Server].join("events.db"))),
        }
    }

    pub fn link(&self, link: Link) -> &[Proxy] {
        self.links.get(&link).map_or(&[], Vec::as_slice)
    }

    /// The ways of every process to a server, one after the other.
    pub fn links_to(&self, backing: Backing) -> impl Iterator<Item = &Proxy> {
        self.links.iter().filter(move |(link, _)| link.to == backing).flat_map(|(_, proxies)| proxies)
    }

    /// Makes everything whole again: servers run, ways are open, disks have room.
    pub async fn heal(&self) -> Result<()> {
        self.links.values().flatten().for_each(Proxy::heal);
        if let Some(broker) = &self.broker {
            block_in_place(|| broker.heal_wires())?;
        }
        for member in self.members.values() {
            let mut member = member.lock().await;
            member.disk.iter().for_each(Disk::free);
            member.start()?;
        }
        Ok(())
    }

    /// Until dropped, starts again what has ended by itself, and says so: no fault ends a process in any other way than
    /// by a kill, so this is a defect.
    pub async fn watch(&self, log: &RunLog, deaths: &std::sync::Mutex<Vec<String>>) -> Result<()> {
        loop {
            sleep(WATCH_INTERVAL).await;
            for member in self.members.values() {
                let Ok(mut member) = member.try_lock() else { continue };
                if let Some(death) = member.take_death()? {
                    log.say(format!("!! {death}"));
                    deaths.lock().expect("nothing panics while it is held").push(death);
                    sleep(REVIVE_AFTER).await;
                    member.start()?;
                }
            }
        }
    }

    /// Leaves its files where they are; those on disks of their own, which go, are copied as their process has left them.
    pub fn keep(&mut self) -> Result<()> {
        for member in self.members.values_mut().map(Mutex::get_mut) {
            member.kill9();
            if let Some(disk) = &member.disk {
                disk.free();
                disk.copy_to(&self.directory.path().join(format!("data-{}", member.target)))?;
            }
        }
        self.directory.keep();
        Ok(())
    }

    /// What the admin door of a process answers.
    async fn ask(&self, target: Target, path: &str) -> Result<(u16, String)> {
        http::get((Ipv4Addr::LOCALHOST, self.ports(target).admin).into(), path).await
    }

    /// Messages in the outboxes of the services that the store has not confirmed; those of the emitters, which have no
    /// admin door, are not seen.
    pub async fn waiting_in_outboxes(&self) -> Result<u64> {
        let mut waiting = 0;
        for target in self.members.keys().filter(|target| matches!(target, Target::Server | Target::Store(_))) {
            let (_, metrics) = self.ask(*target, "/metrics").await?;
            let messages = metrics.lines().find_map(|line| line.strip_prefix("outbox_messages "));
            waiting += messages.and_then(|count| count.parse::<u64>().ok()).context("no `outbox_messages`")?;
        }
        Ok(waiting)
    }

    fn add(&mut self, mut member: Member) -> Result<()> {
        member.start()?;
        self.members.insert(member.target, Mutex::new(member));
        Ok(())
    }

    async fn open_links(&mut self, from: Target) -> Result<()> {
        let mut open = Vec::new();
        if let (Target::Store(_) | Target::Emitter(_), Some(broker)) = (from, &self.broker) {
            open.push((Backing::Nats, broker.addresses()));
        }
        if let (Target::Store(_), Some(postgres)) = (from, &self.postgres) {
            open.push((Backing::Postgres, vec![(Ipv4Addr::LOCALHOST, postgres.port()).into()]));
        }
        for (to, addresses) in open {
            let mut proxies = Vec::new();
            for address in addresses {
                proxies.push(Proxy::open(address).await?);
            }
            self.links.insert(Link { from, to }, proxies);
        }
        Ok(())
    }

    fn proxy_ports(&self, link: Link) -> Vec<u16> {
        self.link(link).iter().map(Proxy::port).collect()
    }

    /// A disk of its own where a fault is to fill it or have it hang. Where none can be mounted, that fault is skipped,
    /// loudly.
    fn disk(&self, settings: &Settings, target: Target, schedule: &Schedule) -> Option<Disk> {
        let kind = schedule.disk_of(target)?;
        let disk = Disk::mount(self.directory().join(format!("disk-{target}")), kind, settings.events);
        disk.inspect_err(|error| eprintln!("!! skipped: no disk of its own for {target}: {error:#}")).ok()
    }

    /// A clock of its own where a fault is to set it back, as with disks.
    fn clock(&self, target: Target, command: &mut Command, schedule: &Schedule) -> Option<OwnClock> {
        if !schedule.sets_clock_of(target) {
            return None;
        }
        let clock = OwnClock::give_to(command, self.directory().join(format!("clock-{target}")));
        clock.inspect_err(|error| eprintln!("!! skipped: no clock of its own for {target}: {error:#}")).ok()
    }

    fn data_dir(&mut self, target: Target, disk: Option<&Disk>) -> Result<PathBuf> {
        let parent = disk.map_or(self.directory(), Disk::path);
        let directory = parent.join(format!("data-{target}"));
        std::fs::create_dir_all(&directory)?;
        self.data_dirs.insert(target, directory.clone());
        Ok(directory)
    }

    fn server_command(&mut self, settings: &Settings, target: Target, disk: Option<&Disk>) -> Result<Command> {
        let nats = self.proxy_ports(Link { from: target, to: Backing::Nats });
        let postgres = self.proxy_ports(Link { from: target, to: Backing::Postgres });
        let database = self.postgres.as_ref().zip(postgres.first());
        let store = self.ports.get(&Target::Store(1)).map(|ports| ports.door);
        let file = ConfigFile {
            target,
            ports: self.ports(target),
            nats,
            nats_replicas: settings.shape.nats_servers(),
            database: database.map(|(database, port)| database.url_through(*port)),
            store: (target == Target::Gateway).then_some(store).flatten(),
        };
        let path = self.directory().join(format!("{target}.yaml"));
        std::fs::write(&path, file.to_string())?;
        let mut command = Command::new(&settings.server);
        command.arg("--config").arg(path).arg("--data-dir").arg(self.data_dir(target, disk)?).arg("run");
        match target {
            Target::Store(_) => command.arg("events-store"),
            Target::Gateway => command.arg("gateway"),
            _ => &mut command,
        };
        command.env(PASSWORD_VARIABLE, PASSWORD).current_dir(self.directory());
        Ok(command)
    }

    /// # Errors
    /// A service that does not say within `wait` that it is ready, with its reasons.
    pub async fn wait_until_ready(&self, wait: Duration) -> Result<()> {
        let deadline = Instant::now() + wait;
        // An emitter of ours has no admin door.
        for (target, member) in self.members.iter().filter(|(target, _)| !matches!(target, Target::Emitter(_))) {
            loop {
                if let Some(death) = member.lock().await.take_death()? {
                    bail!(death);
                }
                let asked = self.ask(*target, "/readyz").await;
                if matches!(asked, Ok((200, _))) {
                    break;
                }
                if Instant::now() > deadline {
                    bail!("{target} is not ready: {asked:?}: {}", member.lock().await.last_lines());
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }
}
