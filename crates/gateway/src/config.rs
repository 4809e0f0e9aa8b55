//! The `services.gateway` section.

use service::config::Section;
use service::door::ListenAddress;

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8228;

#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
}

impl Config {
    /// Reads `services.gateway`.
    pub fn read(section: &mut Section) -> Self {
        Self { address: ListenAddress::read(section, PORT) }
    }
}
