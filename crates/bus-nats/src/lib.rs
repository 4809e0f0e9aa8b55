//! The promises of `bus` on NATS JetStream: one stream with every event, a durable pull consumer for each reader, and
//! the settings that keep what was acknowledged. The only place that names the NATS client.
//!
//! The stream keeps messages by its limits, and refuses new ones at its bound instead of dropping old ones that nobody
//! has read yet (`discard: new`). Limits alone would then stop a stream whose readers are all up to date, so when the
//! bound is met, what every consumer of the stream has settled is purged (`room.rs`). Interest or work-queue retention
//! would do that by themselves, but the first throws away what is published before its first reader comes, and the
//! second allows one reader only.
//!
//! Works with nats-server from 2.9 (tested with 2.9.10 and 2.15.1). A server of 2.9 has a defect that no client can avoid:
//! when a message comes due again in the very moment in which a request for messages ends, it delivers the newest
//! delivered message once more, settled or not, and the due one only after another `ack_wait`. How long an acknowledged
//! message may be lost by a power failure is the server's `sync_interval` (from 2.10), which no client can set.
//! Deliberately knows neither what the bytes mean nor who consumes.

mod config;
mod link;
mod nats_bus;
mod nats_consumer;
mod notes;
mod publishing;
mod pull;
mod readers;
mod refusal;
mod room;
mod settings;
mod stream;

pub use config::{NatsConfig, StreamConfig, TlsConfig};
pub use nats_bus::NatsBus;
pub use readers::{Forgotten, StreamReader};
