//! The library a producer uses: an [`Emitter`] builds an event, has it checked once and publishes it, and a [`Cause`]
//! says why the work failed: a code, what to do next, and bounded evidence without [`Secrets`].
//!
//! Relies on `bus` for what is durable and on `event` for what is valid. Deliberately knows neither who listens, nor
//! any particular work: which code a failure gets is decided where the failure is seen.

mod cause;
mod cause_code;
mod emitter;
mod redaction;
mod secrets;

pub use cause::{
    Cause, EVIDENCE_BYTES_MAX, EVIDENCE_MEMBERS_MAX, EVIDENCE_TEXT_BYTES_MAX, HINT_BYTES_MAX, SUMMARY_BYTES_MAX,
    TRUNCATED, truncated,
};
pub use cause_code::CauseCode;
pub use emitter::{EmitError, Emitter, Notice};
pub use redaction::REDACTED;
pub use secrets::Secrets;
