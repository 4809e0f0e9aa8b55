//! `event ...`

mod delete;
pub mod filter_flags;
mod get;
mod list;
mod publish;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Delete one or more events
    Delete(delete::DeleteFlags),
    /// Get an event
    Get(get::GetFlags),
    /// List events
    List(list::ListFlags),
    /// Publish events from a file of JSON lines, or from standard input
    Publish(publish::PublishFlags),
}

impl EventCommand {
    /// Whether errors go to standard error because the output is for programs.
    pub fn keeps_stdout_for_data(&self) -> bool {
        matches!(self, Self::Publish(_))
    }
}

pub async fn run(command: &EventCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        EventCommand::Delete(flags) => delete::run(flags, settings).await,
        EventCommand::Get(flags) => get::run(flags, settings).await,
        EventCommand::List(flags) => list::run(flags, settings).await,
        EventCommand::Publish(flags) => publish::run(flags, settings).await,
    }
}
