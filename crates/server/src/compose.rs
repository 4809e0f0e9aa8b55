//! Building and running the chosen services.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bus::EventPublisher;
use catalog::Catalog;
use emitter::Emitter;
use event::Source;
use events_store::EventsStore;
use gateway::{Gateway, Peer};
use outbox::Forwarder;
use service::config::Reading;
use service::door::{Door, DoorError};
use service::shutdown::Signals;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::first_screen::{self, Doors, Screen};
use crate::ground::{Buses, Ground};
use crate::service_name::ServiceName;

/// gRPC services that the store answers.
const STORE_ANSWERS: [&str; 1] = ["events.v1.EventService"];
/// How long the first screen waits for the services to be ready, so that its line can be pasted at once.
const FIRST_SCREEN_WAIT: Duration = Duration::from_secs(3);

/// Tasks of this process by name; the first one that fails ends them all.
type Tasks = JoinSet<(&'static str, anyhow::Result<()>)>;

/// Runs `services` (all, if none is named) until told to stop.
pub async fn run(config: Config, reading: Reading, services: &[ServiceName]) -> anyhow::Result<ExitCode> {
    let services = if services.is_empty() { ServiceName::ALL.to_vec() } else { services.to_vec() };
    warn_about(&config, &reading);
    let ground = Ground::open(&config, &services).await?;
    let stop = CancellationToken::new();
    let signals = Signals::listen().context("cannot listen for signals")?;
    let signals = tokio::spawn(signals.obey(stop.clone()));
    let mut tasks = Tasks::new();
    let doors = bind(&config, &ground, &services, &stop, &mut tasks).await?;
    wait_until_ready(&ground).await;
    let made_up_password = ground.made_up_password.as_ref();
    first_screen::print(&Screen { config: &config, services: &services, doors: &doors, made_up_password });

    let result = watch(&mut tasks, &stop).await;
    for file in &ground.buses.files {
        file.close().await;
    }
    signals.abort();
    info!("stopped");
    result.map(|()| ExitCode::SUCCESS)
}

/// Takes every port, then starts the services: what cannot be had ends the process before anything has begun.
async fn bind(
    config: &Config,
    ground: &Ground,
    services: &[ServiceName],
    stop: &CancellationToken,
    tasks: &mut Tasks,
) -> anyhow::Result<Doors> {
    let mut doors = Doors::default();
    let tls = config.tls.as_ref();
    let admin = Door::open(config.admin, tls).await.map_err(|error| at("admin", &error))?;
    doors.admin = Some(admin.address());

    let store = if services.contains(&ServiceName::EventsStore) {
        let store = bind_store(config, ground).await?;
        doors.events_store = Some(store.address());
        Some(store)
    } else {
        None
    };
    let gateway = if services.contains(&ServiceName::Gateway) {
        let peers = vec![store_peer(config, doors.events_store)?];
        let gateway = Gateway::bind(&config.gateway, tls, peers, ground.readiness.clone());
        let gateway = gateway.await.map_err(|gateway::GatewayError::Door(error)| at("services.gateway", &error))?;
        doors.gateway = Some(gateway.address());
        Some(gateway)
    } else {
        None
    };

    if let Some(store) = store {
        let (migrate, stop) = (config.migrate, stop.child_token());
        tasks.spawn(async move {
            let result = Box::pin(store.run(migrate, stop)).await;
            (events_store::SERVICE, result.map_err(|error| anyhow!(chain(&error))))
        });
    }
    if let Some(gateway) = gateway {
        let stop = stop.child_token();
        tasks.spawn(async move {
            gateway.run(stop).await;
            (gateway::SERVICE, Ok(()))
        });
    }
    if services.contains(&ServiceName::Catalog) {
        spawn_catalog(config, ground, stop, tasks)?;
    }
    spawn_forwarder(ground, stop, tasks);
    let router = service::admin::router(Arc::clone(&ground.metrics), ground.readiness.clone());
    let stop = stop.child_token();
    tasks.spawn(async move {
        admin.serve(router, stop).await;
        ("admin", Ok(()))
    });
    Ok(doors)
}

async fn bind_store(config: &Config, ground: &Ground) -> anyhow::Result<EventsStore> {
    let stands_on = events_store::Ground {
        database: ground.database.clone(),
        bus: ground.buses.bus.clone().context("the events-store needs a bus")?,
        notes: ground.buses.notes.clone(),
        log: ground.buses.log.clone().context("the events-store needs a bus")?,
        source: source(config, "events_store"),
        clock: Arc::clone(&ground.clock),
        accounts: ground.accounts.clone(),
        readiness: ground.readiness.clone(),
    };
    // Not held across the await: the registry is only needed to register.
    let mut registry = prometheus_client::registry::Registry::default();
    std::mem::swap(&mut registry, &mut ground.metrics.lock().expect("nothing panics while it is held"));
    let bound = EventsStore::bind(config.events_store.clone(), config.tls.as_ref(), stands_on, &mut registry).await;
    std::mem::swap(&mut registry, &mut ground.metrics.lock().expect("nothing panics while it is held"));
    bound.map_err(|error| match error {
        events_store::StoreError::Door(error) => at("services.events_store", &error),
        other => anyhow!(chain(&other)),
    })
}

/// The store as the gateway sees it: where the configuration says, else in this process or on this machine.
fn store_peer(config: &Config, own: Option<SocketAddr>) -> anyhow::Result<Peer> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let address = match (&config.events_store_url, own) {
        (Some(url), _) => url.clone(),
        (None, Some(own)) => format!("{scheme}://{}", reachable(own)).parse()?,
        (None, None) => format!("{scheme}://{}", SocketAddr::from(config.events_store.address)).parse()?,
    };
    match (&config.tls, own, &config.events_store_url) {
        (Some(tls), Some(_), None) => {
            let tls = service::own_tls::client(tls, &[b"h2"]).map_err(|error| at("services.gateway", &error))?;
            Ok(Peer::neighbour(events_store::SERVICE, &STORE_ANSWERS, address, tls))
        }
        _ => Peer::new(events_store::SERVICE, &STORE_ANSWERS, address).context("services.events_store.url"),
    }
}

/// An address to connect to: a door that is open to every address is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}

fn spawn_catalog(config: &Config, ground: &Ground, stop: &CancellationToken, tasks: &mut Tasks) -> anyhow::Result<()> {
    let log = ground.buses.log.clone().context("the catalog needs a bus")?;
    // It works whatever happens to the others; what it has to say waits in its log.
    ground.readiness.service(catalog::SERVICE, &[]);
    let emitter = Emitter::new(EventPublisher::new(log), Arc::clone(&ground.clock), source(config, "catalog"));
    let mut registry = ground.metrics.lock().expect("nothing panics while it is held");
    let metrics = catalog::Metrics::register(&mut registry);
    let catalog = Catalog::new(config.catalog.clone(), emitter, Arc::clone(&ground.clock), metrics)?;
    let stop = stop.child_token();
    tasks.spawn(async move {
        catalog.run(stop).await;
        (catalog::SERVICE, Ok(()))
    });
    Ok(())
}

/// With a bus elsewhere, what this process publishes goes there by way of its own log.
fn spawn_forwarder(ground: &Ground, stop: &CancellationToken, tasks: &mut Tasks) {
    let Buses { bus: Some(bus), log: Some(log), notes: Some(notes), .. } = &ground.buses else { return };
    let latch = ground.readiness.service(outbox::NAME, &[outbox::BUS]);
    let mut registry = ground.metrics.lock().expect("nothing panics while it is held");
    let metrics = outbox::Metrics::register(&mut registry);
    let (log, bus, notes) = (Arc::clone(log), Arc::clone(bus), Arc::clone(notes));
    let forwarding = Forwarder { log, bus, notes, latch, metrics }.run(stop.child_token());
    tasks.spawn(async move { (outbox::NAME, forwarding.await.map_err(|error| anyhow!(error.chain()))) });
}

/// Who emits, as events name it.
fn source(config: &Config, service: &str) -> Source {
    Source { service: Some(service.to_owned()), host_id: Some(config.host_id.clone()), ..Source::default() }
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

fn warn_about(config: &Config, reading: &Reading) {
    if !reading.ignored.is_empty() {
        warn!(keys = reading.ignored.join(", "), "these keys of older systems have no meaning here");
    }
    for setting in &config.later {
        warn!("{setting}");
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
