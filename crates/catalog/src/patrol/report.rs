//! Telling that a watch fails, where that is news; and keeping what was told. What is kept the teller emits.

use std::sync::Arc;
use std::time::Duration;

use cause::{Cause, CauseCode};
use emitter::{EmitError, Notice};
use event::Timestamp;
use oci_registry::RegistryFailure;
use tracing::{debug, error, warn};

use super::Patrol;
use crate::concern::{Concern, Owner};
use crate::recurrence::Failing;
use crate::roster::LastCause;
use crate::telling::Telling;

/// How often the time of the last success is kept anew.
const SUCCESS_KEPT_EVERY: Duration = Duration::from_mins(5);

impl Patrol {
    /// Counts a failure of the watch as a whole, and tells it where it is news.
    pub(super) async fn failed(
        &mut self,
        concern: Concern,
        failure: RegistryFailure,
        notice: impl FnOnce(Cause) -> Notice,
    ) {
        let RegistryFailure { cause, http_status, .. } = failure;
        let now = self.surroundings.clock.now();
        let reminder_interval = self.surroundings.reminder_interval;
        let failing = self.ailments.failed(&concern, &cause, http_status, now).clone();
        // The same fault met in another respect is no news.
        let twin = if concern == Concern::Listing { Concern::Lookup } else { Concern::Listing };
        let is_told = self.ailments.is_told(&twin, failing.signature);
        let rate = Arc::clone(&self.rate);
        let mut rate = if cause.code() == CauseCode::RateLimited { Some(rate.lock_owned().await) } else { None };
        let registry_fails =
            rate.as_mut().map(|rate| rate.ailments.failed(&Concern::Rate, &cause, http_status, now).clone());
        let is_news = match &registry_fails {
            Some(failing) => failing.is_news(reminder_interval),
            None => failing.is_news(reminder_interval) && !is_told,
        };
        let (watch, code) = (self.post.watch.key.to_string(), cause.code());
        if !is_news {
            debug!(watch, cause.code = %code, since = %failing.since, failures = failing.failures, "a watch still fails");
            return;
        }
        warn!(
            watch, cause.code = %code, http_status, since = %failing.since, failures = failing.failures,
            "cannot {}: {}. {}", doing(&concern), failing.summary, failing.hint
        );
        let cause =
            cause.with_evidence("failing_since", failing.since.to_string()).with_evidence("failures", failing.failures);
        let Some(telling) = self.prepare(notice(cause)) else { return };
        let reported = |failing: Failing| Some(Failing { reported_at: Some(now), ..failing });
        let mut rows = Vec::new();
        if let Some(known) = &self.known {
            rows.push((Owner::Watch(known.id), concern.clone(), reported(failing)));
        }
        if let Some(failing) = registry_fails {
            rows.push((self.registry_owner(), Concern::Rate, reported(failing)));
        }
        let is_kept = self.known.is_some() && self.keep_failures(&rows, std::slice::from_ref(&telling)).await;
        if is_kept || self.tell_directly(&telling).await {
            self.ailments.told(&concern, now, is_kept);
            if let Some(rate) = &mut rate {
                rate.ailments.told(&Concern::Rate, now, is_kept);
            }
        }
    }

    /// The registry answered as it should, and has so many tags that are watched.
    pub(super) async fn answered(&mut self, tags: usize) {
        let now = self.surroundings.clock.now();
        if let Some(known) = &mut self.known {
            known.last_success_at = Some(now);
        }
        self.last_success = Some((now, tags));
        let rate = Arc::clone(&self.rate);
        let mut rate = rate.lock().await;
        if rate.answered(now) && self.keep_failures(&[(self.registry_owner(), Concern::Rate, None)], &[]).await {
            rate.ailments.forget(&Concern::Rate);
        }
    }

    /// The registry, as the account of the watch sees it.
    fn registry_owner(&self) -> Owner {
        let key = &self.post.watch.key;
        Owner::Registry(key.repository.registry().clone(), key.account.clone())
    }

    /// The event of a notice. One that is not valid is a defect of ours, which must not break the work.
    pub(super) fn prepare(&self, notice: Notice) -> Option<Telling> {
        let prepared = self.surroundings.emitter.prepare(notice);
        prepared.map(Telling::Event).inspect_err(|error| self.cannot_tell(error)).ok()
    }

    /// Without the database: what fails is told at once, under the ID that it would have had there.
    pub(super) async fn tell_directly(&self, telling: &Telling) -> bool {
        let Telling::Event(event) = telling else { return false };
        let published = self.surroundings.emitter.publish(event).await;
        published.inspect_err(|error| self.cannot_tell(error)).is_ok()
    }

    fn cannot_tell(&self, error: &EmitError) {
        error!(watch = %self.post.watch.key, error = error.chain(), "cannot report that a watch fails");
    }

    /// Keeps failures together with the events that tell of them, and wakes the teller. Returns whether everything is
    /// kept.
    async fn keep_failures(&mut self, rows: &[(Owner, Concern, Option<Failing>)], tellings: &[Telling]) -> bool {
        let Some(tables) = self.surroundings.gate.usable() else { return false };
        match tables.record_failures(rows, tellings).await {
            Ok(()) => {
                self.surroundings.gate.works();
                if !tellings.is_empty() {
                    self.surroundings.tell.notify_one();
                }
                true
            }
            Err(error) => {
                self.database_failed(&error);
                false
            }
        }
    }

    /// Keeps what has changed since it was last kept, and what lasts now and then.
    pub(super) async fn keep(&mut self) {
        let now = self.surroundings.clock.now();
        let Some(known) = self.known.as_ref().filter(|_| !self.has_ended) else { return };
        let id = known.id;
        let due = self.ailments.to_keep(now);
        if !due.is_empty() {
            let rows: Vec<_> = due.into_iter().map(|(concern, failing)| (Owner::Watch(id), concern, failing)).collect();
            if self.keep_failures(&rows, &[]).await {
                self.ailments.kept(rows.into_iter().map(|(_, concern, _)| concern), now);
            }
        }
        self.keep_success(now).await;
    }

    async fn keep_success(&mut self, now: Timestamp) {
        let (Some(tables), Some(known)) = (self.surroundings.gate.usable(), &mut self.known) else { return };
        let is_due = known.kept_at.is_none_or(|at| now >= at.plus(SUCCESS_KEPT_EVERY));
        let has_changed = known.last_success_at > known.kept_at || known.kept_at.is_none();
        if known.last_success_at.is_none() || !is_due || !has_changed {
            return;
        }
        match tables.note_success(known.id, known.last_success_at, known.swept_at).await {
            Ok(()) => known.kept_at = Some(now),
            Err(error) => self.database_failed(&error),
        }
    }

    /// What whoever asks is shown.
    pub(super) fn show_status(&self) {
        let cause = |concern: Concern, during: &'static str| {
            self.ailments.failing(&concern).map(|failing| LastCause {
                code: failing.signature.code,
                summary: failing.summary.clone(),
                hint: failing.hint.clone(),
                since: failing.since,
                failures: failing.failures,
                during,
            })
        };
        let last_cause = cause(Concern::Listing, "listing").or_else(|| cause(Concern::Lookup, "lookup"));
        let held_until = self.session.registry.held_until();
        self.post.change_status(|status| {
            status.last_cause = last_cause;
            status.held_until = held_until;
            if let Some(known) = &self.known {
                status.last_success_at = known.last_success_at;
                status.tags = known.seen_at.map(|_| known.tags.len());
                let pending = || known.tags.values().filter(|meaning| meaning.is_unread()).count();
                status.pending = known.seen_at.map(|_| pending());
            }
            if let Some((at, tags)) = self.last_success {
                status.last_success_at = Some(at);
                status.tags = Some(tags);
            }
        });
    }
}

/// What cannot be done, for the log.
fn doing(concern: &Concern) -> &'static str {
    match concern {
        Concern::Listing => "list the tags of a repository",
        Concern::Lookup | Concern::Tag(_) | Concern::Rate => "look up what a tag means",
    }
}
