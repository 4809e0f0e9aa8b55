//! The catalog against registries: Debian's real one, and small ones that fail on purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that fails")]

mod bad_answers;
mod bad_certificates;
mod bad_connections;
mod grpc;
mod images;
mod lookups;
mod news;
mod notifications;
mod observed;
mod paging;
mod rates;
mod real_registry;
mod recording_bus;
mod telling;
mod tokens;
mod watching;
