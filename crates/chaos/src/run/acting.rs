//! Publishing, deleting and striking, and then making everything whole again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::ASK_INTERVAL;
use crate::deleting::Deleter;
use crate::door::Door;
use crate::history::{History, Place};
use crate::journal::JournalEntries;
use crate::patience::Patience;
use crate::publishing::{Published, Publisher};
use crate::run_log::RunLog;
use crate::schedule::Schedule;
use crate::script::Script;
use crate::settings::Settings;
use crate::shape::Shape;
use crate::stack::Stack;
use crate::striking::strike;
use crate::target::Target;

/// After everything is whole again, how long publishers and emitters may go on without a step.
const FINISH_WAIT: Duration = Duration::from_mins(1);

/// Everything that was done, and what was seen of it.
pub struct Acted {
    pub history: History,
    pub published: Vec<Published>,
    pub emits: Emits,
    pub defects: Vec<String>,
    /// When everything was whole again.
    pub healed: Instant,
}

#[derive(Default)]
pub struct Emits {
    pub failed: u64,
    pub slowest: Duration,
}

pub async fn act(
    settings: &Settings,
    script: &Script,
    schedule: &Schedule,
    stack: &Arc<Stack>,
    log: &Arc<RunLog>,
) -> Result<Acted> {
    let history: Arc<Mutex<History>> = Arc::default();
    let begun = Instant::now();
    let mut publishers = start_publishers(settings, script, stack, &history, begun)?;
    let stop_deleting = CancellationToken::new();
    let deleter = Deleter::new(script, source_doors(settings.shape, script, stack)?, Arc::clone(&history));
    let deleting = tokio::spawn(deleter.run(stop_deleting.clone()));

    // A task each: one that waits for a server to start must not delay the others.
    let mut strikes = JoinSet::new();
    for each in &schedule.strikes {
        let (stack, each, log) = (Arc::clone(stack), each.clone(), Arc::clone(log));
        strikes.spawn(async move { strike(&stack, each, &log).await });
    }
    while let Some(struck) = strikes.join_next().await {
        struck.context("a strike died")??;
    }
    sleep_until(begun + settings.length).await;
    stack.heal().await?;
    let healed = Instant::now();
    log.say("everything is whole again");

    let mut defects = Vec::new();
    let mut published = Vec::new();
    let mut patience = Patience::new(FINISH_WAIT);
    while !(publishers.is_empty() && emitters_are_done(script, stack)?) {
        let step = timeout(ASK_INTERVAL, publishers.join_next()).await;
        match step {
            Ok(Some(ended)) => published.push(ended.context("a publisher died")?),
            // Only emitters are waited for.
            Ok(None) => sleep(ASK_INTERVAL).await,
            Err(_) => {}
        }
        let done = durable_events(&history) + emitted_events(script, stack)?;
        patience.note(script.events().saturating_sub(done));
        if patience.is_over() {
            defects.push("publishers or emitters got stuck after everything was whole again".to_owned());
            break;
        }
    }
    publishers.shutdown().await;
    stop_deleting.cancel();
    deleting.await.context("the deleter died")?;
    log.say("everything is published");
    let mut history = Arc::into_inner(history).context("somebody still writes the history")?.into_inner()?;
    history.set_back = sources_set_back(script, schedule);
    let emits = read_journals(script, stack, &mut history)?;
    Ok(Acted { history, published, emits, defects, healed })
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

/// Those that publishers have been told are durable.
fn durable_events(history: &Mutex<History>) -> u64 {
    history.lock().expect("nothing panics while it is held").durable.len() as u64
}

/// Those that emitters have tried to emit.
fn emitted_events(script: &Script, stack: &Stack) -> Result<u64> {
    let mut emitted = 0;
    for source in &script.sources {
        if let Some(emitter) = source.emitter {
            emitted += JournalEntries::read(&stack.journal(emitter))?.tried(&source.name);
        }
    }
    Ok(emitted)
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

/// Sources that take their times from a clock that was set back.
fn sources_set_back(script: &Script, schedule: &Schedule) -> HashSet<usize> {
    let is_set_back = |emitter: Option<Target>| emitter.is_some_and(|emitter| schedule.sets_clock_of(emitter));
    let numbered = script.sources.iter().enumerate();
    numbered.filter(|(_, source)| is_set_back(source.emitter)).map(|(number, _)| number).collect()
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
