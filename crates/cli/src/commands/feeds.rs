//! `feeds ...`

mod list;
mod progress;
mod shown;
mod sync;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub enum FeedsCommand {
    /// List the groups of every feed, how old each is, and what came of its last sync
    List,
    /// Sync feeds now; admins only
    Sync(sync::SyncFlags),
}

pub async fn run(command: &FeedsCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        FeedsCommand::List => list::run(settings).await,
        FeedsCommand::Sync(flags) => sync::run(flags, settings).await,
    }
}
