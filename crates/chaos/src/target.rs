//! What a fault can hit.

use std::fmt;

/// A process of the system. Replicas are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Every service in one process.
    Server,
    Store(u8),
    Gateway,
    Emitter(u8),
    Nats(u8),
    Postgres,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Store(number) => write!(f, "store-{number}"),
            Self::Gateway => f.write_str("gateway"),
            Self::Emitter(number) => write!(f, "emitter-{number}"),
            Self::Nats(number) => write!(f, "nats-{number}"),
            Self::Postgres => f.write_str("postgres"),
        }
    }
}
