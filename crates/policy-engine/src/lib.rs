//! Syncs vulnerability feeds, and reports what came of it: what is new in each group of a feed against what was there
//! before, and why a group cannot be synced.
//!
//! Relies on a [`database::Database`], an emitter and a clock, which are arguments, and on `outbound` for its requests.
//! Deliberately knows neither where events go nor who reads them, and keeps of a record no more than its identity and a
//! digest: it is no scanner, and matches nothing.

mod archive;
mod budget;
mod config;
mod document;
mod download;
mod entity;
mod feed_kind;
mod feed_url;
mod group_sync;
mod grpc;
mod ledger;
mod metrics;
mod migrations;
mod names;
mod policy_engine;
mod progress;
mod providers;
mod record;
mod recurrence;
mod refusal;
mod schedule;
mod scope;
mod source;
mod spool;
mod state;
mod status;
mod syncer;
mod teller;
mod telling;
mod verification;
mod wire;

pub use config::{Config, Credentials, FeedConfig, Limits};
pub use feed_kind::{FeedKind, FeedKindError};
pub use feed_url::{FeedUrl, FeedUrlError};
pub use metrics::Metrics;
pub use migrations::Migrator;
pub use names::{FeedName, GroupId, GroupName, NameError};
pub use policy_engine::{Ground, PolicyEngine, PolicyEngineError, SERVICE};
