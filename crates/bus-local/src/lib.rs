//! The promises of `bus` from an SQLite file of its own, in this process: the bus of a system with nothing else
//! installed.
//!
//! It is a log with cursors, not a queue per consumer: one table of messages in the order in which they were added,
//! and for each consumer the position up to which it has settled everything. One task writes; it takes whatever waits
//! in its channel and commits it together (group commit), because on a real disk the sync costs more than the rows.
//! What is delivered and not settled is known in memory only: after a restart it is simply delivered again.
//!
//! A file of its own, and not a table in the store's, was decided by measuring, on two cores and one disk: while another
//! connection inserted events in batches of 1000, 64 publishers of single messages reached 20 900 messages a second with
//! two files and 10 300 with one; four publishers of 100 reached 34 700 (99 % of calls within 46 ms) and 15 500 (within
//! 0.5 s, in another run 1.7 s). Alone: 3 100 one by one, 33 900 for the 64, 48 000 for the four, 250 000 consumed. What
//! one file would give, an event and its position stored together, the event's ID gives as well.
//!
//! Relies on `database` for sqlx and for knowing which failures pass. Deliberately knows neither NATS, nor what the
//! bytes mean, nor who consumes.

mod config;
mod error;
mod inspection;
mod local_bus;
mod local_consumer;
mod local_notes;
mod log_file;
mod process_lock;
mod progress;
mod put_aside;
mod shared;
mod trim;
mod writer;

pub use config::{DEDUPE_WINDOW_MIN, LocalBusConfig};
pub use inspection::{Inspection, Place};
pub use local_bus::LocalBus;
pub use put_aside::PutAside;
