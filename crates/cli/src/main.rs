//! `anchore-cli`, a thin client of the event log: flags become a gRPC request, the answer becomes a table, YAML or JSON.
//!
//! Everything behind the gRPC is unknown here: no database, no bus. What old clients printed is printed to the byte
//! (`output`, `yaml`), what they accepted is accepted (`flags`, `settings`).

mod any_certificate;
mod commands;
mod connection;
mod event_pages;
mod failure;
mod flags;
mod output;
mod record;
mod settings;
mod span;
mod unreachable;
mod yaml;

use std::process::ExitCode;

use clap::Parser;

use crate::flags::{Arguments, Command};
use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a TLS provider");
    let Arguments { global, command } = Arguments::parse();
    let settings = match Settings::load(&global) {
        Ok(settings) => Ok(settings),
        Err(failure) => Err((failure, global.format().unwrap_or_default())),
    };
    let (outcome, format) = match (&command, settings) {
        // Needs no server, and so no settings.
        (Command::Completions { shell }, _) => return commands::completions::run(*shell),
        (_, Err((failure, format))) => (Err(failure), format),
        (Command::Event { command }, Ok(settings)) => (commands::event::run(command, &settings).await, settings.format),
        (Command::Feeds { command }, Ok(settings)) => (commands::feeds::run(command, &settings).await, settings.format),
        (Command::Webhook { command }, Ok(settings)) => {
            (commands::webhook::run(command, &settings).await, settings.format)
        }
        (Command::Image { command }, Ok(settings)) => {
            (commands::image::run(command, global.insecure, &settings).await, settings.format)
        }
    };
    outcome.unwrap_or_else(|failure| failure.report(format, command.keeps_stdout_for_data(), global.debug))
}
