//! The patrol over one watch: when to list its tags, when to look one up, and what is remembered in between. What comes
//! of a step is concluded in the modules below.

mod listing;
mod lookups;
mod memory;
mod recording;
mod report;
mod schedule;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use emitter::Emitter;
use event::{Clock, Timestamp};
use oci_registry::{Listing, Registry, RegistryFailure, Session, TagName, list};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::memory::Known;
use self::schedule::Schedule;
use crate::Config;
use crate::ailments::Ailments;
use crate::expectations::Expectations;
use crate::gate::Gate;
use crate::lookup::{Found, LookupFailure, look_up};
use crate::lookup_queue::LookupQueue;
use crate::meaning::Meaning;
use crate::metrics::Metrics;
use crate::rates::{Rates, SharedRate};
use crate::roster::Post;

/// How long the first turn waits for what was kept, so that a restart repeats nothing. Without a database the patrol
/// begins after that all the same.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

/// What all patrols share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) repo_watcher: Duration,
    pub(crate) image_watcher: Duration,
    pub(crate) reminder_interval: Duration,
    pub(crate) emitter: Emitter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) gate: Gate,
    pub(crate) rates: Rates,
    /// A place for each listing under way, wherever.
    pub(crate) listings: Arc<Semaphore>,
    /// Wakes the one who tells.
    pub(crate) tell: Arc<Notify>,
}

pub(crate) struct Patrol {
    post: Arc<Post>,
    session: Session,
    surroundings: Surroundings,
    /// How the registry treats the account of this watch.
    rate: SharedRate,
    /// `None` until it was read from the database.
    known: Option<Known>,
    ailments: Ailments,
    queue: LookupQueue,
    expectations: Expectations,
    schedule: Schedule,
    /// Listings that worked.
    listings: u64,
    /// Of the last time that it worked; here and not in `known`, because it works without a database, too.
    last_success: Option<(Timestamp, usize)>,
    /// Tags that were listed and not there, and the listing they were in: a tag may have been deleted in between.
    missing: HashMap<TagName, u64>,
    /// Tags whose manifest cannot be used, and when that is looked at again.
    not_before: HashMap<TagName, Timestamp>,
    /// The watch was deleted.
    has_ended: bool,
}

enum Step {
    List,
    LookUp(TagName),
}

/// What came of a step.
enum Outcome {
    Listed(Result<Listing, RegistryFailure>),
    LookedUp(TagName, Result<Found, LookupFailure>),
    HeldBack(Step),
}

impl Surroundings {
    pub(crate) fn new(config: &Config, emitter: Emitter, clock: Arc<dyn Clock>, metrics: Metrics, gate: Gate) -> Self {
        Self {
            repo_watcher: config.repo_watcher,
            image_watcher: config.image_watcher,
            reminder_interval: config.reminder_interval,
            emitter,
            clock,
            metrics,
            gate,
            rates: Rates::default(),
            listings: Arc::new(Semaphore::new(crate::LISTINGS_AT_ONCE_MAX)),
            tell: Arc::default(),
        }
    }
}

impl Patrol {
    pub(crate) fn new(post: Arc<Post>, registry: Arc<Registry>, surroundings: Surroundings) -> Self {
        let rate = surroundings.rates.of(&registry.name, &post.watch.key.account);
        let session = Session::new(registry, post.watch.repository());
        Self {
            post,
            session,
            surroundings,
            rate,
            known: None,
            ailments: Ailments::default(),
            queue: LookupQueue::default(),
            expectations: Expectations::default(),
            schedule: Schedule::default(),
            listings: 0,
            last_success: None,
            missing: HashMap::new(),
            not_before: HashMap::new(),
            has_ended: false,
        }
    }

    /// Goes round until told to stop, for the first time after `delay`. Steps of one watch never overlap. A request is
    /// given up at once when `stop` says so; what was found out is still recorded and told.
    pub(crate) async fn run(mut self, delay: Duration, stop: CancellationToken) {
        let opened = tokio::time::timeout(MEMORY_WAIT, self.surroundings.gate.opened());
        // A database that is away is no reason not to watch.
        if stop.run_until_cancelled(opened).await.is_none() {
            return;
        }
        self.schedule.begin(delay);
        while !self.has_ended {
            let Some(due) = stop.run_until_cancelled(self.next_step()).await else { return };
            let Some(outcome) = stop.run_until_cancelled(self.take(due)).await else { return };
            self.conclude(outcome).await;
        }
    }

    /// Waits until there is something to do.
    async fn next_step(&mut self) -> Step {
        loop {
            self.remember().await;
            self.heed_nudges();
            if let Some(step) = self.due(Instant::now()) {
                return step;
            }
            let wakes_at = self.schedule.wakes_at(!self.queue.is_empty());
            let wakes_at = self.expectations.next_at().map_or(wakes_at, |at| at.min(wakes_at));
            // Whether it is time or somebody nudges is found out above.
            let _ = tokio::time::timeout_at(wakes_at, self.post.wake.notified()).await;
        }
    }

    /// What a registry tells is looked at now, and again until it is so.
    fn heed_nudges(&mut self) {
        let nudges = self.post.take_nudges();
        let now = Instant::now();
        if nudges.lists {
            self.schedule.list_now_and_again();
        }
        for (tag, digest) in nudges.tags {
            self.expectations.expect(tag, digest, now);
        }
        for tag in self.expectations.take_due(now) {
            if self.is_single() {
                self.schedule.list_now();
            } else {
                self.queue.push_urgent(tag);
                self.schedule.resume_lookups();
            }
        }
    }

    fn due(&mut self, now: Instant) -> Option<Step> {
        if let Some(tag) = &self.post.watch.key.tag {
            return self.schedule.is_listing_due(now).then(|| Step::LookUp(tag.clone()));
        }
        if self.schedule.is_listing_due(now) {
            return Some(Step::List);
        }
        let known = self.known.as_ref()?;
        if known.seen_at.is_some() && self.schedule.begin_sweep(now, self.surroundings.image_watcher) {
            known.tags.keys().for_each(|tag| self.queue.push(tag.clone()));
            self.schedule.sweeping_since = Some(self.surroundings.clock.now());
        }
        if !self.schedule.may_look_up(now) {
            return None;
        }
        self.queue.pop().map(Step::LookUp)
    }

    /// The part of a step that waits for others.
    async fn take(&mut self, step: Step) -> Outcome {
        let registry = Arc::clone(&self.session.registry);
        // The registry's turn and its budget come first: waiting for them must not use up a place that another registry
        // could have.
        let _turn = registry.turns.acquire().await.expect("nobody closes the semaphore");
        if let Some(until) = registry.held_until() {
            debug!(registry = %registry.name, until = %until, "the registry wants no request before this time");
            return Outcome::HeldBack(step);
        }
        match step {
            Step::List => {
                registry.room().await;
                let _place = self.surroundings.listings.acquire().await.expect("nobody closes the semaphore");
                match list(&mut self.session).await {
                    Err(failure) if failure.is_held_back => Outcome::HeldBack(Step::List),
                    listed => Outcome::Listed(listed),
                }
            }
            Step::LookUp(tag) => {
                let known = self.known.as_ref().and_then(|known| known.tags.get(&tag));
                // What was there at the first sight is only noted.
                let wants_manifest = known.is_none_or(|meaning| !meaning.is_unread());
                let known = known.and_then(Meaning::digest);
                match look_up(&mut self.session, &tag, known, wants_manifest).await {
                    Err(LookupFailure { failure, .. }) if failure.is_held_back => Outcome::HeldBack(Step::LookUp(tag)),
                    found => Outcome::LookedUp(tag, found),
                }
            }
        }
    }

    /// The part of a step that is never broken off.
    async fn conclude(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::HeldBack(step) => self.held_back(step),
            Outcome::Listed(Ok(listing)) => self.listed(listing).await,
            Outcome::Listed(Err(failure)) => self.not_listed(failure).await,
            Outcome::LookedUp(tag, Ok(found)) => self.looked_up(tag, found).await,
            Outcome::LookedUp(tag, Err(failure)) => self.not_looked_up(tag, failure).await,
        }
        if self.schedule.sweeping_since.is_some() && self.queue.is_empty() {
            let since = self.schedule.sweeping_since.take();
            if let Some(known) = &mut self.known {
                known.swept_at = since;
                known.kept_at = None;
            }
        }
        self.keep().await;
        self.show_status();
    }

    fn held_back(&mut self, step: Step) {
        self.surroundings.metrics.count_held_back();
        let until = self.session.registry.held_until();
        let wait = until.map(|until| until.since(self.surroundings.clock.now())).unwrap_or_default();
        match step {
            Step::LookUp(tag) if !self.is_single() => {
                self.queue.push_urgent(tag);
                self.schedule.pause_lookups(Some(wait));
            }
            // The next cycle finds out whether it may.
            Step::LookUp(_) => self.schedule.list_after(wait.clamp(
                self.surroundings.repo_watcher,
                self.surroundings.image_watcher.max(self.surroundings.repo_watcher),
            )),
            Step::List => self.schedule.list_after(self.surroundings.repo_watcher),
        }
    }

    /// Whether only one tag is watched.
    fn is_single(&self) -> bool {
        self.post.watch.key.tag.is_some()
    }
}
