//! Analyses images: takes jobs from the bus, reads the layers as streams, and reports what is in them or why not.
//!
//! Relies on a [`bus::Bus`], a [`database::Database`], an emitter, a clock and `oci-registry`, which are arguments.
//! Deliberately knows neither who finds images nor who reads the events.

mod analysis;
mod analyzer;
mod bounds;
mod config;
mod failure;
mod image;
mod inventory;
mod layer;
mod metrics;
mod rootfs;
mod tar;

pub use analysis::{Analysis, analyse, resolve};
pub use analyzer::{Analyzer, AnalyzerError, Ground, SERVICE};
pub use bounds::Bounds;
pub use config::Config;
pub use failure::{AnalysisFailure, FailedStep};
pub use image::PlatformChoice;
pub use inventory::{Distribution, Inventory, Package, PackageManager, Unknown};
pub use metrics::Metrics;
