//! `repo ...`

mod add;
mod del;
mod get;
mod list;
mod shown;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub enum RepoCommand {
    /// Watch a repository, or one tag of it
    Add(add::AddFlags),
    /// List what is watched
    List(list::ListFlags),
    /// Get a watched repository and the tags that changed last
    Get(NameFlag),
    /// Watch a repository no longer
    #[command(alias = "delete")]
    Del(NameFlag),
}

#[derive(Debug, Args)]
pub struct NameFlag {
    /// Repository or tag, such as `registry.example.com:5000/team/app` or `alpine:3.20`
    #[arg(value_name = "REPO")]
    name: String,
}

/// `insecure`: whether the global flag was given.
pub async fn run(command: &RepoCommand, insecure: bool, settings: &Settings) -> Result<ExitCode, Failure> {
    match command {
        RepoCommand::Add(flags) => add::run(flags, insecure, settings).await,
        RepoCommand::List(flags) => list::run(flags, settings).await,
        RepoCommand::Get(flag) => get::run(flag, settings).await,
        RepoCommand::Del(flag) => del::run(flag, settings).await,
    }
}
