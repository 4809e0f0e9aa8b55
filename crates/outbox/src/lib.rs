//! The log on this machine, and the way from it to a bus that may be away: emitters publish to a durable log of their own,
//! and a [`Forwarder`] carries its messages over, in order, however long the bus cannot be reached. So reporting never
//! waits for the network, and nothing that was emitted is lost with the process.
//!
//! The log forgets a message only when the *store* has confirmed it. The bus's own acknowledgement is not believed: a
//! broker may acknowledge before its disk has the message (JetStream does by default), or come back with an older copy
//! of its files. What the store did not confirm in time is published again; the ID makes repeats harmless.
//!
//! The log is a [`bus::Bus`] like the one it forwards to, so the single-process mode needs no forwarder: there the local
//! log *is* the bus, the store's acknowledgement is the confirmation, and nobody pays twice for the same durability.
//!
//! In either mode a [`Keeper`] watches over the log: metrics, readiness, and events when it comes near a bound, when it is
//! well again, and when messages were put aside.
//!
//! Relies on both buses, an emitter and a clock, which are arguments. Deliberately knows neither SQLite nor NATS, and no
//! event but its own.

mod awaited;
mod forwarder;
mod keeper;
mod level;
mod metrics;

pub use forwarder::{BUS, CONSUMER, Forwarder, STORE};
pub use keeper::{DISK, Keeper, ROOM};
pub use metrics::{FillMetrics, Metrics};

/// Its name in the readiness of its process, and as a source of events.
pub const NAME: &str = "outbox";
