//! The bounds of a download, and of what is in it.

use std::time::Duration;

use outbound::RateMin;
use service::config::Section;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const KIB: u64 = 1024;
const GIB: u64 = 1024 * 1024 * KIB;

/// A download is judged by stretches of this length.
const RATE_STRETCH: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Limits {
    /// From the request to the last byte, redirects included.
    pub download_timeout: Duration,
    /// Longest silence of a server.
    pub silence_timeout: Duration,
    pub rate_min: RateMin,
    /// Largest download, as it travels.
    pub download_bytes_max: u64,
    /// Most records of a group.
    pub records_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            download_timeout: Duration::from_mins(30),
            silence_timeout: 30 * SECOND,
            rate_min: RateMin { bytes_per_second: 4 * KIB, stretch: RATE_STRETCH },
            download_bytes_max: GIB,
            records_max: 2_000_000,
        }
    }
}

impl Limits {
    /// Reads them from `services.policy_engine`.
    pub(super) fn read(section: &mut Section) -> Self {
        let default = Self::default();
        let rate_min = section.number("download_rate_min", default.rate_min.bytes_per_second, 0..=GIB);
        Self {
            download_timeout: section.span("download_timeout", default.download_timeout, SECOND..=DAY),
            silence_timeout: section.span("silence_timeout", default.silence_timeout, SECOND..=600 * SECOND),
            rate_min: RateMin { bytes_per_second: rate_min, stretch: RATE_STRETCH },
            download_bytes_max: section.number("download_bytes_max", default.download_bytes_max, KIB..=64 * GIB),
            records_max: section.number("records_max", default.records_max, 1..=100_000_000),
        }
    }
}
