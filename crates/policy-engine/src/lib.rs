//! Syncs vulnerability feeds, and reports what came of it.
//!
//! Relies on a [`database::Database`], an emitter, a clock and `outbound`, which are arguments. Deliberately knows neither
//! where events go nor who reads them, and matches nothing: it is no scanner.

mod config;
mod metrics;
mod policy_engine;

pub use config::Config;
pub use metrics::Metrics;
pub use policy_engine::{Ground, PolicyEngine, PolicyEngineError, SERVICE};
