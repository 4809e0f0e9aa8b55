//! Analyses images: takes jobs from the bus, reads the layers as streams, and reports what is in them or why not.
//!
//! Relies on a [`bus::Bus`], a [`database::Database`], an emitter, a clock and `oci-registry`, which are arguments.
//! Deliberately knows neither who finds images nor who reads the events.

mod analyzer;
mod config;
mod metrics;

pub use analyzer::{Analyzer, AnalyzerError, Ground, SERVICE};
pub use config::Config;
pub use metrics::Metrics;
