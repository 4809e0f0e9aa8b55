//! Ports for the processes under test.

use fixtures::Ports;

/// Below those of the system and of the fixtures, and away from those of the acceptance tests.
static PORTS: Ports = Ports::new(8_300..12_000);

/// A loopback port that is free now.
pub fn free_port() -> u16 {
    PORTS.free_port()
}
