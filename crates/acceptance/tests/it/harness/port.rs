//! Ports for the programs under test.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

/// Above the range from which the system takes the ports of outgoing connections, and away from that of the fixtures:
/// nobody may take the port of a process while it is killed.
const FIRST: u16 = 61_000;
const COUNT: u16 = 4_500;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback port that is free now.
pub fn free_port() -> u16 {
    // Test processes in parallel begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(7919) % u32::from(COUNT)).expect("below 4500");
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("one of thousands of ports is free")
}

/// Has the system choose every port of a server that is started by `command`: the usual ones may be somebody else's.
pub fn any_ports(command: &mut Command) {
    let services = ["GATEWAY", "EVENTS_STORE", "NOTIFIER", "CATALOG", "POLICY_ENGINE", "ANALYZER"];
    for service in services {
        command.env(format!("ANCHORE_EVENTS__SERVICES__{service}__PORT"), "0");
    }
    command.env("ANCHORE_EVENTS__ADMIN__PORT", "0");
}
