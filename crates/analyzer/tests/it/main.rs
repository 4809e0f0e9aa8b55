//! The analyzer at its doors: jobs in by the bus and by gRPC, images from registries that serve what a test wants, events
//! out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that fails")]

mod broken_images;
mod failures;
mod jobs;
mod memory_bus;
mod observed;
mod real_registry;
mod real_roots;
mod requests;
mod served_image;
mod tar_builder;
mod workers;
