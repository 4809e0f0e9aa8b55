//! The promises of `bus` from an SQLite file of its own, in this process: the bus of a system with nothing else
//! installed.
//!
//! It is a log with cursors, not a queue per consumer: one table of messages in the order in which they were added,
//! and for each consumer the position up to which it has settled everything. One task writes; it takes whatever waits
//! in its channel and commits it together (group commit), because on a real disk the sync costs more than the rows.
//! What is delivered and not settled is known in memory only: after a restart it is simply delivered again.
//!
//! Relies on `database` for sqlx and for knowing which failures pass. Deliberately knows neither NATS, nor what the
//! bytes mean, nor who consumes.

mod config;
mod error;
mod local_bus;
mod local_consumer;
mod log_file;
mod process_lock;
mod progress;
mod shared;
mod writer;

pub use config::{DEDUPE_WINDOW_MIN, LocalBusConfig};
pub use local_bus::LocalBus;
