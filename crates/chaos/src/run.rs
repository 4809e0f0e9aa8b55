//! One run: start, publish, delete and strike, heal, wait until all is quiet, read back, judge.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::checker::{Verdict, missing};
use crate::deleting::Deleter;
use crate::door::Door;
use crate::fault::Seconds;
use crate::history::{History, Place};
use crate::journal::JournalEntries;
use crate::listing::{Known, Listing};
use crate::publishing::{Published, Publisher};
use crate::run_log::RunLog;
use crate::schedule::{ACK_WAIT, Schedule};
use crate::script::{ACCOUNTS, Script};
use crate::settings::Settings;
use crate::shape::Shape;
use crate::stack::Stack;
use crate::target::Target;
use crate::{stored_order, striking};

/// After everything is whole again, how long publishers and emitters may take to finish.
const FINISH_WAIT: Duration = Duration::from_mins(1);
/// How long it may then take until everything is listed, beyond the redelivery of what a killed replica held.
const QUIET_WAIT: Duration = Duration::from_mins(1);
/// How long an outbox waits for the store's confirmation before it sends again; and then the broker may have to
/// deliver twice.
const CONFIRM_WAIT: Duration = Duration::from_secs(30);
/// When all is quiet, how long a service may take to say that it is ready.
const READY_WAIT: Duration = Duration::from_secs(30);
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// What a run has shown.
pub struct Outcome {
    pub settings: Settings,
    pub tried: u64,
    pub durable: usize,
    pub listed: usize,
    pub foreign: usize,
    /// Stored after a later event of their source. A figure and no finding: what is listed is in its own order.
    pub late: usize,
    /// Those that came through the one outbox of an emitter; a publisher of ours goes from door to door.
    pub late_emitted: usize,
    pub deleted: usize,
    pub perhaps_deleted: usize,
    pub faults: usize,
    pub failed_calls: u64,
    pub failed_emits: u64,
    pub slowest_publish: Duration,
    pub slowest_emit: Duration,
    /// From the healing until everything was listed and settled; `None` when that did not come.
    pub quiet_after: Option<Duration>,
    pub verdict: Verdict,
    /// What went wrong beside the events: processes that ended by themselves, answers that never should be.
    pub defects: Vec<String>,
    /// Where everything lies, if it was kept.
    pub kept: Option<std::path::PathBuf>,
}

impl Outcome {
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.defects.is_empty()
    }
}

/// # Errors
/// What says nothing about the system: a server that cannot be started, a fault that cannot be made.
pub async fn run(settings: &Settings, prints: bool, keeps: bool) -> Result<Outcome> {
    let script = Script::draw(settings.seed, settings.shape, settings.length, settings.events);
    let schedule = Schedule::draw(settings.seed, settings.shape, settings.length, &settings.faults);
    if prints {
        println!("seed {}, shape {}, {}\n{script}{schedule}", settings.seed, settings.shape, Seconds(settings.length));
    }
    let mut stack = Stack::start(settings, &schedule).await?;
    let log = RunLog::open(&stack.directory().join("run.log"), prints)?;
    let result = Run { settings, script, schedule, stack: &mut stack, log }.judge().await;
    let is_bad = !result.as_ref().is_ok_and(Outcome::is_good);
    let mut kept = None;
    if keeps || is_bad {
        stack.keep()?;
        kept = Some(stack.directory().to_owned());
    }
    if let (Err(_), Some(directory)) = (&result, &kept) {
        eprintln!("kept: {}", directory.display());
    }
    result.map(|outcome| Outcome { kept, ..outcome })
}

struct Run<'a> {
    settings: &'a Settings,
    script: Script,
    schedule: Schedule,
    stack: &'a mut Stack,
    log: RunLog,
}

impl Run<'_> {
    async fn judge(self) -> Result<Outcome> {
        let Self { settings, script, schedule, stack, log } = self;
        stack.start_emitters(settings, &schedule)?;
        let stack: &Stack = stack;
        let deaths = Mutex::default();
        let work = act(settings, &script, &schedule, stack, &log);
        let acted = tokio::select! {
            acted = work => acted?,
            watched = stack.watch(&log, &deaths) => {
                watched?;
                anyhow::bail!("the watch ended")
            }
        };
        let Acted { history, published, mut defects, listing, quiet_after, emits } = acted;
        defects.extend(deaths.into_inner().expect("nothing panics while it is held"));
        defects.extend(history.refusals.iter().cloned());
        let places = listing.events.iter().map(|event| (event.id, event.place)).collect();
        let late_by_source = stored_order::count_late(&stack.database_url()?, &places).await?;
        let late = late_by_source.values().sum();
        let is_emitted = |source: &usize| script.sources[*source].emitter.is_some();
        let late_emitted = late_by_source.iter().filter(|(source, _)| is_emitted(source)).map(|(_, late)| late).sum();
        let names: Vec<String> = script.sources.iter().map(|source| source.name.clone()).collect();
        let verdict = Verdict::of(&history, &listing.events, &names);
        Ok(Outcome {
            settings: settings.clone(),
            tried: history.tried.values().sum(),
            durable: history.durable.len(),
            listed: listing.events.len(),
            foreign: listing.foreign,
            late,
            late_emitted,
            deleted: history.deleted.len(),
            perhaps_deleted: history.perhaps_deleted.len() + history.perhaps_purged.len(),
            faults: schedule.strikes.len(),
            failed_calls: published.iter().map(|published| published.failures).sum(),
            failed_emits: emits.failed,
            slowest_publish: published.iter().map(|published| published.slowest).max().unwrap_or_default(),
            slowest_emit: emits.slowest,
            quiet_after,
            verdict,
            defects,
            kept: None,
        })
    }
}

/// Everything that was done and seen.
struct Acted {
    history: History,
    published: Vec<Published>,
    defects: Vec<String>,
    listing: Listing,
    quiet_after: Option<Duration>,
    emits: Emits,
}

#[derive(Default)]
struct Emits {
    failed: u64,
    slowest: Duration,
}

async fn act(settings: &Settings, script: &Script, schedule: &Schedule, stack: &Stack, log: &RunLog) -> Result<Acted> {
    let history: Arc<Mutex<History>> = Arc::default();
    let begun = Instant::now();
    let mut publishers = start_publishers(settings, script, stack, &history, begun)?;
    let stop_deleting = CancellationToken::new();
    let deleter = Deleter::new(script, source_doors(settings.shape, script, stack)?, Arc::clone(&history));
    let deleting = tokio::spawn(deleter.run(stop_deleting.clone()));

    let strikes = schedule.strikes.iter().map(|strike| striking::strike(stack, strike.clone(), log));
    futures::future::try_join_all(strikes).await?;
    tokio::time::sleep_until(begun + settings.length).await;
    stack.heal().await?;
    let healed = Instant::now();
    log.say("everything is whole again");

    let mut defects = Vec::new();
    let mut published = Vec::new();
    let finish = async {
        while let Some(ended) = publishers.join_next().await {
            published.push(ended.context("a publisher died")?);
        }
        while !emitters_are_done(script, stack)? {
            sleep(ASK_INTERVAL).await;
        }
        anyhow::Ok(())
    };
    match timeout(FINISH_WAIT, finish).await {
        Ok(result) => result?,
        Err(_) => {
            defects.push("publishers or emitters did not finish in time after everything was whole again".to_owned());
        }
    }
    publishers.shutdown().await;
    stop_deleting.cancel();
    deleting.await.context("the deleter died")?;
    log.say("everything is published");

    let mut history = Arc::into_inner(history).context("somebody still writes the history")?.into_inner()?;
    let emits = read_journals(script, stack, &mut history)?;
    let (listing, is_quiet) = wait_until_quiet(settings, script, stack, &history, log).await?;
    let quiet_after = is_quiet.then(|| healed.elapsed());
    log.say(if is_quiet { "all is quiet" } else { "!! it did not become quiet in time" });
    if let Err(error) = stack.wait_until_ready(READY_WAIT).await {
        defects.push(format!("after everything was whole again: {error:#}"));
    }
    if !is_quiet {
        defects.push("it did not become quiet in time after everything was whole again".to_owned());
    }
    Ok(Acted { history, published, defects, listing, quiet_after, emits })
}

fn start_publishers(
    settings: &Settings,
    script: &Script,
    stack: &Stack,
    history: &Arc<Mutex<History>>,
    begun: Instant,
) -> Result<JoinSet<Published>> {
    let mut publishers = JoinSet::new();
    // The same script again, because each publisher owns its part.
    let own = Script::draw(settings.seed, settings.shape, settings.length, settings.events);
    let doors = source_doors(settings.shape, script, stack)?;
    for ((number, source), doors) in own.sources.into_iter().enumerate().zip(doors) {
        if source.emitter.is_none() {
            let publisher =
                Publisher { seed: settings.seed, number, source, doors, history: Arc::clone(history), begun };
            publishers.spawn(publisher.run());
        }
    }
    Ok(publishers)
}

/// For each source, every door with the credentials of its account.
fn source_doors(shape: Shape, script: &Script, stack: &Stack) -> Result<Vec<Vec<Door>>> {
    let doors = |account| shape.doors().iter().map(|target| Door::new(stack.ports(*target).door, account)).collect();
    script.sources.iter().map(|source| doors(source.account)).collect()
}

fn emitters_are_done(script: &Script, stack: &Stack) -> Result<bool> {
    for source in &script.sources {
        let Some(emitter) = source.emitter else { continue };
        if JournalEntries::read(&stack.journal(emitter))?.tried(&source.name) < source.events() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_journals(script: &Script, stack: &Stack, history: &mut History) -> Result<Emits> {
    let mut emits = Emits::default();
    for (number, source) in script.sources.iter().enumerate() {
        let Some(emitter) = source.emitter else { continue };
        let mut entries = JournalEntries::read(&stack.journal(emitter))?;
        let Some(entries) = entries.sources.remove(&source.name) else { continue };
        history.tries(Place { source: number, sequence: entries.tried });
        let durable = entries.durable.into_iter();
        history.durable.extend(durable.map(|(id, sequence)| (id, Place { source: number, sequence })));
        emits.failed += entries.failed;
        emits.slowest = emits.slowest.max(entries.slowest);
    }
    Ok(emits)
}

/// Until everything that has to be listed is listed, and nothing waits to be delivered again: what is redelivered later
/// could still come twice, or come back.
async fn wait_until_quiet(
    settings: &Settings,
    script: &Script,
    stack: &Stack,
    history: &History,
    log: &RunLog,
) -> Result<(Listing, bool)> {
    let redelivery = if settings.shape.has_nats() { 2 * CONFIRM_WAIT + ACK_WAIT } else { Duration::ZERO };
    let deadline = Instant::now() + redelivery + QUIET_WAIT;
    let door = if settings.shape.has_nats() { Target::Store(1) } else { Target::Server };
    let known = Known::of(script);
    let mut waits_for = String::new();
    loop {
        let mut doors = Vec::new();
        for account in ACCOUNTS {
            doors.push((account, Door::new(stack.ports(door).door, account)?));
        }
        let read = Listing::read(&mut doors, &known).await;
        let waits = match &read {
            Err(error) => format!("the list cannot be read: {error:#}"),
            Ok(listing) => waits_for_what(stack, history, listing).await,
        };
        if waits != waits_for {
            log.say(if waits.is_empty() { "nothing is missing" } else { &waits });
            waits_for = waits;
        }
        match read {
            Ok(listing) if waits_for.is_empty() => return Ok((listing, true)),
            Ok(listing) if Instant::now() > deadline => return Ok((listing, false)),
            Err(error) if Instant::now() > deadline => return Err(error.context("after everything was whole again")),
            _ => sleep(ASK_INTERVAL).await,
        }
    }
}

/// Empty when there is nothing to wait for.
async fn waits_for_what(stack: &Stack, history: &History, listing: &Listing) -> String {
    let listed: HashSet<_> = listing.events.iter().map(|event| event.id).collect();
    let missing = missing(history, &listed).count();
    if missing > 0 {
        return format!("{missing} durable events are not listed yet");
    }
    match &stack.broker {
        None => String::new(),
        Some(broker) => match broker.backlog().await {
            Ok(backlog) if backlog.pending + backlog.unsettled == 0 => String::new(),
            Ok(backlog) => format!("{} messages to deliver, {} to settle", backlog.pending, backlog.unsettled),
            Err(error) => format!("the broker does not tell its backlog: {error:#}"),
        },
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quiet = self.quiet_after.map_or("never".to_owned(), |after| format!("after {}", Seconds(after)));
        writeln!(
            f,
            "  {} events tried, {} durable, {} listed, {} deleted, {} perhaps deleted, {} of others",
            self.tried, self.durable, self.listed, self.deleted, self.perhaps_deleted, self.foreign
        )?;
        writeln!(
            f,
            "  {} stored after a later event of their source, {} of them emitted",
            self.late, self.late_emitted
        )?;
        writeln!(
            f,
            "  {} faults; {} calls failed, slowest publication {}; {} emits failed, slowest emit {}; quiet {quiet}",
            self.faults,
            self.failed_calls,
            Seconds(self.slowest_publish),
            self.failed_emits,
            Seconds(self.slowest_emit),
        )?;
        write!(f, "{}", self.verdict)?;
        for defect in &self.defects {
            writeln!(f, "  defect: {defect}")?;
        }
        let verdict = if self.is_good() { "good" } else { "BAD" };
        writeln!(f, "verdict: {verdict}: {}, {} defects", self.verdict.summary(), self.defects.len())?;
        if let Some(directory) = &self.kept {
            writeln!(f, "kept: {}", directory.display())?;
        }
        if !self.is_good() {
            writeln!(f, "again: {}", self.settings)?;
        }
        Ok(())
    }
}
