//! HTTP requests to the outside: a [`Client`] with bounds on time and size, with the roots of the system and those of a
//! CA file, that follows few redirects, or none, and never carries credentials to another host. Where somebody else says what to
//! connect to, [`Vetting`] keeps it away from this machine and its neighbours.
//!
//! Relies on `cause` for [`cause::Cause`]: whatever goes wrong between here and a peer becomes one in this crate
//! and nowhere else, with a hint that says what to do next. Deliberately knows neither registries nor feeds; what an
//! answer means is the caller's to say. The process installs rustls' ring provider before the first client is made.

mod answer;
mod ca_certificates;
mod client;
mod client_identity;
mod networks;
mod pace;
mod redirect;
mod resolver;
mod retry_after;
mod settings;
mod special_addresses;
mod system_trust;
mod tls;
mod transport;
mod vetting;

pub use answer::Answer;
pub use ca_certificates::{CaCertificates, CaCertificatesError};
pub use client::{Client, ClientConfig, ClientError};
pub use client_identity::{ClientIdentity, ClientIdentityError};
pub use networks::{NetworkError, Networks};
pub use pace::RateMin;
pub use redirect::{REDIRECTS_MAX, Redirects};
pub use resolver::{Resolver, SystemResolver};
pub use retry_after::{RETRY_AFTER_MAX, retry_at};
pub use settings::Settings;
pub use system_trust::SystemTrust;
pub use vetting::{AddressRefusal, Vetting};

/// The URL that requests are made with.
pub use reqwest::Url;
