//! The events table, held to its promises on SQLite and on PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod databases;
mod migration;
mod model;
mod page_walks;
mod read_only;
mod table;
