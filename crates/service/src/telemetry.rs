//! Logging, to standard error, so that standard output stays data.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::Section;

/// The `log` section.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    pub level: LevelFilter,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for machines.
    Json,
}

impl LogFormat {
    pub const NAMES: [(&str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, format: LogFormat::Text }
    }
}

impl LogConfig {
    pub fn read(section: &mut Section) -> Self {
        const LEVELS: [(&str, LevelFilter); 5] = [
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("info", LevelFilter::INFO),
            ("debug", LevelFilter::DEBUG),
            ("trace", LevelFilter::TRACE),
        ];
        let default = Self::default();
        Self {
            level: section.choice("level", &LEVELS, default.level),
            format: section.choice("format", &LogFormat::NAMES, default.format),
        }
    }
}

/// Starts logging. Libraries below ours are heard from `warn` on, unless the level asks for more than `info`.
pub fn start(config: LogConfig) {
    let quiet_libraries = config.level <= LevelFilter::INFO;
    let mut filter = EnvFilter::default().add_directive(config.level.into());
    if quiet_libraries {
        for library in ["sqlx", "sea_orm_migration", "async_nats", "hyper", "h2", "rustls", "tonic"] {
            let directive = format!("{library}=warn");
            filter = filter.add_directive(directive.parse().expect("a crate's name and a level are a directive"));
        }
        // They log for every call what we report as the cause of a failure, once and not in every cycle.
        for directive in ["rustls_platform_verifier=off", "sqlx::pool=error"] {
            filter = filter.add_directive(directive.parse().expect("a crate's name and a level are a directive"));
        }
    }
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, in tests, keeps the first subscriber.
    let _ = match config.format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
}
