//! A client of OCI registries (distribution specification): names of registries and repositories, credentials and
//! tokens, lists of tags; and what the answers of a registry mean, as causes.
//!
//! Relies on `outbound` for requests and for what goes wrong on the way. Deliberately knows neither what is watched or
//! analysed, nor events.

mod authorization;
mod challenge;
mod config;
mod link;
mod listing;
mod refusal;
mod registry;
mod registry_name;
mod repository_name;
mod session;
mod tag_page;
mod token;

pub use config::{Credentials, RegistryConfig, read_registries};
pub use listing::{LISTING_BYTES_MAX, LISTING_TIMEOUT, Listing, PAGES_MAX, TAGS_MAX, list};
pub use refusal::RegistryFailure;
pub use registry::{REQUESTS_AT_ONCE_PER_REGISTRY_MAX, Registry};
pub use registry_name::{RegistryName, RegistryNameError};
pub use repository_name::{RepositoryName, RepositoryNameError};
pub use session::{Repository, Session};
