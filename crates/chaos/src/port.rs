//! Ports for the processes under test.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

/// Below the range from which the system takes the ports of outgoing connections, and away from those of the fixtures
/// and of the acceptance tests: nobody may take the port of a process while it is down.
const FIRST: u16 = 8_300;
const COUNT: u16 = 3_700;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback port that is free now.
pub fn free_port() -> Result<u16> {
    // Campaigns in parallel begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(7919) % u32::from(COUNT)).expect("below 3700");
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no port is free")
}
