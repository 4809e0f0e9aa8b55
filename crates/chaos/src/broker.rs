//! The NATS servers: one, or a cluster of three of which one can be cut off.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fixtures::NatsServer;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::network::Network;
use crate::process::signal;
use crate::proxy::Proxy;
use crate::{http, port, process_table};

/// In a network of their own no port is taken.
const ROUTE_PORT: u16 = 6222;
const MONITOR_PORT: u16 = 8222;
const LEADER_WAIT: Duration = Duration::from_secs(30);

/// Ends its servers before their network.
pub struct Broker {
    nodes: Vec<Node>,
    wires: Wires,
}

struct Node {
    /// The name by which the others know it.
    name: String,
    address: SocketAddr,
    monitor: SocketAddr,
    store: PathBuf,
    server: Mutex<NatsServer>,
}

/// What joins the servers of a cluster, and can be cut.
enum Wires {
    None,
    /// A network of their own, in which packets are dropped.
    Network(Network),
    /// Where such a network cannot be made: connections through proxies that let nothing pass.
    Proxies(Vec<Route>),
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
        if count == 1 {
            let monitor = loopback(port::free_port());
            let server = block_in_place(|| NatsServer::start_with(&monitoring(monitor)));
            return Ok(Self { nodes: vec![Node::of(server, monitor).await?], wires: Wires::None });
        }
        match block_in_place(|| Network::make(count)) {
            Ok(network) => Self::in_network(network, count).await,
            Err(error) => {
                eprintln!(
                    "!! no network of their own for the servers of the cluster: {error:#}\n!! their routes lead through \
                     proxies instead: a leader that is cut off sees silent connections, not dropped packets"
                );
                Self::behind_proxies(count).await
            }
        }
    }

    async fn in_network(network: Network, count: usize) -> Result<Self> {
        let peers: Vec<String> =
            (0..count).map(|index| format!("nats-route://{}:{ROUTE_PORT}", network.address(index))).collect();
        let mut nodes = Vec::new();
        for index in 0..count {
            let address = network.address(index);
            let monitor = SocketAddr::from((address, MONITOR_PORT));
            let cluster = format!("cluster {{\n  name: chaos\n  listen: \"{address}:{ROUTE_PORT}\"\n");
            // Clients stay on the server that they were led to.
            let cluster = format!("{cluster}  no_advertise: true\n  routes: {peers:?}\n}}\n");
            let configuration = monitoring(monitor) + &cluster;
            let namespace = network.namespace(index);
            let server = block_in_place(|| NatsServer::start_in(&namespace, address, &configuration));
            nodes.push(Node::of(server, monitor).await?);
        }
        Ok(Self { nodes, wires: Wires::Network(network) })
    }

    async fn behind_proxies(count: usize) -> Result<Self> {
        let route_ports: Vec<u16> = (0..count).map(|_| port::free_port()).collect();
        let mut routes = Vec::new();
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                routes.push(Route { from, to, proxy: Proxy::open(loopback(route_ports[to])).await? });
            }
        }
        let mut nodes = Vec::new();
        for (index, route_port) in route_ports.iter().enumerate() {
            let monitor = loopback(port::free_port());
            let routes = routes.iter().filter(|route| route.from == index);
            let configuration = monitoring(monitor) + &proxied_cluster(*route_port, routes);
            let server = block_in_place(|| NatsServer::start_with(&configuration));
            nodes.push(Node::of(server, monitor).await?);
        }
        Ok(Self { nodes, wires: Wires::Proxies(routes) })
    }

    /// How a leader is cut off from its peers, for people.
    pub fn describe_wires(&self) -> &'static str {
        match self.wires {
            Wires::None => "one NATS server",
            Wires::Network(_) => "NATS servers in network namespaces, cut off by dropped packets",
            Wires::Proxies(_) => "NATS servers behind proxies, cut off by silence",
        }
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
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

    /// Lets nothing pass between a server and the others, without a word to either.
    pub fn cut_off(&self, index: usize) -> Result<()> {
        match &self.wires {
            Wires::None => {}
            Wires::Network(network) => network.cut_off(index)?,
            Wires::Proxies(routes) => {
                for route in routes.iter().filter(|route| route.from == index || route.to == index) {
                    route.proxy.silence();
                }
            }
        }
        Ok(())
    }

    pub fn heal_wires(&self) -> Result<()> {
        match &self.wires {
            Wires::None => {}
            Wires::Network(network) => network.heal()?,
            Wires::Proxies(routes) => routes.iter().for_each(|route| route.proxy.heal()),
        }
        Ok(())
    }
}

impl Node {
    async fn of(server: NatsServer, monitor: SocketAddr) -> Result<Self> {
        Ok(Self {
            name: server_name(monitor).await?,
            address: server.address(),
            monitor,
            store: server.directory().join("store"),
            server: Mutex::new(server),
        })
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn monitoring(monitor: SocketAddr) -> String {
    format!("http: \"{monitor}\"\n")
}

/// The servers know each other by these routes alone: an address that a server advertises would lead around the proxy,
/// so it advertises one where nobody answers. Clients stay on the server that they were led to.
fn proxied_cluster<'a>(port: u16, routes: impl Iterator<Item = &'a Route>) -> String {
    let routes: Vec<String> =
        routes.map(|route| format!("\"nats-route://127.0.0.1:{}\"", route.proxy.port())).collect();
    format!(
        "cluster {{\n  name: chaos\n  listen: \"127.0.0.1:{port}\"\n  advertise: \"127.0.0.1:1\"\n  \
         no_advertise: true\n  routes: [{}]\n}}\n",
        routes.join(", ")
    )
}

async fn server_name(monitor: SocketAddr) -> Result<String> {
    let (_, body) = http::get(monitor, "/varz").await?;
    let varz: Value = serde_json::from_str(&body)?;
    Ok(varz["server_name"].as_str().context("the server has a name")?.to_owned())
}

async fn stream_of(node: &Node) -> Result<Value> {
    let (_, body) = http::get(node.monitor, "/jsz?accounts=true&streams=true&consumers=true").await?;
    let jsz: Value = serde_json::from_str(&body)?;
    jsz.pointer("/account_details/0/stream_detail/0").cloned().context("there is no stream yet")
}
