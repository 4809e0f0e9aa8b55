//! The flags that stand before any command (contract 4.1), and the commands.

#![expect(clippy::doc_markdown, reason = "help is printed as it stands, and Markdown is not rendered there")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::event::EventCommand;
use crate::commands::feeds::FeedsCommand;
use crate::commands::image::ImageCommand;
use crate::commands::repo::RepoCommand;
use crate::commands::webhook::WebhookCommand;
use crate::failure::Failure;
use crate::output::Format;

/// Contract 4.2, and where to begin.
const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 refused, not found, or it failed; 2 a wrong flag, wrong credentials, or no server that answers.

Examples:
  anchore-cli event list --level error --since 2h
  anchore-cli event get 01a20515744072989a26c634b6e8ad92
  anchore-cli webhook why 01a20515744072989a26c634b6e8ad92 ops";

/// Command line client of the event log.
///
/// Credentials and the server come from flags, from the `default` section of the credentials file, or from the
/// environment, in this order.
#[derive(Debug, Parser)]
#[command(name = "anchore-cli", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    pub global: GlobalFlags,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Event operations.
    #[command(arg_required_else_help = true)]
    Event {
        #[command(subcommand)]
        command: Box<EventCommand>,
    },
    /// Feed operations: how the vulnerability feeds are, and syncing them now.
    #[command(arg_required_else_help = true)]
    Feeds {
        #[command(subcommand)]
        command: FeedsCommand,
    },
    /// Webhook operations: endpoints, what was sent to them, and why not.
    #[command(arg_required_else_help = true)]
    Webhook {
        #[command(subcommand)]
        command: Box<WebhookCommand>,
    },
    /// Image operations: queue one for analysis, list them.
    #[command(arg_required_else_help = true)]
    Image {
        #[command(subcommand)]
        command: Box<ImageCommand>,
    },
    /// Repository operations: watch repositories and tags, see how they are.
    #[command(arg_required_else_help = true)]
    Repo {
        #[command(subcommand)]
        command: Box<RepoCommand>,
    },
    /// Print a completion script for a shell, such as `source <(anchore-cli completions bash)`.
    Completions { shell: Shell },
}

impl Command {
    /// Whether errors go to standard error because the output is for programs.
    pub fn keeps_stdout_for_data(&self) -> bool {
        match self {
            Self::Event { command } => command.keeps_stdout_for_data(),
            Self::Feeds { .. }
            | Self::Image { .. }
            | Self::Repo { .. }
            | Self::Webhook { .. }
            | Self::Completions { .. } => false,
        }
    }
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// Credentials file [env: ANCHORE_CLI_CONFIG] [default: ~/.anchore/credentials.yaml].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// User name [env: ANCHORE_CLI_USER].
    #[arg(long = "u", global = true, value_name = "USER")]
    pub user: Option<String>,
    /// Password; other users of this machine can see flags, so prefer the variable [env: ANCHORE_CLI_PASS].
    #[arg(long = "p", global = true, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// The server; the path is not used [env: ANCHORE_CLI_URL] [default: http://localhost:8228/v1].
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Take any TLS certificate [env: ANCHORE_CLI_SSL_VERIFY=n].
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Print JSON, same as `-o json` [env: ANCHORE_CLI_JSON=y].
    #[arg(long, global = true)]
    pub json: bool,
    /// Form of the output.
    #[arg(short, long, global = true, value_name = "FORM")]
    pub output: Option<Format>,
    /// Say on standard error what is done [env: ANCHORE_CLI_DEBUG=y].
    #[arg(long, global = true)]
    pub debug: bool,
    /// Act for another account; admins only [env: ANCHORE_CLI_ACCOUNT].
    #[arg(long, global = true, value_name = "ACCOUNT")]
    pub as_account: Option<String>,
    /// Accepted so that scripts of old clients keep working; no command uses it.
    #[arg(long, global = true, hide = true)]
    pub api_version: Option<String>,
    /// Accepted so that scripts of old clients keep working; no command uses it.
    #[arg(long, global = true, hide = true)]
    pub hub_url: Option<String>,
}

impl GlobalFlags {
    /// The form asked for by a flag; `None` when no flag asks for one.
    pub fn format(&self) -> Option<Format> {
        self.output.or(self.json.then_some(Format::Json))
    }

    /// # Errors
    /// `--json` beside another `--output`.
    pub fn check(&self) -> Result<(), Failure> {
        match self.output {
            Some(output) if self.json && output != Format::Json => {
                Err(Failure::usage("--json and --output ask for different forms, expected one of them"))
            }
            _ => Ok(()),
        }
    }
}
