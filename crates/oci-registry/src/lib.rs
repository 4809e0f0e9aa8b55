//! A client of OCI registries (distribution specification): names of registries and repositories, credentials and
//! tokens, lists of tags, manifests and blobs; and what the answers of a registry mean, as causes.
//!
//! Relies on `outbound` for requests and for what goes wrong on the way. Deliberately knows neither what is watched or
//! analysed, nor events.

mod authorization;
mod blob;
mod budget;
mod challenge;
mod config;
mod digest;
mod image_reference;
mod jitter;
mod link;
mod listing;
mod lookup;
mod manifest;
mod media_type;
mod patience;
mod refusal;
mod registry;
mod registry_name;
mod repository_name;
mod session;
mod subject;
mod tag_name;
mod tag_page;
mod token;
mod what_it_is;

pub use blob::{Blob, open_blob};
pub use budget::{REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE_MAX};
pub use config::{Credentials, RegistryConfig, read_registries};
pub use digest::{Digest, DigestError, Hashing};
pub use image_reference::{ImageReference, ImageReferenceError, ManifestReference};
pub use jitter::random_fraction;
pub use listing::{LISTING_BYTES_MAX, LISTING_TIMEOUT, Listing, PAGES_MAX, TAGS_MAX, list};
pub use lookup::{FetchedManifest, MANIFEST_BYTES_MAX, ManifestHead, fetch, head};
pub use manifest::{
    Descriptor, INDEX_ENTRIES_MAX, ImageIndex, ImageManifest, IndexEntry, LAYERS_MAX, Manifest, Platform,
};
pub use media_type::{DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
pub use refusal::RegistryFailure;
pub use registry::{REQUESTS_AT_ONCE_PER_REGISTRY_MAX, Registry};
pub use registry_name::{RegistryName, RegistryNameError};
pub use repository_name::{RepositoryName, RepositoryNameError};
pub use session::{Repository, Session};
pub use subject::Subject;
pub use tag_name::{TagName, TagNameError};
