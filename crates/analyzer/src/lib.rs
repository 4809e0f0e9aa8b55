//! Analyses images: takes jobs from the bus, reads the layers as streams, and reports what is in them or why not.
//!
//! Two steps that meet in the crate's own tables, both safe to repeat: jobs are taken in ([`intake`]), and workers
//! ([`worker`]) take images from there under a lease. What came of an image and what is told of it are committed
//! together; a [`teller`] emits it. In reading order of the work itself: [`analysis`] pulls an image, [`layer`] reads a
//! layer as a stream, [`rootfs`] lays the layers upon one another, [`inventory`] looks into what is left.
//!
//! Relies on a [`bus::Bus`], a [`database::Database`], an emitter, a clock and `oci-registry`, which are arguments.
//! Deliberately knows neither who finds images nor who reads the events.

mod analysis;
mod analyzer;
mod bounds;
mod config;
mod entity;
mod events;
mod failure;
mod grpc;
mod image;
mod images;
mod intake;
mod inventory;
mod layer;
mod metrics;
mod migrations;
mod page_token;
mod patience;
mod registries;
mod rootfs;
mod status;
mod tar;
mod teller;
mod wire;
mod worker;

pub use analysis::{Analysis, analyse, resolve};
pub use analyzer::{Analyzer, AnalyzerError, Ground, SERVICE};
pub use bounds::Bounds;
pub use config::Config;
pub use failure::{AnalysisFailure, FailedStep};
pub use image::PlatformChoice;
pub use inventory::{Distribution, Inventory, Package, PackageManager, Unknown};
pub use metrics::Metrics;
pub use migrations::Migrator;
pub use registries::Registries;
