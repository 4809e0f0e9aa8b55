//! `image ...`

mod add;
mod list;
mod shown;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Queue an image for analysis
    Add(add::AddFlags),
    /// List images, those asked for last first
    List(list::ListFlags),
}

/// `insecure`: whether the global flag was given.
pub async fn run(command: &ImageCommand, insecure: bool, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        ImageCommand::Add(flags) => add::run(flags, insecure, settings).await,
        ImageCommand::List(flags) => list::run(flags, settings).await,
    }
}
