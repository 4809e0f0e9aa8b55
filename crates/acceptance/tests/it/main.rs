//! The system as its users meet it: `tests/it/harness` starts it, each other file is a feature.

#[macro_use]
mod harness;

mod accounts;
mod bad_config;
mod bad_lines;
mod bad_requests;
mod bad_surroundings;
mod compose;
mod contract_model;
mod deleting;
mod dependencies;
mod everything;
mod feeds;
mod feeds_killed;
mod first_screen;
mod grpc;
mod images;
mod killed;
mod listing;
mod log_ins;
mod old_clients;
mod openapi;
mod page;
mod readiness;
mod registries;
mod registry_faults;
mod registry_killed;
mod registry_secrets;
mod registry_tags;
mod rest;
mod stopping;
mod tls;
mod walking;
mod webhooks;
mod webhooks_killed;
