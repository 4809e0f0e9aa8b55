//! What a bus promises: [`Bus`], [`Consumer`] and [`Message`], the [`Topic`] and subject each message travels under, and the
//! `conformance` suite that every implementation must pass.
//!
//! The seam carries bytes under an ID, so an adapter knows neither events nor protobuf; [`EventPublisher`] and
//! [`EventConsumer`] speak events above it, and are the one place where events become messages and messages events. The
//! other design, a bus that speaks events itself, would decode in each adapter and need a second set of methods for
//! the jobs that travel beside events.
//!
//! Relies on `proto` for the encoding. Deliberately knows neither NATS nor SQLite, nor what consumers do.

mod analysis_job;
#[cfg(feature = "conformance")]
pub mod conformance;
mod event_bus;
mod log;
mod notes;
mod seam;
mod subject;

pub use analysis_job::{AnalysisJob, AnalysisJobError, AnalysisJobPublisher};
pub use event_bus::{EventConsumer, EventMessage, EventPublisher, Fetched, Unreadable};
pub use log::{ConsumerFill, Fill, Log};
pub use notes::{ASKED, ASKED_IDS_MAX, AskedNote, Notes, STORED, StoredNote};
pub use seam::{
    Bus, BusError, Consumer, ConsumerSpec, MESSAGE_ID_BYTES_MAX, Message, Outgoing, PAYLOAD_BYTES_MAX, Receipt,
    SUBJECT_BYTES_MAX, Settlement, Token, Verdict,
};
pub use subject::{Topic, event_subject};
