//! Recording what became of a tag, together with what has to be told about it.

use bus::AnalysisJob;
use database::DatabaseError;
use emitter::Notice;
use event::EventId;
use oci_registry::{Digest, TagName};
use tracing::info;

use super::Patrol;
use crate::concern::Concern;
use crate::gate::REST;
use crate::lookup::NewManifest;
use crate::meaning::Meaning;
use crate::metrics::TagChange;
use crate::notices;
use crate::recurrence::Failing;
use crate::tables::{After, Recorded, TagRecord};
use crate::telling::Telling;

impl Patrol {
    /// The digest of a tag that was there at the first sight.
    pub(super) async fn record_seen(&mut self, tag: &TagName, digest: &Digest) {
        self.record(tag, After::Means(digest), None, &[]).await;
    }

    /// A tag is new, or means something new: an event, and a job where there is something to analyse.
    pub(super) async fn record_change(&mut self, tag: &TagName, manifest: &NewManifest) {
        if !self.is_seen_or_becomes_it().await {
            return;
        }
        let Some(known) = &self.known else { return };
        let (is_new, before) = match known.tags.get(tag) {
            None => (true, None),
            Some(before) => (false, before.digest()),
        };
        let key = &self.post.watch.key;
        let job = manifest.kind.is_analysable().then(|| AnalysisJob {
            id: EventId::generate(),
            account: key.account.clone(),
            repository: key.repository.to_string(),
            tag: Some(tag.to_string()),
            digest: Some(manifest.digest.to_string()),
            insecure: self.post.watch.insecure,
            requested_at: self.surroundings.clock.now(),
        });
        let Some(event) = self.prepare(notices::changed(key, tag, before, is_new, manifest, job.as_ref())) else {
            return;
        };
        let tellings: Vec<Telling> = [Some(event), job.map(Telling::Job)].into_iter().flatten().collect();
        if self.record(tag, After::Means(&manifest.digest), None, &tellings).await {
            let change = if is_new { TagChange::Added } else { TagChange::Updated };
            self.surroundings.metrics.count_change(change);
            info!(tag = %self.post.watch.key.tag_name(tag), digest = %manifest.digest, is_new, "a tag means something new");
        }
    }

    pub(super) async fn record_gone(&mut self, tag: &TagName) {
        let Some(known) = &self.known else { return };
        let Some(before) = known.tags.get(tag) else { return };
        let notice = notices::gone(&self.post.watch.key, tag, before.digest());
        let Some(event) = self.prepare(notice) else { return };
        if self.record(tag, After::Gone, None, &[event]).await {
            self.surroundings.metrics.count_change(TagChange::Deleted);
            info!(tag = %self.post.watch.key.tag_name(tag), "a tag is gone");
        }
    }

    /// A manifest cannot be used. What fails is told even where it cannot be kept.
    pub(super) async fn record_unusable(&mut self, tag: &TagName, after: After<'_>, failing: Failing, notice: Notice) {
        let now = self.surroundings.clock.now();
        let concern = Concern::Tag(tag.clone());
        let Some(telling) = self.prepare(notice) else { return };
        let failing = Failing { reported_at: Some(now), ..failing };
        let is_kept = self.is_seen_or_becomes_it().await
            && self.record(tag, after, Some(&failing), std::slice::from_ref(&telling)).await;
        if is_kept || self.tell_directly(&telling).await {
            self.ailments.told(&concern, now, is_kept);
        }
    }

    /// One tag that is watched has been seen when anything was found under it.
    async fn is_seen_or_becomes_it(&mut self) -> bool {
        let (Some(tables), Some(known)) = (self.surroundings.gate.usable(), &mut self.known) else { return false };
        if known.seen_at.is_some() {
            return true;
        }
        let now = self.surroundings.clock.now();
        match tables.record_first_sight(known.id, &std::collections::BTreeSet::new(), now).await {
            Ok(is_watched) => {
                known.seen_at = Some(now);
                self.has_ended = !is_watched;
                is_watched
            }
            Err(error) => {
                self.database_failed(&error);
                false
            }
        }
    }

    /// Returns whether it was recorded just now. What could not be is looked up again.
    async fn record(
        &mut self,
        tag: &TagName,
        after: After<'_>,
        failure: Option<&Failing>,
        tellings: &[Telling],
    ) -> bool {
        let now = self.surroundings.clock.now();
        let (Some(tables), Some(known)) = (self.surroundings.gate.usable(), &mut self.known) else {
            self.look_up_later(tag);
            return false;
        };
        let before = known.tags.get(tag);
        let record = TagRecord { watch_id: known.id, tag, before, after, failure, tellings };
        match tables.record_tag(&record, now).await {
            Ok(Recorded::Now) => {
                match after {
                    After::Same => {}
                    After::Means(digest) => drop(known.tags.insert(tag.clone(), Meaning::Digest(digest.clone()))),
                    After::Gone => drop(known.tags.remove(tag)),
                }
                if failure.is_none() {
                    self.ailments.forget(&Concern::Tag(tag.clone()));
                }
                self.surroundings.gate.works();
                self.surroundings.tell.notify_one();
                true
            }
            Ok(Recorded::Otherwise(actual)) => {
                match actual {
                    Some(meaning) => drop(known.tags.insert(tag.clone(), meaning)),
                    None => drop(known.tags.remove(tag)),
                }
                self.queue.push(tag.clone());
                false
            }
            Ok(Recorded::NotWatched) => {
                self.has_ended = true;
                false
            }
            Err(error) => {
                self.database_failed(&error);
                self.look_up_later(tag);
                false
            }
        }
    }

    /// What changed is told when it can be kept: until then the registry itself still has it.
    fn look_up_later(&mut self, tag: &TagName) {
        if self.is_single() {
            self.schedule.list_after(self.surroundings.repo_watcher);
        } else {
            self.queue.push(tag.clone());
            self.schedule.pause_lookups(Some(REST));
        }
    }

    pub(super) fn database_failed(&mut self, error: &DatabaseError) {
        self.surroundings.gate.fails(error);
        self.schedule.pause_lookups(Some(REST));
    }
}
