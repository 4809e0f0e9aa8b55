//! The events table, held to its promises on SQLite and on PostgreSQL alike.

mod databases;
mod migration;
mod model;
mod table;
