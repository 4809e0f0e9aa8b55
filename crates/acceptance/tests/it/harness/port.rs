//! Ports for the programs under test.

use std::process::Command;

use fixtures::Ports;

/// Above those of the system and of the fixtures.
static PORTS: Ports = Ports::new(61_000..65_500);

/// A loopback port that is free now.
pub fn free_port() -> u16 {
    PORTS.free_port()
}

/// Has the system choose every port of a server that is started by `command`: the usual ones may be somebody else's.
pub fn any_ports(command: &mut Command) {
    let services = ["GATEWAY", "EVENTS_STORE", "NOTIFIER", "CATALOG", "POLICY_ENGINE", "ANALYZER"];
    for service in services {
        command.env(format!("ANCHORE_EVENTS__SERVICES__{service}__PORT"), "0");
    }
    command.env("ANCHORE_EVENTS__ADMIN__PORT", "0");
}
