//! Tells others what happened: dispatches events to the endpoints that want them, and delivers each as a signed webhook
//! that is retried and explained.
//!
//! Relies on a [`bus::Bus`], a [`database::Database`], a clock and `webhook`, which makes one request. Deliberately knows
//! neither the store's tables nor REST.
//!
//! Two steps that meet only in the deliveries table, both idempotent: [`dispatch`] takes events from the bus and leaves a
//! delivery for each endpoint whose [`rule`] wants them; a [`worker`] for each endpoint claims what is due ([`claims`]),
//! sends it ([`send`]) and writes down what came of it ([`ledger`]): done, due again ([`schedule`]), or given up. How an
//! endpoint is doing is decided in [`breaker`] and told in [`report`]; what waits too long is given up in [`upkeep`]; what
//! people ask is answered in [`grpc`].

mod backlogs;
mod breaker;
mod claims;
mod config;
mod conversion;
mod deliver;
mod deliveries;
mod delivery;
mod dispatch;
mod endpoint;
mod endpoint_key;
mod endpoint_table;
mod endpoints;
mod entity;
mod grpc;
mod history;
mod ledger;
mod metrics;
mod migrations;
mod notifier;
mod page_token;
mod patience;
mod report;
mod retention;
mod rule;
mod schedule;
mod selection;
mod send;
mod states;
mod status;
mod stored;
mod turn;
mod upkeep;
mod worker;

pub use config::{Config, Notification};
pub use endpoint::Endpoint;
pub use metrics::Metrics;
pub use migrations::Migrator;
pub use notifier::{Ground, Notifier, NotifierError, SERVICE};
