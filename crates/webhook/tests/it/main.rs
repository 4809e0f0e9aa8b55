//! Webhooks as receivers get them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that fails")]

mod example;
mod formats;
mod hostile_targets;
mod networks;
mod proxies;
mod resolvers;
mod second_opinions;
mod sending;
mod tls;
mod tls_receiver;
mod verifiers;
