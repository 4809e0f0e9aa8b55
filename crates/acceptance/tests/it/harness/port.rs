//! Ports for the programs under test.

use std::net::{Ipv4Addr, TcpListener};
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
