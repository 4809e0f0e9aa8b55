//! An emitter's process, as `chaos emit`: real events through a real outbox, made by a script instead of by work.
//!
//! Composed as `server` composes the catalog: emitter, local log, forwarder, NATS. It is killed at any time and started
//! again; its journal tells where it was, and what `emit` has returned.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bus::{EventPublisher, Notes};
use bus_local::{LocalBus, LocalBusConfig};
use bus_nats::{NatsBus, NatsConfig, StreamConfig, TlsConfig};
use emitter::{Emitter, Notice};
use event::{Clock, Source, SystemClock, Timestamp};
use outbox::Forwarder;
use prometheus_client::registry::Registry;
use service::readiness::Readiness;
use service::telemetry::LogConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::content;
use crate::journal::{Journal, JournalEntries};
use crate::script::{Script, SourceScript};
use crate::shape::Shape;
use crate::stack::STREAM_BYTES_MAX;
use crate::target::Target;
use crate::uptime::uptime;

/// After a failed `emit`, the work that is reported on goes on for this long.
const WORK_AFTER_FAILURE: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub struct EmitArguments {
    #[arg(long)]
    pub seed: u64,
    #[arg(long)]
    pub shape: Shape,
    #[arg(long)]
    pub length_ms: u64,
    #[arg(long)]
    pub events: u64,
    /// Which emitter this is.
    #[arg(long)]
    pub number: u8,
    #[arg(long)]
    pub data_dir: PathBuf,
    #[arg(long)]
    pub journal: PathBuf,
    #[arg(long)]
    pub nats: Vec<String>,
    /// When the publishers began, in microseconds since the machine was started.
    #[arg(long)]
    pub begun_at: u64,
}

/// Emits what the script says, then stays for what is still in the outbox, until it is killed.
pub async fn emit(arguments: EmitArguments) -> Result<()> {
    service::telemetry::start(LogConfig::default());
    let length = Duration::from_millis(arguments.length_ms);
    let script = Script::draw(arguments.seed, arguments.shape, length, arguments.events);
    let entries = JournalEntries::read(&arguments.journal)?;
    let journal = Arc::new(Journal::open(&arguments.journal)?);
    let outbox = arguments.data_dir.join("outbox.db");
    let log = LocalBus::open(&outbox, LocalBusConfig::default()).await.map_err(|error| anyhow!(error.chain()))?;
    let mut tasks = JoinSet::new();
    start_forwarder(&arguments, Arc::clone(&log), &mut tasks).await?;
    let begun_at = Duration::from_micros(arguments.begun_at);
    for source in script.sources {
        if source.emitter != Some(Target::Emitter(arguments.number)) {
            continue;
        }
        let emitter = Emitter::new(EventPublisher::new(log.clone()), Arc::new(SlowClock), source_of(&source));
        let first = entries.tried(&source.name) + 1;
        let work = Work { seed: script.seed, source, emitter, journal: Arc::clone(&journal), begun_at, first };
        tasks.spawn(work.run());
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task died")??;
    }
    anyhow::bail!("the forwarder ended by itself")
}

async fn start_forwarder(arguments: &EmitArguments, log: Arc<LocalBus>, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    let config = NatsConfig {
        urls: arguments.nats.clone(),
        credentials_file: None,
        user: None,
        password: None,
        tls: TlsConfig::default(),
        stream: StreamConfig {
            replicas: usize::from(arguments.shape.nats_servers()),
            max_bytes: STREAM_BYTES_MAX,
            ..StreamConfig::default()
        },
    };
    let bus = NatsBus::connect(config).await.map_err(|error| anyhow!(error.chain()))?;
    let notes: Arc<dyn Notes> = bus.clone();
    let latch = Readiness::default().service(outbox::NAME, &[outbox::BUS]);
    let metrics = outbox::Metrics::register(&mut Registry::default());
    // Never cancelled: this process only ever ends by being killed.
    let forwarding = Forwarder { log, bus, notes, latch, metrics }.run(CancellationToken::new());
    tasks.spawn(async move { forwarding.await.map_err(|error| anyhow!(error.chain())) });
    Ok(())
}

fn source_of(source: &SourceScript) -> Source {
    Source { service: Some("catalog".to_owned()), host_id: Some(source.name.clone()), ..Source::default() }
}

/// One source: the only task that emits its events, so their order is that of the calls.
struct Work {
    seed: u64,
    source: SourceScript,
    emitter: Emitter,
    journal: Arc<Journal>,
    begun_at: Duration,
    /// What was tried before a restart is not tried again: it may be durable without the journal having been told.
    first: u64,
}

impl Work {
    async fn run(self) -> Result<()> {
        for burst in &self.source.bursts {
            if burst.first + burst.events <= self.first {
                continue;
            }
            tokio::time::sleep((self.begun_at + burst.at).saturating_sub(uptime()?)).await;
            for sequence in burst.sequences().filter(|sequence| *sequence >= self.first) {
                self.emit(sequence).await?;
            }
        }
        info!(source = self.source.name, "emitted everything");
        Ok(())
    }

    async fn emit(&self, sequence: u64) -> Result<()> {
        let source = &self.source.name;
        let notice = Notice {
            kind: event::lookup("list_tags_fail").context("the catalogue has this type")?,
            account: self.source.account.parse()?,
            resource_id: Some(content::part(sequence)),
            details: content::details(self.seed, source, sequence),
        };
        self.journal.tries(source, sequence)?;
        let begun = Instant::now();
        match self.emitter.emit(notice).await {
            Ok(id) => self.journal.is_durable(source, sequence, id, begun.elapsed())?,
            Err(error) => {
                self.journal.failed(source, sequence, begun.elapsed())?;
                warn!(source, sequence, error = error.chain(), "an event is lost to its emitter, and it knows");
                tokio::time::sleep(WORK_AFTER_FAILURE).await;
            }
        }
        Ok(())
    }
}

/// The machine's clock, ticking so slowly that many events have the same time.
struct SlowClock;

impl Clock for SlowClock {
    fn now(&self) -> Timestamp {
        let tick = i64::try_from(content::TICK.as_micros()).expect("a short time");
        let micros = SystemClock.now().as_micros();
        Timestamp::from_micros(micros - micros.rem_euclid(tick)).expect("as valid as what the machine says")
    }
}
