//! Why work failed: a [`Cause`] is a code, what to do next, and bounded evidence without [`Secrets`] (design 3.8). One
//! taxonomy for every emitter.
//!
//! Relies on the vocabulary for what details are. Deliberately knows no particular work: which code a failure gets is
//! decided where the failure is seen.

mod cause;
mod code;
mod redaction;
mod secrets;

pub use cause::{
    Cause, EVIDENCE_BYTES_MAX, EVIDENCE_MEMBERS_MAX, EVIDENCE_TEXT_BYTES_MAX, HINT_BYTES_MAX, SUMMARY_BYTES_MAX,
    TRUNCATED, truncated,
};
pub use code::CauseCode;
pub use redaction::{REDACTED, redact};
pub use secrets::Secrets;
