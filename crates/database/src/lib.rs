//! A database that is either SQLite or PostgreSQL: how to connect, how to bring its schema up to date, which failures
//! pass by themselves.
//!
//! Relies on sea-orm and, through it, sqlx. Deliberately knows no table.

mod connect;
mod error;
mod migrate;
mod url;

pub use connect::Database;
pub use error::DatabaseError;
pub use url::{DatabaseUrl, DatabaseUrlError};

/// The sea-orm that tables are written with, so that versions cannot drift apart.
pub use sea_orm;
pub use sea_orm_migration;
