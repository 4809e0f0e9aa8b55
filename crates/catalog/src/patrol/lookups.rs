//! What it means that a tag was looked up, or could not be.

use std::time::Duration;

use oci_registry::{Digest, TagName};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Patrol;
use crate::concern::Concern;
use crate::lookup::{Found, LookupFailure};
use crate::meaning::Meaning;
use crate::metrics::LookupResult;
use crate::notices;
use crate::tables::After;

impl Patrol {
    pub(super) async fn looked_up(&mut self, tag: TagName, found: Found) {
        self.surroundings.metrics.count_lookup(LookupResult::Worked);
        self.lookups_work(usize::from(self.is_single())).await;
        self.missing.remove(&tag);
        self.not_before.remove(&tag);
        match found {
            Found::Same => debug!(tag = %self.post.watch.key.tag_name(&tag), "a tag means what it meant"),
            Found::Digest(digest) => self.record_seen(&tag, &digest).await,
            Found::Manifest(manifest) => self.record_change(&tag, &manifest).await,
        }
        let digest = self.known.as_ref().and_then(|known| known.tags.get(&tag)).and_then(Meaning::digest);
        self.expectations.looked_up(&tag, digest, Instant::now());
    }

    pub(super) async fn not_looked_up(&mut self, tag: TagName, failure: LookupFailure) {
        self.surroundings.metrics.count_lookup(LookupResult::Failed(failure.failure.cause.code()));
        if self.is_single() {
            self.schedule.list_after(self.surroundings.image_watcher);
        }
        if !failure.is_about_the_tag() {
            return self.lookups_fail(tag, failure).await;
        }
        let is_expected = self.expectations.contains(&tag);
        self.expectations.looked_up(&tag, None, Instant::now());
        let was_seen = self.known.as_ref().is_some_and(|known| known.seen_at.is_some());
        if !failure.is_not_found() {
            self.lookups_work(usize::from(self.is_single())).await;
            self.not_usable(&tag, failure).await;
        } else if !self.is_single() {
            self.lookups_work(0).await;
            // What a registry tells it has, it may not have yet.
            if !is_expected {
                self.listed_and_not_there(tag, failure).await;
            }
        } else if was_seen {
            // It was there, so it was deleted; and stays so until it is pushed again.
            self.lookups_work(0).await;
            self.record_gone(&tag).await;
        } else {
            self.lookups_fail(tag, failure).await;
        }
    }

    /// The way to the registry works.
    async fn lookups_work(&mut self, tags: usize) {
        self.ailments.succeeded(&Concern::Lookup);
        if self.is_single() {
            self.schedule.list_after(self.surroundings.image_watcher);
            self.answered(tags).await;
        }
    }

    /// The way to the registry does not work: no other tag is looked up before a listing has worked again.
    async fn lookups_fail(&mut self, tag: TagName, failure: LookupFailure) {
        let key = self.post.watch.key.clone();
        if !self.is_single() {
            self.queue.push(tag.clone());
            self.schedule.pause_lookups(None);
        }
        self.failed(Concern::Lookup, failure.failure, |cause| notices::not_looked_up(&key, &tag, cause)).await;
    }

    /// Between a listing and a lookup a tag may be deleted: only what is listed once more is a fault of the registry.
    async fn listed_and_not_there(&mut self, tag: TagName, failure: LookupFailure) {
        let listing = *self.missing.entry(tag.clone()).or_insert(self.listings);
        if listing == self.listings {
            debug!(tag = %self.post.watch.key.tag_name(&tag), "a listed tag is not there; it is listed again first");
        } else {
            self.not_usable(&tag, failure).await;
        }
    }

    /// The registry has a manifest that cannot be used, or lists a tag that has none.
    async fn not_usable(&mut self, tag: &TagName, failure: LookupFailure) {
        let LookupFailure { failure, digest } = failure;
        let now = self.surroundings.clock.now();
        // Not asked for again until it may have changed: a manifest too many every minute is a lot.
        let again_at = now.plus(self.surroundings.image_watcher.max(Duration::from_secs(1)));
        self.not_before.insert(tag.clone(), again_at);
        let cause = failure.cause;
        let concern = Concern::Tag(tag.clone());
        let failing = self.ailments.failed(&concern, &cause, failure.http_status, now).clone();
        // What will not change by itself is known by its digest, and is as it is until the tag means something else. A
        // damaged transfer is tried again.
        let after: Option<Digest> = digest.filter(|_| !cause.retryable());
        let is_other = after.is_some();
        let full_tag = self.post.watch.key.tag_name(tag);
        if !is_other && !failing.is_news(self.surroundings.reminder_interval) {
            debug!(tag = %full_tag, cause.code = %cause.code(), "a manifest still cannot be used");
            return;
        }
        warn!(
            tag = %full_tag, cause.code = %cause.code(), since = %failing.since, failures = failing.failures,
            "the manifest of a tag cannot be used: {}. {}", failing.summary, failing.hint
        );
        let cause = cause
            .with_evidence("digest", after.as_ref().map(Digest::as_str))
            .with_evidence("failing_since", failing.since.to_string())
            .with_evidence("failures", failing.failures);
        let notice = notices::not_usable(&self.post.watch.key, tag, cause);
        let after = after.as_ref().map_or(After::Same, After::Means);
        self.record_unusable(tag, after, failing, notice).await;
    }
}
