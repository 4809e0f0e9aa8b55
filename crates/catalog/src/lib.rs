//! Watches repositories and single tags: notes which tags come, move and go, asks for the analysis of what is new, and
//! explains every failure. What it watches is configured or added at run time, and kept.
//!
//! Relies on `oci-registry` for what registries say, on a [`database::Database`], a [`bus::Bus`], an emitter and a clock,
//! which are arguments. Deliberately knows neither where events go nor who reads them, nor what an analysis is.
//!
//! In reading order: [`watcher`] keeps a [`patrol`] for each watch, [`tables`] keep what it finds, [`teller`] tells it,
//! [`grpc`] and [`notification_door`] let others in.

mod ailments;
mod catalog;
mod concern;
mod config;
mod entity;
mod expectations;
mod gate;
mod grpc;
mod grpc_status;
mod lookup;
mod lookup_queue;
mod meaning;
mod metrics;
mod migrations;
mod notices;
mod notification;
mod notification_door;
mod patrol;
mod rates;
mod recurrence;
mod registries;
mod roster;
mod tables;
mod teller;
mod telling;
mod watch;
mod watcher;

pub use catalog::{Catalog, CatalogError, Ground, LISTINGS_AT_ONCE_MAX, SERVICE};
pub use config::Config;
pub use metrics::Metrics;
pub use migrations::Migrator;
pub use notification_door::NOTIFICATIONS_PATH;
pub use roster::{LastCause, Roster, WatchStatus};
pub use watch::{Watch, WatchKey};
