//! Watches repositories: lists the tags of each one every cycle, and emits `list_tags_fail` with a cause when that
//! fails. What works makes no event.
//!
//! Relies on `oci-registry` for what registries say, on `emitter` for events. Deliberately knows neither where events go
//! nor who reads them; its gRPC comes with later work.

mod catalog;
mod config;
mod metrics;
mod recurrence;
mod status;
mod watch;

pub use catalog::{Catalog, LISTINGS_AT_ONCE_MAX, SERVICE};
pub use config::{Config, RepositoryConfig};
pub use metrics::Metrics;
pub use status::{LastCause, RepositoryStatus, StatusBoard};
