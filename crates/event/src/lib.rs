//! The vocabulary of the event log: [`Event`] and the words it is made of, the [`Filter`] that selects events, and the
//! [`Clock`] that says when.
//!
//! What makes an event valid is decided here ([`EventDraft::check`]) and nowhere else. The crate relies on nothing of
//! ours. It deliberately knows no I/O, no async and no wire format: each edge has its own shape and one conversion.

mod account;
mod catalogue;
mod clock;
mod details;
mod draft;
mod filter;
mod id;
mod level;
mod record;
mod timestamp;
mod type_pattern;
mod violation;

pub use account::{AccountName, AccountNameError};
pub use catalogue::{Category, EventKind, Subcategory, canonical_name, categories, kinds, lookup};
pub use clock::{Clock, ManualClock, SystemClock};
pub use details::{DETAILS_BYTES_MAX, DETAILS_DEPTH_MAX, Details, DetailsError, Json};
pub use draft::{
    BASE_URL_BYTES_MAX, EventDraft, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, RESOURCE_ID_BYTES_MAX, TYPE_BYTES_MAX,
};
pub use filter::{Criterion, Filter, FilterDraft};
pub use id::{EventId, EventIdError};
pub use level::{Level, LevelError};
pub use record::{Event, Resource, Source, StoredEvent};
pub use timestamp::{Timestamp, TimestampError};
pub use type_pattern::{TypePattern, TypePatternError};
pub use violation::{Violation, Violations};
