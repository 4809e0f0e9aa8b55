//! The policy-engine against servers of feeds: in their real shape, and failing on purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that fails")]

mod documents;
mod engine;
mod faults;
mod feed_server;
mod large;
mod news;
mod osv;
mod recording_bus;
mod replicas;
mod secrets;
mod surroundings;
mod syncing;
mod zip;
