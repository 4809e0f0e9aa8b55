//! A network of its own for the servers of a cluster: a namespace for each, joined by a bridge in one more, and a way from
//! ours. So a server can be cut off from its peers as by a firewall that drops packets, while its clients stay.

use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

use crate::leash::Leash;

/// The subnets from which one is taken: 10.213.0.0/24 to 10.213.249.0/24.
const SUBNETS: u32 = 250;

static MADE: AtomicU32 = AtomicU32::new(0);

/// Removed when dropped, and also when this program is killed.
pub struct Network {
    /// What the names of the namespaces begin with.
    prefix: String,
    subnet: u32,
    nodes: usize,
    /// Kept locked as long as the subnet is ours.
    _claim: File,
    _leash: Leash,
}

impl Network {
    /// # Errors
    /// Where namespaces cannot be made: not root, no `ip`, no `iptables`, no such kernel.
    pub fn make(nodes: usize) -> Result<Self> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("chaos-{}-{number}-", std::process::id());
        let (subnet, claim) = claim_subnet(std::process::id().wrapping_add(number))?;
        let network = Self { _leash: Leash::to_namespaces(&prefix)?, prefix, subnet, nodes, _claim: claim };
        network.build(number)?;
        Ok(network)
    }

    fn build(&self, number: u32) -> Result<()> {
        let hub = self.hub();
        // A network interface has a name of at most 15 characters.
        let ours = format!("ch{}-{number}", std::process::id());
        run("ip", &["netns", "add", &hub])?;
        run("ip", &["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        run("ip", &["-n", &hub, "link", "set", "bridge", "up"])?;
        run("ip", &["link", "add", &ours, "type", "veth", "peer", "name", "outside", "netns", &hub])?;
        run("ip", &["-n", &hub, "link", "set", "outside", "master", "bridge", "up"])?;
        run("ip", &["address", "add", &format!("{}/24", self.host(254)), "dev", &ours])?;
        run("ip", &["link", "set", &ours, "up"])?;
        for node in 0..self.nodes {
            let (name, port) = (self.namespace(node), format!("node-{node}"));
            run("ip", &["netns", "add", &name])?;
            run("ip", &["-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "inside", "netns", &name])?;
            run("ip", &["-n", &hub, "link", "set", &port, "master", "bridge", "up"])?;
            run("ip", &["-n", &name, "address", "add", &format!("{}/24", self.address(node)), "dev", "inside"])?;
            for interface in ["lo", "inside"] {
                run("ip", &["-n", &name, "link", "set", interface, "up"])?;
            }
        }
        // Whether packets can be dropped is found out before it is needed.
        self.heal()
    }

    pub fn namespace(&self, node: usize) -> String {
        format!("{}{node}", self.prefix)
    }

    pub fn address(&self, node: usize) -> Ipv4Addr {
        self.host(u8::try_from(node + 1).expect("a few nodes"))
    }

    /// Drops every packet between a node and the others, in silence.
    pub fn cut_off(&self, node: usize) -> Result<()> {
        for peer in (0..self.nodes).filter(|peer| *peer != node) {
            let peer = self.address(peer).to_string();
            self.filter(node, &["-A", "INPUT", "-s", &peer, "-j", "DROP"])?;
            self.filter(node, &["-A", "OUTPUT", "-d", &peer, "-j", "DROP"])?;
        }
        Ok(())
    }

    pub fn heal(&self) -> Result<()> {
        (0..self.nodes).try_for_each(|node| self.filter(node, &["-F"]))
    }

    fn filter(&self, node: usize, rule: &[&str]) -> Result<()> {
        let name = self.namespace(node);
        let mut arguments = vec!["netns", "exec", &name, "iptables", "-w"];
        arguments.extend(rule);
        run("ip", &arguments)
    }

    fn hub(&self) -> String {
        format!("{}hub", self.prefix)
    }

    fn host(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, u8::try_from(self.subnet).expect("below 250"), host)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // With the hub, our end of the way to it goes, too.
        for name in (0..self.nodes).map(|node| self.namespace(node)).chain([self.hub()]) {
            let _ = run("ip", &["netns", "delete", &name]);
        }
    }
}

/// A subnet that no interface of ours has, and the lock that says so to other campaigns, which begin at other ones.
fn claim_subnet(first: u32) -> Result<(u32, File)> {
    let output = Command::new("ip").args(["-4", "-o", "address"]).output().context("cannot start `ip`")?;
    let taken = String::from_utf8_lossy(&output.stdout).into_owned();
    let claim = |subnet: u32| {
        let path = std::env::temp_dir().join(format!("chaos-subnet-{subnet}.lock"));
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path).ok()?;
        file.try_lock().ok()?;
        Some((subnet, file))
    };
    let subnets = (0..SUBNETS).map(|step| (first + step) % SUBNETS);
    let mut free = subnets.filter(|subnet| !taken.contains(&format!(" 10.213.{subnet}.")));
    free.find_map(claim).context("no subnet of 10.213.0.0/16 is free")
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("cannot start `{program}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program} {}`: {}", arguments.join(" "), said.trim());
    Ok(())
}
