//! The `bus` section.

use std::path::PathBuf;
use std::time::Duration;

use bus_nats::{NatsConfig, StreamConfig, TlsConfig};
use service::config::Section;

/// How events travel.
pub struct BusConfig {
    pub kind: BusKind,
    pub outbox: OutboxConfig,
}

/// Which bus carries the events.
pub enum BusKind {
    /// The log in the data directory itself, for one process.
    Local,
    Nats(Box<NatsConfig>),
}

/// The log on this machine.
#[derive(Debug, Clone, Copy)]
pub struct OutboxConfig {
    /// Most bytes that it holds for consumers that are behind.
    pub max_bytes: u64,
    /// Age at which what is not settled is put aside.
    pub max_age: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Local,
    Nats,
}

const GIB: u64 = 1 << 30;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// Shorter than the time for which the store remembers deletions, so that nothing comes back from an outbox.
const OUTBOX_AGE_MAX: Duration = Duration::from_hours(29 * 24);

impl BusConfig {
    pub fn read(section: &mut Section) -> Self {
        let kind = section.choice("kind", &[("local", Kind::Local), ("nats", Kind::Nats)], Kind::Local);
        let mut outbox = section.section("outbox");
        let outbox_config = OutboxConfig {
            max_bytes: outbox.number("max_bytes", 4 * GIB, GIB / 16..=1024 * GIB),
            max_age: outbox.span("max_age", 21 * DAY, HOUR..=OUTBOX_AGE_MAX),
        };
        outbox.finish();
        let nats = read_nats(section);
        let kind = match kind {
            Kind::Local => BusKind::Local,
            Kind::Nats => BusKind::Nats(Box::new(nats)),
        };
        Self { kind, outbox: outbox_config }
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
