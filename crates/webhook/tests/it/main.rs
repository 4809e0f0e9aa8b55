//! Webhooks as receivers get them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a test that fails")]

mod example;
mod sending;
