//! The JSON that existing users of the event log rely on: the stored record that every read returns (contract 1.1), the
//! form in which an event is published (contract 1.2), and the body of a webhook notification (contract 6.2).
//!
//! Shared by every edge that speaks it: the command line, REST and webhooks. Relies on the vocabulary alone.
//! Deliberately knows no transport.

mod notification;
mod published;
mod record;

pub use notification::{NotificationBody, QueueEntry};
pub use published::{Published, parse_published};
pub use record::{EventBody, Record};
