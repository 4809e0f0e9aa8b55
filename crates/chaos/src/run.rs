//! One run: start, publish, delete and strike, heal, wait until all is quiet, read back, judge.

mod acting;
mod quiet;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use self::acting::{Acted, act};
use self::quiet::{wait_until_outboxes_are_empty, wait_until_quiet};
use crate::checker::Verdict;
use crate::fault::Seconds;
use crate::outcome::Outcome;
use crate::run_log::RunLog;
use crate::schedule::Schedule;
use crate::script::Script;
use crate::settings::Settings;
use crate::stack::Stack;
use crate::stored_order;

/// When all is quiet, how long a service may take to say that it is ready.
const READY_WAIT: Duration = Duration::from_mins(2);
/// No `emit` may take longer, whatever happens to the bus, the store and the disk; a process that is stopped takes longer.
const EMIT_MAX: Duration = Duration::from_secs(20);
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// # Errors
/// What says nothing about the system: a server that cannot be started, a fault that cannot be made.
pub async fn run(settings: &Settings, prints: bool, keeps: bool) -> Result<Outcome> {
    let script = Script::draw(settings.seed, settings.shape, settings.length, settings.events);
    let schedule = Schedule::draw(settings.seed, settings.shape, settings.length, &settings.faults);
    if prints {
        println!("seed {}, shape {}, {}\n{script}{schedule}", settings.seed, settings.shape, Seconds(settings.length));
    }
    let mut stack = Stack::start(settings, &schedule).await?;
    let log = Arc::new(RunLog::open(&stack.directory().join("run.log"), prints)?);
    if let Some(broker) = &stack.broker {
        log.say(broker.describe_wires());
    }
    stack.start_emitters(settings, &schedule)?;
    let stack = Arc::new(stack);
    let result = watched(settings, &script, &schedule, &stack, &log).await;
    let is_bad = !result.as_ref().is_ok_and(Outcome::is_good);
    let mut kept = None;
    if keeps || is_bad {
        // Strikes of a run that broke off may still be under way.
        if let Some(mut stack) = Arc::into_inner(stack) {
            stack.keep()?;
            kept = Some(stack.directory().to_owned());
        }
    }
    if let (Err(_), Some(directory)) = (&result, &kept) {
        eprintln!("kept: {}", directory.display());
    }
    result.map(|outcome| Outcome { kept, ..outcome })
}

/// Judges a run during which what ends by itself is noticed, and started again.
async fn watched(
    settings: &Settings,
    script: &Script,
    schedule: &Schedule,
    stack: &Arc<Stack>,
    log: &Arc<RunLog>,
) -> Result<Outcome> {
    let deaths: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut watch = JoinSet::new();
    {
        let (stack, log, deaths) = (Arc::clone(stack), Arc::clone(log), Arc::clone(&deaths));
        watch.spawn(async move { stack.watch(&log, &deaths).await });
    }
    let judged = tokio::select! {
        outcome = judge(settings, script, schedule, stack, log) => outcome,
        ended = watch.join_next() => match ended {
            Some(Ok(Err(error))) => Err(error.context("the watch")),
            _ => Err(anyhow::anyhow!("the watch ended")),
        },
    };
    watch.shutdown().await;
    let mut outcome = judged?;
    outcome.defects.append(&mut deaths.lock().expect("nothing panics while it is held"));
    Ok(outcome)
}

async fn judge(
    settings: &Settings,
    script: &Script,
    schedule: &Schedule,
    stack: &Arc<Stack>,
    log: &Arc<RunLog>,
) -> Result<Outcome> {
    let Acted { history, published, emits, mut defects, healed } = act(settings, script, schedule, stack, log).await?;
    let (listing, is_quiet) = wait_until_quiet(settings, script, stack, &history, log).await?;
    let quiet_after = is_quiet.then(|| healed.elapsed());
    log.say(if is_quiet { "all is quiet" } else { "!! it did not become quiet" });
    if !is_quiet {
        defects.push("it did not become quiet after everything was whole again".to_owned());
    }
    for checked in [stack.wait_until_ready(READY_WAIT).await, wait_until_outboxes_are_empty(stack).await] {
        if let Err(error) = checked {
            defects.push(format!("after everything was whole again: {error:#}"));
        }
    }
    if emits.slowest > EMIT_MAX {
        defects.push(format!("an emit took {}", Seconds(emits.slowest)));
    }
    defects.extend(history.refusals.iter().cloned());

    let places = listing.events.iter().map(|event| (event.id, event.place)).collect();
    let late_by_source = stored_order::count_late(&stack.database_url()?, &places).await.context("the stored order")?;
    let is_emitted = |source: &usize| script.sources[*source].emitter.is_some();
    let names: Vec<String> = script.sources.iter().map(|source| source.name.clone()).collect();
    Ok(Outcome {
        settings: settings.clone(),
        tried: history.tried.values().sum(),
        durable: history.durable.len(),
        listed: listing.events.len(),
        foreign: listing.foreign,
        late: late_by_source.values().sum(),
        late_emitted: late_by_source.iter().filter(|(source, _)| is_emitted(source)).map(|(_, late)| late).sum(),
        deleted: history.deleted.len(),
        perhaps_deleted: history.perhaps_deleted.len() + history.perhaps_purged.len(),
        faults: schedule.strikes.len(),
        failed_calls: published.iter().map(|published| published.failures).sum(),
        failed_emits: emits.failed,
        slowest_publish: published.iter().map(|published| published.slowest).max().unwrap_or_default(),
        slowest_emit: emits.slowest,
        quiet_after,
        verdict: Verdict::of(&history, &listing.events, &names),
        defects,
        kept: None,
    })
}
