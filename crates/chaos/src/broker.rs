//! The NATS servers: one, or a cluster of three whose routes can be cut.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fixtures::NatsServer;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::process::signal;
use crate::proxy::Proxy;
use crate::{http, port, process_table};

const LEADER_WAIT: Duration = Duration::from_secs(30);

pub struct Broker {
    nodes: Vec<Node>,
    routes: Vec<Route>,
}

struct Node {
    /// The name by which the others know it.
    name: String,
    port: u16,
    monitor_port: u16,
    store: PathBuf,
    server: Mutex<NatsServer>,
}

/// The way from one server of the cluster to another one.
struct Route {
    from: usize,
    to: usize,
    proxy: Proxy,
}

/// What the consumers have before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Not delivered yet, of all consumers.
    pub pending: u64,
    /// Delivered and not acknowledged.
    pub unsettled: u64,
}

impl Broker {
    pub async fn start(servers: u8) -> Result<Self> {
        let count = usize::from(servers);
        let monitor_ports = free_ports(count)?;
        let route_ports = if count > 1 { free_ports(count)? } else { Vec::new() };
        let mut routes = Vec::new();
        for from in 0..route_ports.len() {
            for to in (0..route_ports.len()).filter(|to| *to != from) {
                routes.push(Route { from, to, proxy: Proxy::open(route_ports[to]).await? });
            }
        }
        let mut nodes = Vec::new();
        for (index, monitor_port) in monitor_ports.into_iter().enumerate() {
            let mut configuration = format!("http: \"127.0.0.1:{monitor_port}\"\n");
            if let Some(route_port) = route_ports.get(index) {
                configuration += &cluster(*route_port, routes.iter().filter(|route| route.from == index));
            }
            let server = block_in_place(|| NatsServer::start_with(&configuration));
            nodes.push(Node {
                name: server_name(monitor_port).await?,
                port: server.port(),
                monitor_port,
                store: server.directory().join("store"),
                server: Mutex::new(server),
            });
        }
        Ok(Self { nodes, routes })
    }

    pub fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.port).collect()
    }

    pub async fn kill(&self, index: usize) {
        let mut server = self.nodes[index].server.lock().await;
        block_in_place(|| server.kill());
    }

    pub async fn restart(&self, index: usize) {
        let mut server = self.nodes[index].server.lock().await;
        block_in_place(|| server.restart());
    }

    pub fn pid(&self, index: usize) -> Result<u32> {
        process_table::child("nats-server", &self.nodes[index].store.to_string_lossy())
    }

    /// Copies the files of the first server as a crash at this moment would leave them.
    pub fn copy_files(&self) -> Result<()> {
        let store = &self.nodes[0].store;
        let pid = self.pid(0)?;
        // Stopped, so that the copy is of one moment.
        signal(pid, "STOP")?;
        let copied = Command::new("cp").arg("-a").arg(store).arg(store.with_extension("copy")).status();
        signal(pid, "CONT")?;
        ensure!(copied?.success(), "cannot copy the broker's files");
        Ok(())
    }

    /// Replaces the files of the first server, which is down, by their copy.
    pub fn put_copy_back(&self) -> Result<()> {
        let store = &self.nodes[0].store;
        std::fs::remove_dir_all(store).context("cannot remove the broker's files")?;
        std::fs::rename(store.with_extension("copy"), store).context("cannot put the broker's files back")
    }

    /// The server that leads the stream.
    pub async fn leader(&self) -> Result<usize> {
        let deadline = Instant::now() + LEADER_WAIT;
        loop {
            for node in &self.nodes {
                let Ok(stream) = stream_of(node).await else { continue };
                let leader = stream.pointer("/cluster/leader").and_then(Value::as_str);
                if let Some(index) = self.nodes.iter().position(|node| Some(node.name.as_str()) == leader) {
                    return Ok(index);
                }
            }
            if Instant::now() > deadline {
                bail!("the stream has no leader");
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// What is still to be done, as the leader of each consumer sees it.
    pub async fn backlog(&self) -> Result<Backlog> {
        let mut backlog = Backlog { pending: 0, unsettled: 0 };
        let mut leads = 0;
        for node in &self.nodes {
            let stream = stream_of(node).await?;
            let consumers = stream["consumer_detail"].as_array().map(Vec::as_slice).unwrap_or_default();
            // A server that does not lead knows of each consumer too, but not how far it is. One server alone leads.
            let is_led_here = |consumer: &&Value| {
                consumer.pointer("/cluster/leader").and_then(Value::as_str).is_none_or(|leader| leader == node.name)
            };
            for consumer in consumers.iter().filter(is_led_here) {
                leads += 1;
                backlog.pending += consumer["num_pending"].as_u64().unwrap_or_default();
                backlog.unsettled += consumer["num_ack_pending"].as_u64().unwrap_or_default();
            }
        }
        ensure!(leads > 0, "no consumer has a leader");
        Ok(backlog)
    }

    /// Silences every route to and from a server.
    pub fn cut_off(&self, index: usize) {
        for route in self.routes.iter().filter(|route| route.from == index || route.to == index) {
            route.proxy.silence();
        }
    }

    pub fn heal_routes(&self) {
        for route in &self.routes {
            route.proxy.heal();
        }
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    (0..count).map(|_| port::free_port()).collect()
}

/// The servers know each other by these routes alone: an address that a server advertises would lead around the proxy,
/// so it advertises one where nobody answers. Clients stay on the server that they were led to.
fn cluster<'a>(port: u16, routes: impl Iterator<Item = &'a Route>) -> String {
    let routes: Vec<String> =
        routes.map(|route| format!("\"nats-route://127.0.0.1:{}\"", route.proxy.port())).collect();
    format!(
        "cluster {{\n  name: chaos\n  listen: \"127.0.0.1:{port}\"\n  advertise: \"127.0.0.1:1\"\n  \
         no_advertise: true\n  routes: [{}]\n}}\n",
        routes.join(", ")
    )
}

async fn server_name(monitor_port: u16) -> Result<String> {
    let (_, body) = http::get(monitor_port, "/varz").await?;
    let varz: Value = serde_json::from_str(&body)?;
    Ok(varz["server_name"].as_str().context("the server has a name")?.to_owned())
}

async fn stream_of(node: &Node) -> Result<Value> {
    let (_, body) = http::get(node.monitor_port, "/jsz?accounts=true&streams=true&consumers=true").await?;
    let jsz: Value = serde_json::from_str(&body)?;
    jsz.pointer("/account_details/0/stream_detail/0").cloned().context("there is no stream yet")
}
