//! The way from an emitter to a bus that may be away: emitters publish to a durable log on their own machine, and a
//! [`Forwarder`] carries its messages over, in order, however long the bus cannot be reached. So reporting never waits
//! for the network, and nothing that was emitted is lost with the process.
//!
//! The log forgets a message only when the *store* has confirmed it. The bus's own acknowledgement is not believed: a
//! broker may acknowledge before its disk has the message (JetStream does by default), or come back with an older copy
//! of its files. What the store did not confirm in time is published again; the ID makes repeats harmless.
//!
//! The log is a [`bus::Bus`] like the one it forwards to, so the single-process mode needs none of this: there the
//! local log *is* the bus, the store's acknowledgement is the confirmation, and nobody pays twice for the same
//! durability.
//!
//! Relies on both buses, which are arguments. Deliberately knows no event.

mod awaited;
mod forwarder;
mod metrics;

pub use forwarder::{BUS, Forwarder, NAME, STORE};
pub use metrics::Metrics;
