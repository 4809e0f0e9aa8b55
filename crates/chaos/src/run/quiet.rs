//! Waiting until everything has come to rest.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::ASK_INTERVAL;
use crate::checker::missing;
use crate::door::Door;
use crate::history::History;
use crate::listing::{Known, Listing};
use crate::patience::Patience;
use crate::run_log::RunLog;
use crate::schedule::ACK_WAIT;
use crate::script::{ACCOUNTS, Script};
use crate::settings::Settings;
use crate::stack::Stack;
use crate::target::Target;

/// How long it may go on without a step until everything is listed, beyond the redelivery of what a killed replica held.
const QUIET_WAIT: Duration = Duration::from_mins(1);
/// How long an outbox waits for the store's confirmation before it sends again; and then the broker may have to
/// deliver twice.
const CONFIRM_WAIT: Duration = Duration::from_secs(30);
/// How long an outbox may go on without a step until it is empty.
const EMPTY_WAIT: Duration = Duration::from_mins(2);

/// Until everything that has to be listed is listed, and nothing waits to be delivered again: what is redelivered later
/// could still come twice, or come back.
pub async fn wait_until_quiet(
    settings: &Settings,
    script: &Script,
    stack: &Stack,
    history: &History,
    log: &RunLog,
) -> Result<(Listing, bool)> {
    let redelivery = if settings.shape.has_nats() { 2 * CONFIRM_WAIT + ACK_WAIT } else { Duration::ZERO };
    let mut patience = Patience::new(redelivery + QUIET_WAIT);
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
            Ok(listing) => {
                let missing = missing_events(history, listing);
                let backlog = backlog(stack).await;
                patience.note(missing + backlog.as_ref().map_or(u64::MAX - missing, |(left, _)| *left));
                match (missing, backlog) {
                    (0, Ok((0, _))) => String::new(),
                    (0, Ok((_, what))) => what,
                    (0, Err(error)) => format!("the broker does not tell its backlog: {error:#}"),
                    (missing, _) => format!("{missing} durable events are not listed yet"),
                }
            }
        };
        if waits != waits_for {
            log.say(if waits.is_empty() { "nothing is missing" } else { &waits });
            waits_for = waits;
        }
        match read {
            Ok(listing) if waits_for.is_empty() => return Ok((listing, true)),
            Ok(listing) if patience.is_over() => return Ok((listing, false)),
            Err(error) if patience.is_over() => return Err(error.context("after everything was whole again")),
            _ => sleep(ASK_INTERVAL).await,
        }
    }
}

fn missing_events(history: &History, listing: &Listing) -> u64 {
    let listed: HashSet<_> = listing.events.iter().map(|event| event.id).collect();
    missing(history, &listed).count() as u64
}

/// What the broker still has to do: how much, and what.
async fn backlog(stack: &Stack) -> Result<(u64, String)> {
    let Some(broker) = &stack.broker else { return Ok((0, String::new())) };
    let backlog = broker.backlog().await?;
    let what = format!("{} messages to deliver, {} to settle", backlog.pending, backlog.unsettled);
    Ok((backlog.pending + backlog.unsettled, what))
}

/// A message leaves its outbox when the store has confirmed it, so sooner or later all of them do.
pub async fn wait_until_outboxes_are_empty(stack: &Stack) -> Result<()> {
    let mut patience = Patience::new(EMPTY_WAIT);
    loop {
        let waiting = stack.waiting_in_outboxes().await?;
        patience.note(waiting);
        if waiting == 0 {
            return Ok(());
        }
        ensure!(!patience.is_over(), "{waiting} messages stay in the outboxes");
        sleep(ASK_INTERVAL).await;
    }
}
