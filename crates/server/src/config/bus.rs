//! The `bus` section.

use std::path::PathBuf;
use std::time::Duration;

use bus_nats::{NatsConfig, StreamConfig, TlsConfig};
use service::config::Section;

/// Which bus carries the events.
pub enum BusConfig {
    /// A durable log in the data directory, for one process.
    Local {
        /// Most bytes held for consumers that are behind.
        max_bytes: u64,
    },
    Nats(Box<NatsConfig>),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Local,
    Nats,
}

const GIB: u64 = 1 << 30;
const DAY: Duration = Duration::from_hours(24);

impl BusConfig {
    pub fn read(section: &mut Section) -> Self {
        let kind = section.choice("kind", &[("local", Kind::Local), ("nats", Kind::Nats)], Kind::Local);
        let max_bytes = section.number("max_bytes", 4 * GIB, GIB / 16..=1024 * GIB);
        let nats = read_nats(section);
        match kind {
            Kind::Local => Self::Local { max_bytes },
            Kind::Nats => Self::Nats(Box::new(nats)),
        }
    }
}

fn read_nats(section: &mut Section) -> NatsConfig {
    let urls = section.texts("url").unwrap_or_else(|| vec!["nats://127.0.0.1:4222".to_owned()]);
    for url in &urls {
        if !["nats://", "tls://"].iter().any(|scheme| url.starts_with(scheme)) && url.contains("://") {
            section.refuse("url", "expected `nats://host:port` or `tls://host:port`");
        }
    }
    let credentials_file = section.text("credentials_file").map(PathBuf::from);
    let user = section.text("user");
    let password = section.secret("password", "password_env", "password_file");

    let mut tls = section.section("tls");
    let tls_config = TlsConfig {
        required: tls.flag("required", false),
        ca_file: tls.text("ca_file").map(PathBuf::from),
        cert: tls.text("cert").map(PathBuf::from),
        key: tls.text("key").map(PathBuf::from),
    };
    if tls_config.cert.is_some() != tls_config.key.is_some() {
        tls.refuse("cert", "`cert` and `key` go together, expected both or neither");
    }
    tls.finish();

    let mut stream = section.section("stream");
    let default = StreamConfig::default();
    let stream_config = StreamConfig {
        name: stream.text_or("name", &default.name),
        replicas: usize::try_from(stream.number("replicas", default.replicas as u64, 1..=5)).expect("at most 5"),
        max_age: Some(stream.span("max_age", Duration::ZERO, Duration::ZERO..=365 * DAY)).filter(|age| !age.is_zero()),
        max_bytes: stream.number("max_bytes", default.max_bytes, GIB / 16..=1024 * GIB),
        duplicate_window: stream.span("duplicate_window", default.duplicate_window, Duration::from_mins(2)..=DAY),
    };
    stream.finish();
    NatsConfig { urls, credentials_file, user, password, tls: tls_config, stream: stream_config }
}
