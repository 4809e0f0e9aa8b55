//! The `services.notifier` section.

use service::config::Section;
use service::door::ListenAddress;

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8230;

#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
}

impl Config {
    /// Reads `services.notifier`.
    pub fn read(section: &mut Section) -> Self {
        section.ignore(&["enabled", "require_auth", "endpoint_hostname", "cycle_timer_seconds"]);
        Self { address: ListenAddress::read(section, PORT) }
    }
}
