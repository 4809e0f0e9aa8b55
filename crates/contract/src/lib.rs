//! The JSON that existing users of the event log rely on: the stored record that every read returns (contract 1.1) and
//! the form in which an event is published (contract 1.2).
//!
//! Shared by every edge that speaks it: the command line, REST and webhooks. Relies on the vocabulary alone.
//! Deliberately knows no transport.

mod published;
mod record;

pub use published::{Published, parse_published};
pub use record::{EventBody, Record};
