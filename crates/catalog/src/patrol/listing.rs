//! What a list of tags means, held against the tags that were there before.

use oci_registry::{Listing, RegistryFailure, TagName};
use tracing::{debug, info};

use super::Patrol;
use crate::concern::Concern;
use crate::meaning::Meaning;
use crate::metrics::ListingResult;
use crate::notices;
use crate::recurrence::Success;

/// Most tags that one listing finds new, or gone. The others are found by the next one: a registry that loses its list
/// for a moment must not make a flood that nobody can stop.
const CHANGES_PER_LISTING_MAX: usize = 1000;

impl Patrol {
    pub(super) async fn listed(&mut self, listing: Listing) {
        self.surroundings.metrics.count_listing(ListingResult::Worked);
        self.schedule.list_after(self.surroundings.repo_watcher);
        self.schedule.resume_lookups();
        self.listings += 1;
        let (tags, pages) = (listing.tags.len(), listing.pages);
        let repository = &self.post.watch.key.repository;
        match self.ailments.succeeded(&Concern::Listing) {
            Success::First => info!(%repository, tags, pages, "repository reachable, {tags} tags"),
            Success::Again(failing) => info!(
                %repository, tags, pages, since = %failing.since, failures = failing.failures,
                "repository reachable again, {tags} tags"
            ),
            Success::Still => debug!(%repository, tags, pages, "listed the tags of a repository"),
        }
        self.answered(tags).await;
        match self.known.as_ref().map(|known| known.seen_at.is_some()) {
            // Without what was there before, a list says nothing.
            None => {}
            Some(false) => self.seen_first(listing).await,
            Some(true) => self.compare(listing).await,
        }
    }

    pub(super) async fn not_listed(&mut self, failure: RegistryFailure) {
        self.surroundings.metrics.count_listing(ListingResult::Failed(failure.cause.code()));
        self.schedule.list_after(self.surroundings.repo_watcher);
        let key = self.post.watch.key.clone();
        self.failed(Concern::Listing, failure, |cause| notices::not_listed(&key, cause)).await;
    }

    /// What is there at the first sight was there before: it is noted, and no event. Each tag is looked up once, so that
    /// it is known when one changes.
    async fn seen_first(&mut self, listing: Listing) {
        let now = self.surroundings.clock.now();
        let (Some(tables), Some(known)) = (self.surroundings.gate.usable(), &mut self.known) else { return };
        match tables.record_first_sight(known.id, &listing.tags, now).await {
            Ok(true) => {
                known.seen_at = Some(now);
                known.tags = listing.tags.into_iter().map(|tag| (tag, Meaning::Unread)).collect();
                self.queue_pending();
            }
            Ok(false) => self.has_ended = true,
            // The next listing is as good as the first.
            Err(error) => self.database_failed(&error),
        }
    }

    async fn compare(&mut self, listing: Listing) {
        let Some(known) = &self.known else { return };
        let now = self.surroundings.clock.now();
        let gone: Vec<TagName> = known.tags.keys().filter(|tag| !listing.tags.contains(*tag)).cloned().collect();
        let new: Vec<TagName> = listing.tags.iter().filter(|tag| !known.tags.contains_key(*tag)).cloned().collect();
        self.missing.retain(|tag, _| listing.tags.contains(tag));
        self.not_before.retain(|tag, not_before| listing.tags.contains(tag) && *not_before > now);
        self.queue.retain(|tag| listing.tags.contains(tag));
        for tag in gone.into_iter().take(CHANGES_PER_LISTING_MAX) {
            self.record_gone(&tag).await;
        }
        for tag in new.into_iter().filter(|tag| !self.not_before.contains_key(tag)).take(CHANGES_PER_LISTING_MAX) {
            self.queue.push_urgent(tag);
        }
        // What was listed and not there, and is still listed.
        let missing: Vec<TagName> = self.missing.keys().cloned().collect();
        for tag in missing {
            self.queue.push(tag);
        }
        self.queue_pending();
    }

    fn queue_pending(&mut self) {
        let Some(known) = &self.known else { return };
        for (tag, _) in
            known.tags.iter().filter(|(tag, meaning)| meaning.is_unread() && !self.not_before.contains_key(*tag))
        {
            self.queue.push(tag.clone());
        }
    }
}
