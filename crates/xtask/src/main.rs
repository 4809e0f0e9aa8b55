//! The developer's door: `cargo xtask test` sets up all that the tests need and runs them, `cargo xtask check` holds the
//! code against its rules; `.ci/run` calls both. `compose` and `chaos` break a running system.
//!
//! Relies on the programs that it starts. Deliberately knows no test, and nothing of the product.

mod engine;
mod run;
mod servers;
mod total;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::engine::Engine;
use crate::run::{Command, step};
use crate::total::Total;

/// The developer's door.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find or install the servers that the tests need, build the programs, run every test
    Test {
        /// Passed on to `cargo test`: `-p event`, a test's name, `-- --nocapture`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Format, lints and documentation, with warnings as errors
    Check,
    /// The test of docker-compose.yml alone: every fault to every container in turn, under load
    Compose,
    /// The fault campaign: break a running system by a seeded schedule, and count what it lost
    #[command(disable_help_flag = true)]
    Chaos {
        /// Passed on to `chaos`: `--seed N`, `--minutes M`, `--schedules K`; `--help` names them all
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test { arguments } => test(&arguments),
        Task::Check => check(),
        Task::Compose => compose(),
        Task::Chaos { arguments } => chaos(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &[String]) -> Result<()> {
    step("servers");
    servers::find_or_install()?;
    build_programs()?;
    step("tests");
    let scope: &[&str] = if arguments.is_empty() { &["--workspace"] } else { &[] };
    // One program after the other, each with its own summary; a failure in one does not hide the next.
    let mut total = Total::default();
    let command = Command::cargo(["test", "--locked", "--no-fail-fast"]).with(scope).with(arguments);
    let mut result = command.run_with_each_line(|line| total.add(line));
    if arguments.is_empty() {
        step("containers");
        match Engine::find_or_start() {
            Ok(_engine) => result = result.and(compose_test(&mut total)),
            Err(reason) => total.leave_out("the compose test (docker-compose.yml in containers)", &reason),
        }
    }
    println!("\n{total}");
    result
}

fn compose() -> Result<()> {
    step("containers");
    let _engine = Engine::find_or_start()?;
    build_programs()?;
    compose_test(&mut Total::default())
}

fn build_programs() -> Result<()> {
    step("programs");
    Command::cargo(["build", "--locked", "--package", "server", "--package", "cli", "--package", "demo"]).run()
}

/// By itself: it needs what a plain `cargo test` cannot count on.
fn compose_test(total: &mut Total) -> Result<()> {
    step("compose test");
    let test = ["test", "--locked", "--package", "acceptance", "--test", "it", "compose::"];
    // One stack after the other: a machine may be too small for two.
    let command = Command::cargo(test).with(&["--", "--ignored", "--nocapture", "--test-threads", "1"]);
    command.run_with_each_line(|line| total.add(line))
}

fn check() -> Result<()> {
    step("format");
    Command::cargo(["fmt", "--all", "--check"]).run()?;
    step("lints");
    let lints = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    Command::cargo(lints).run()?;
    step("documentation");
    let documentation = ["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"];
    Command::cargo(documentation).environment("RUSTDOCFLAGS", "--deny warnings").run()
}

fn chaos(arguments: &[String]) -> Result<()> {
    step("servers");
    servers::find_or_install()?;
    step("programs");
    Command::cargo(["build", "--locked", "--package", "server", "--package", "chaos"]).run()?;
    step("chaos");
    Command::cargo(["run", "--locked", "--quiet", "--package", "chaos", "--"]).with(arguments).run()
}
