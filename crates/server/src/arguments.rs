//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use service::telemetry::LogFormat;

use crate::service_name::ServiceName;
use crate::version::VERSION;

const AFTER_HELP: &str = "\
Every setting can also be set from the environment: `bus.kind` by ANCHORE_EVENTS__BUS__KIND; config.yaml documents them \
all.

Exit codes: 0 done, or stopped in good order; 1 failed, not ready, or not found; 2 a wrong argument; 78 a wrong \
configuration.

Examples:
  anchore-events                                   everything in one process
  anchore-events run events-store --config c.yaml  one service
  anchore-events bus                               who is behind";

/// The event log for container security: what failed, why, since when.
#[derive(Debug, Parser)]
#[command(name = "anchore-events", version = VERSION.as_str(), disable_help_subcommand = true, max_term_width = 100)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The configuration file [default: ./config.yaml if present]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where the data lies; overrides `data_dir` of the configuration [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// How the log on standard error looks; overrides `log.format` of the configuration [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormatArgument>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run all services, or those named, until told to stop (the default)
    Run {
        /// The services to run; all of them if none is named
        #[arg(value_name = "SERVICE")]
        services: Vec<ServiceName>,
    },
    /// Bring the database schema up to date, and exit
    Migrate,
    /// Messages that could not be stored as events: look at them, try them again, or drop them
    DeadLetters {
        #[command(subcommand)]
        action: Option<DeadLettersAction>,
    },
    /// The log on this machine and the consumers of the bus: who is behind, and what was put aside
    Bus {
        #[command(subcommand)]
        action: Option<BusAction>,
    },
    /// Print the configuration as it was resolved, secrets masked; exit 78 with every problem named
    CheckConfig,
    /// Ask the running process whether it is ready, for container probes: exit 0 or 1
    Health {
        /// Only this service; all of the process if none is named
        #[arg(value_name = "SERVICE")]
        service: Option<ServiceName>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DeadLettersAction {
    /// List them, the oldest first (the default)
    List,
    /// Try again to store one as an event, and take it off the list
    Retry {
        /// Its ID, as listed
        id: String,
    },
    /// Take one off the list for good; what it held is lost
    Drop {
        /// Its ID, as listed
        id: String,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum BusAction {
    /// Show consumers, and messages that were put aside (the default)
    Show,
    /// Have a consumer forgotten whose service is gone for good, so that it holds nothing back
    Forget {
        /// Its name, as shown
        consumer: String,
    },
    /// Take messages that were put aside back, and send them
    Retry {
        /// Their IDs, as shown
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// Every one of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Drop messages that were put aside, for good; what they held is lost
    Drop {
        /// Their IDs, as shown
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormatArgument {
    Text,
    Json,
}

impl Arguments {
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Run { services: Vec::new() })
    }

    pub fn log_format(&self) -> Option<LogFormat> {
        self.log_format.map(|format| match format {
            LogFormatArgument::Text => LogFormat::Text,
            LogFormatArgument::Json => LogFormat::Json,
        })
    }
}
