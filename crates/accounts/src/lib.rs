//! Who may do what: [`Accounts`] and their roles, the credentials of a request, and the [`Caller`] they make; how many
//! failed log-ins are borne, and what is told of them.
//!
//! Relies on the vocabulary for account names and on the configuration's sections. Hides how passwords are kept and
//! compared. Deliberately knows no events, no routes and no database.

mod account;
mod admin_password;
mod caller;
mod config;
mod failed_log_ins;
mod grpc;
mod log_in_limit;
mod log_ins;

pub use account::Accounts;
pub use admin_password::{ADMIN_PASSWORD_FILE, ADMIN_PASSWORD_VARIABLE};
pub use caller::{ACCOUNT_HEADER, Caller, Refusal, Role};
pub use config::{AccountConfig, AccountsConfig, Password};
pub use failed_log_ins::FailedLogIns;
pub use grpc::{Authenticated, caller_of};
