//! Building and running the chosen services: all of them take their ports, and only then does any of them begin.

mod analyzer;
mod bound;
mod catalog;
mod events_store;
mod failed_log_ins;
mod gateway;
mod notifier;
mod outbox;
mod policy_engine;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use service::config::Reading;
use service::door::{Door, DoorError};
use service::shutdown::Signals;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::bound::{Bound, Tasks};
use crate::config::Config;
use crate::first_screen::{self, Doors, Screen};
use crate::ground::Ground;
use crate::service_name::ServiceName;

/// How long the first screen waits for the services to be ready, so that its line can be pasted at once.
const FIRST_SCREEN_WAIT: Duration = Duration::from_secs(3);

/// Runs `services` (all, if none is named) until told to stop.
pub async fn run(config: Config, reading: Reading, services: &[ServiceName]) -> anyhow::Result<ExitCode> {
    let services = if services.is_empty() { ServiceName::ALL.to_vec() } else { services.to_vec() };
    warn_about(&reading);
    let ground = Ground::open(&config, &services).await?;
    let stop = CancellationToken::new();
    let signals = Signals::listen().context("cannot listen for signals")?;
    let signals = tokio::spawn(signals.obey(stop.clone()));
    let mut tasks = Tasks::new();
    let doors = start(&config, &ground, &services, &stop, &mut tasks).await?;
    wait_until_ready(&ground).await;
    let made_up_password = ground.made_up_password.as_ref();
    first_screen::print(&Screen { config: &config, services: &services, doors: &doors, made_up_password });

    let result = watch(&mut tasks, &stop).await;
    ground.close().await;
    signals.abort();
    info!("stopped");
    result.map(|()| ExitCode::SUCCESS)
}

/// Takes every port, then starts the services: what cannot be had ends the process before anything has begun.
async fn start(
    config: &Config,
    ground: &Ground,
    services: &[ServiceName],
    stop: &CancellationToken,
    tasks: &mut Tasks,
) -> anyhow::Result<Doors> {
    let admin = Door::open(config.admin, config.tls.as_ref()).await.map_err(|error| at("admin", &error))?;
    let mut doors = Doors { admin: Some(admin.address()), ..Doors::default() };
    let mut bound = Vec::new();
    // In the order of their list, in which the gateway comes last: it needs to know where the others answer.
    for service in ServiceName::ALL.into_iter().filter(|service| services.contains(service)) {
        let taken = bind(service, config, ground, &doors).await?;
        doors.services.insert(service, taken.address);
        bound.push(taken);
    }
    for service in bound {
        service.spawn(stop, tasks);
    }
    outbox::spawn(ground, stop, tasks);
    failed_log_ins::spawn(ground, services, stop, tasks);
    let router = service::admin::router(Arc::clone(&ground.metrics), ground.readiness.clone());
    let stop = stop.child_token();
    tasks.spawn(async move {
        admin.serve(router, stop).await;
        ("admin", Ok(()))
    });
    Ok(doors)
}

async fn bind(service: ServiceName, config: &Config, ground: &Ground, doors: &Doors) -> anyhow::Result<Bound> {
    match service {
        ServiceName::Catalog => catalog::bind(config, ground).await,
        ServiceName::PolicyEngine => policy_engine::bind(config, ground).await,
        ServiceName::Analyzer => analyzer::bind(config, ground).await,
        ServiceName::EventsStore => events_store::bind(config, ground).await,
        ServiceName::Notifier => notifier::bind(config, ground).await,
        ServiceName::Gateway => gateway::bind(config, ground, doors).await,
    }
}

/// Until every task has ended. A task that fails, or ends without being told to, stops the others.
async fn watch(tasks: &mut Tasks, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let failure = match ended {
            Ok((_, Ok(()))) if stop.is_cancelled() => continue,
            Ok((name, Ok(()))) => anyhow!("{name} ended by itself"),
            Ok((name, Err(error))) => error.context(name),
            Err(panic) => anyhow!("a task died: {panic}"),
        };
        error!(error = format!("{failure:#}"), "stopping");
        stop.cancel();
        if result.is_ok() {
            result = Err(failure);
        }
    }
    result
}

async fn wait_until_ready(ground: &Ground) {
    let ready = async {
        let mut changes = ground.readiness.changes();
        let is_ready = |service| ground.readiness.reasons(service).is_some_and(|reasons| reasons.is_empty());
        while !ground.readiness.services().into_iter().all(is_ready) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // Whoever is not ready by then says why in the log.
    let _ = tokio::time::timeout(FIRST_SCREEN_WAIT, ready).await;
}

fn warn_about(reading: &Reading) {
    if !reading.ignored.is_empty() {
        warn!(keys = reading.ignored.join(", "), "these keys of older systems have no meaning here");
    }
}

/// Names the setting that a door was configured by.
fn at(section: &str, error: &DoorError) -> anyhow::Error {
    match error {
        DoorError::Listen { .. } => anyhow!("{section}.port: {}", chain(error)),
        DoorError::Pem { .. } | DoorError::Certificate(_) => anyhow!("tls: {}", chain(error)),
    }
}

/// The error and its causes in one line; a cause that its error has already said is left out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
