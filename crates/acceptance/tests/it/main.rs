//! The system as its users meet it: `tests/it/harness` starts it, each other file is a feature.

#[macro_use]
mod harness;

mod accounts;
mod bad_config;
mod bad_lines;
mod bad_requests;
mod bad_surroundings;
mod compose;
mod deleting;
mod dependencies;
mod everything;
mod first_screen;
mod grpc;
mod killed;
mod listing;
mod page;
mod registries;
mod stopping;
mod tls;
