//! Tells others what happened: dispatches events to the endpoints that want them, and delivers each as a signed webhook
//! that is retried and explained.
//!
//! Relies on a [`bus::Bus`], a [`database::Database`], a clock and `outbound`, which are arguments. Deliberately knows neither
//! the store's tables nor REST.

mod config;
mod metrics;
mod notifier;

pub use config::Config;
pub use metrics::Metrics;
pub use notifier::{Ground, Notifier, NotifierError, SERVICE};
