//! The notifier between a bus in memory and receivers of its own, by a clock that the tests set, on SQLite and on
//! PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod bus;
mod house;

mod accounts;
mod configuration;
mod dispatching;
mod failing;
mod limits;
mod ordering;
mod replicas;
