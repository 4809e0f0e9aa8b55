//! The `services.events_store` section.

use std::time::Duration;

use service::config::Section;
use service::door::ListenAddress;

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8229;

#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
    /// Most events stored in one transaction. Around 1000 is where a larger batch brings nothing more.
    pub batch_events_max: usize,
    /// Events older than this are deleted; `None` keeps them until somebody deletes them.
    pub retention: Option<Duration>,
}

impl Config {
    /// Reads `services.events_store`. The retention stands elsewhere in the file, where the product page has it:
    /// `services.catalog.event_log.max_retention_age_days`.
    pub fn read(section: &mut Section, retention: Option<Duration>) -> Self {
        let batch_events_max = section.number("batch_events_max", 1000, 1..=5000);
        Self {
            address: ListenAddress::read(section, PORT),
            batch_events_max: usize::try_from(batch_events_max).expect("5000 is a usize"),
            retention,
        }
    }
}
