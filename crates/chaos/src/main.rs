//! The fault campaign, `cargo xtask chaos`: seeded schedules of faults against real processes, publishers that record
//! what they were told is durable, and a checker that compares it with what the store lists.
//!
//! In reading order: [`script`] and [`schedule`] draw everything from the seed, [`stack`] starts the processes,
//! [`publishing`], [`emitting`] and [`deleting`] do the work, [`striking`] breaks it, [`run`] waits and reads back,
//! [`checker`] judges.
//!
//! Relies on `fixtures` for the servers and on the built `anchore-events`; links the emitter's side of the system, as
//! `server` composes it, for a producer whose events can be foretold. Deliberately knows nothing behind the doors of the
//! services.

mod arguments;
mod broker;
mod campaign;
mod checker;
mod config_file;
mod content;
mod deleting;
mod disk;
mod door;
mod emitting;
mod fault;
mod history;
mod http;
mod journal;
mod leash;
mod listing;
mod member;
mod network;
mod outcome;
mod own_clock;
mod patience;
mod port;
mod postgres;
mod process;
mod process_table;
mod proxy;
mod publishing;
mod random;
mod run;
mod run_directory;
mod run_log;
mod schedule;
mod script;
mod settings;
mod shape;
mod stack;
mod stored_order;
mod striking;
mod target;
mod turns;
mod uptime;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Task};

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    // The one provider in this program; libraries ask for the process's default.
    rustls::crypto::ring::default_provider().install_default().expect("nothing has installed another provider");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = runtime.expect("the runtime can be started");
    let result = runtime.block_on(async {
        match arguments.task.take() {
            Some(Task::Emit(emit)) => emitting::emit(emit).await.map(|()| ExitCode::SUCCESS),
            None => Ok(campaign::campaign(arguments.runs()?, arguments.parallel, arguments.keep).await),
        }
    });
    result.unwrap_or_else(|error| {
        eprintln!("failed: {error:#}");
        ExitCode::FAILURE
    })
}
