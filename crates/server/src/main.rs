//! `anchore-events`: the server. Any set of services in one process; which ones, which bus and which database is
//! configuration.
//!
//! A table of contents: flags, configuration, logging, then what was asked for. Relies on every service and adapter;
//! deliberately knows no rule of their business, and hides from each of them that there are others.

mod arguments;
mod bus;
mod check_config;
mod compose;
mod config;
mod dead_letters;
mod first_screen;
mod ground;
mod health;
mod migrate;
mod service_name;
mod version;

use std::process::ExitCode;

use clap::Parser;
use service::config::Environment;

use crate::arguments::{Arguments, Command};
use crate::config::Config;

/// A configuration that cannot be used (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The one provider in this program; libraries ask for the process's default.
    rustls::crypto::ring::default_provider().install_default().expect("nothing has installed another provider");
    let command = arguments.command();
    let loaded = Config::load(&arguments, Environment::of_process()).and_then(|(config, reading)| {
        if let Command::Run { services } = &command {
            config.check_services(services)?;
        }
        Ok((config, reading))
    });
    let (config, reading) = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprintln!("the configuration cannot be used:\n{problems}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    service::telemetry::start(config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("the runtime cannot be started")),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Run { services } => compose::run(config, reading, &services).await,
            Command::Migrate => migrate::migrate(&config).await,
            Command::DeadLetters { action } => dead_letters::act(&config, action).await,
            Command::Bus { action } => bus::act(&config, action).await,
            Command::CheckConfig => check_config::show(&config, &reading),
            Command::Health { service } => health::ask(&config, service).await,
        }
    });
    match result {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("failed: {error:#}");
    ExitCode::FAILURE
}
