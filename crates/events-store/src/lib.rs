//! The store: consumes events in batches, keeps them in its tables, and answers queries and deletions over gRPC.
//!
//! Relies on a [`bus::Bus`], a [`database::Database`] and a clock, which are arguments. Deliberately knows no webhook,
//! no subscription and no REST.
//!
//! In reading order: [`ingest`] takes events from the bus, [`table`] keeps them, [`grpc`] answers.

mod answering;
mod config;
mod cursor;
mod dead_letters;
mod entity;
mod error;
mod grpc;
mod ingest;
mod metrics;
mod migrations;
mod numbered_page;
mod page_walks;
mod publish;
mod purge;
mod put_aside;
mod retention;
mod selection;
mod status;
mod store;
mod table;

pub use config::Config;
pub use cursor::Cursor;
pub use dead_letters::{DeadLetter, DeadLetters, Retried};
pub use error::StoreError;
pub use metrics::Metrics;
pub use migrations::Migrator;
pub use page_walks::{PageWalks, Start, Walker};
pub use store::{EventsStore, Ground, SERVICE};
pub use table::{EventsTable, PurgedBatch};
