//! The `services.analyzer` section.

use std::time::Duration;

use service::config::Section;
use service::door::ListenAddress;

use crate::{Bounds, PlatformChoice};

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8233;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;

#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
    /// Images that are analysed at the same time.
    pub jobs_max: usize,
    /// Which image of an index is analysed.
    pub platform: PlatformChoice,
    /// How long an image belongs to a worker that does not answer any more.
    pub lease: Duration,
    pub bounds: Bounds,
}

impl Config {
    /// Reads `services.analyzer`.
    pub fn read(section: &mut Section) -> Self {
        section.ignore(&[
            "analyzer_driver",
            "cycle_timer_seconds",
            "cycle_timers",
            "enable_hints",
            "enabled",
            "endpoint_hostname",
            "layer_cache_enable",
            "layer_cache_max_gigabytes",
            "require_auth",
        ]);
        let Bounds { layer_bytes_max, unpacked_bytes_max, ratio_max, entries_max, timeout } = Bounds::default();
        Self {
            address: ListenAddress::read(section, PORT),
            jobs_max: usize::try_from(section.number("max_jobs", 1, 1..=64)).expect("at most 64"),
            platform: section.parse_or("platform", PlatformChoice::default()),
            lease: section.span("lease", 60 * SECOND, SECOND..=3600 * SECOND),
            bounds: Bounds {
                layer_bytes_max: section.number("layer_bytes_max", layer_bytes_max, 1..=TIB),
                unpacked_bytes_max: section.number("unpacked_bytes_max", unpacked_bytes_max, MIB..=16 * TIB),
                ratio_max: section.number("ratio_max", ratio_max, 2..=1_000_000),
                entries_max: section.number("entries_max", entries_max, 1..=1_000_000_000),
                timeout: section.span("timeout", timeout, SECOND..=DAY),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use service::config::{Document, Environment};

    use super::*;

    fn read(yaml: &str) -> Result<Config, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(yaml.as_bytes()).unwrap();
        let mut document = Document::load(Some(file.path()), Environment::default()).unwrap();
        let mut section = document.root().section("analyzer");
        let config = Config::read(&mut section);
        section.finish();
        document.finish().map(|_| config).map_err(|problems| problems.to_string())
    }

    #[test]
    fn an_empty_section_gives_the_defaults() {
        let config = read("").unwrap();
        assert_eq!((config.address.port, config.jobs_max), (8233, 1));
        assert_eq!((config.platform.to_string().as_str(), config.lease), ("linux/amd64", 60 * SECOND));
        assert_eq!(config.bounds, Bounds::default());
    }

    #[test]
    fn every_problem_is_named() {
        let problems = read("analyzer: {max_jobs: 0, platform: linux, ratio_max: 1, layer_cache_enable: true}");
        let problems = problems.unwrap_err();
        for expected in [
            "analyzer.max_jobs: ",
            "analyzer.platform: `linux` is no platform, expected such as `linux/amd64`",
            "analyzer.ratio_max: ",
        ] {
            assert!(problems.contains(expected), "{problems}");
        }
        assert!(!problems.contains("layer_cache_enable"), "{problems}");
    }
}
