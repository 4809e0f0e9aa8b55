//! Watches repositories: lists the tags of each one every cycle, and emits `list_tags_fail` with a cause when that
//! fails. What works makes no event.
//!
//! Relies on `outbound` for requests and for what goes wrong on the way, on `emitter` for events. Owns what the answers
//! of a registry mean. Deliberately knows neither where events go nor who reads them; its gRPC comes with later work.

mod authorization;
mod catalog;
mod challenge;
mod config;
mod link;
mod listing;
mod metrics;
mod recurrence;
mod refusal;
mod registry;
mod registry_name;
mod repository_name;
mod retry_after;
mod session;
mod status;
mod tag_page;
mod token;
mod watch;

pub use catalog::{Catalog, LISTINGS_AT_ONCE_MAX, SERVICE};
pub use config::{Config, Credentials, RegistryConfig, RepositoryConfig};
pub use listing::{LISTING_BYTES_MAX, LISTING_TIMEOUT, PAGES_MAX, TAGS_MAX};
pub use metrics::Metrics;
pub use registry::LISTINGS_AT_ONCE_PER_REGISTRY_MAX;
pub use registry_name::{RegistryName, RegistryNameError};
pub use repository_name::{RepositoryName, RepositoryNameError};
pub use status::{LastCause, RepositoryStatus, StatusBoard};
