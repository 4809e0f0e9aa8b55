//! `webhook ...`

mod deliveries;
mod edit;
mod list;
mod redeliver;
mod settings_flags;
mod shown;
mod test;
mod why;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Add an endpoint
    Add(Box<edit::AddFlags>),
    /// Remove an endpoint that was added here
    Del(edit::DelFlags),
    /// List what was sent, or is to be sent, the latest first
    Deliveries(deliveries::DeliveriesFlags),
    /// List endpoints, and how each is doing
    List,
    /// Send again what was given up
    Redeliver(redeliver::RedeliverFlags),
    /// Send a made-up event to an endpoint, now
    Test(test::TestFlags),
    /// Change an endpoint that was added here
    Update(Box<edit::UpdateFlags>),
    /// Say why an endpoint was told of an event, or was not
    Why(why::WhyFlags),
}

pub async fn run(command: &WebhookCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        WebhookCommand::Add(flags) => edit::add(flags, settings).await,
        WebhookCommand::Del(flags) => edit::del(flags, settings).await,
        WebhookCommand::Deliveries(flags) => deliveries::run(flags, settings).await,
        WebhookCommand::List => list::run(settings).await,
        WebhookCommand::Redeliver(flags) => redeliver::run(flags, settings).await,
        WebhookCommand::Test(flags) => test::run(flags, settings).await,
        WebhookCommand::Update(flags) => edit::update(flags, settings).await,
        WebhookCommand::Why(flags) => why::run(flags, settings).await,
    }
}
