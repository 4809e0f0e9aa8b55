//! HTTP requests to the outside: a [`Client`] with bounds on time and size, with the roots of the system and those of a
//! CA file, that follows few redirects and never carries credentials to another host.
//!
//! Relies on `emitter` for [`cause::Cause`]: whatever goes wrong between here and a peer becomes one in this crate
//! and nowhere else, with a hint that says what to do next. Deliberately knows neither registries nor feeds; what an
//! answer means is the caller's to say. The process installs rustls' ring provider before the first client is made.

mod answer;
mod ca_certificates;
mod client;
mod pace;
mod redirect;
mod settings;
mod tls;
mod transport;

pub use answer::Answer;
pub use ca_certificates::{CaCertificates, CaCertificatesError};
pub use client::{Client, ClientConfig, ClientError};
pub use pace::RateMin;
pub use redirect::REDIRECTS_MAX;
pub use settings::Settings;

/// The URL that requests are made with.
pub use reqwest::Url;
