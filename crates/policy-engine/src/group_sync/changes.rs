//! A group that is brought up to date by the list of its changes.

use std::collections::BTreeSet;

use http::StatusCode;
use tracing::info;

use super::{By, GroupSync, NotSynced, Synced};
use crate::budget::RECORD_BYTES_MAX;
use crate::ledger::Delta;
use crate::providers::osv::changes::{Change, Changes, read};
use crate::providers::osv::{Said, parse};
use crate::record::{Record, Skips, not_understood};
use crate::refusal::SyncFailure;
use crate::source::{Packing, Validators};
use crate::state::Counts;

const LIST: &str = "modified_id.csv";

/// What was found out about the records of a list of changes.
#[derive(Default)]
struct Found {
    records: Vec<Record>,
    gone: Vec<String>,
    skips: Skips,
}

impl GroupSync<'_> {
    /// `None` where all of the feed has to be compared: for the first time, once a day, or because the list does not
    /// help.
    pub(super) async fn by_changes(&self) -> Result<Option<Synced>, NotSynced> {
        let Some(since) = self.changed_since() else { return Ok(None) };
        let before = self.before;
        let url = self.source.url(&before.id.group, LIST);
        let asked = self.source.ask(&url, &before.id.group, self.validators(LIST), Packing::AsItIs).await;
        let mut answer = match asked {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(Some(self.unchanged(false))),
            // A mirror may have the archives only.
            Err(failure) if failure.http_status == Some(StatusCode::NOT_FOUND.as_u16()) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        self.progress.downloading(None);
        let validators = Validators::of(answer.headers());
        let (changes, bytes) =
            read(&mut answer, since).await.map_err(|cause| cause.with_evidence("url", url.as_str()))?;
        self.progress.downloaded(usize::try_from(bytes).unwrap_or(usize::MAX));
        let changes = match changes {
            Changes::Of(changes) => self.unknown(changes).await?,
            Changes::TooMany | Changes::Unordered => {
                info!(group = %before.id, "the list of changes does not help: comparing all of the group");
                return Ok(None);
            }
        };
        let newest = changes.iter().map(|change| change.modified).max();
        let mut synced = self.unchanged(false);
        synced.by = By::Changes;
        synced.state.newest = before.newest.max(newest);
        if !changes.is_empty() {
            let found = self.look_up(changes).await?;
            self.compare(found, &mut synced).await?;
        }
        synced.state.validators.insert(LIST.to_owned(), validators);
        Ok(Some(synced))
    }

    /// Those of `changes` that we do not have.
    async fn unknown(&self, changes: Vec<Change>) -> Result<Vec<Change>, NotSynced> {
        let ids: Vec<&str> = changes.iter().map(|change| change.id.as_str()).collect();
        let known = self.syncer.ledger.modified(self.before.key, self.before.generation, &ids).await?;
        let mut seen = BTreeSet::new();
        let is_unknown = |change: &Change| {
            seen.insert(change.id.clone()) && known.get(&change.id) != Some(&change.modified.as_micros())
        };
        Ok(changes.into_iter().filter(is_unknown).collect())
    }

    /// Asks for each record.
    async fn look_up(&self, changes: Vec<Change>) -> Result<Found, SyncFailure> {
        let mut found = Found::default();
        for Change { id, .. } in changes {
            let url = self.source.url(&self.before.id.group, &format!("{id}.json"));
            let answer = match self.source.ask(&url, &self.before.id.group, None, Packing::AsItIs).await {
                Ok(Some(answer)) => answer,
                Ok(None) => continue,
                Err(failure) if failure.http_status == Some(StatusCode::NOT_FOUND.as_u16()) => {
                    found.gone.push(id);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let body = answer.body(usize::try_from(RECORD_BYTES_MAX).unwrap_or(usize::MAX)).await?;
            self.progress.downloaded(body.len());
            self.progress.read(1);
            match parse(&body) {
                Ok(Said::Is(record)) if record.id == id => found.records.push(record),
                Ok(Said::Withdrawn { id: said, .. }) if said == id => found.gone.push(id),
                Ok(_) => found.skips.add(&id, not_understood("it has another ID than its address")),
                Err(problem) => found.skips.add(&id, not_understood(problem)),
            }
        }
        Ok(found)
    }

    async fn compare(&self, found: Found, synced: &mut Synced) -> Result<(), NotSynced> {
        let Found { records, gone, skips } = found;
        let before = self.before;
        let (delta, compared) = self.syncer.ledger.compare(before.key, before.generation, records, gone).await?;
        let Delta { withdrawn, .. } = &delta;
        synced.counts = Counts {
            added: compared.added,
            changed: compared.changed,
            withdrawn: withdrawn.len() as u64,
            skipped: skips.count,
        };
        let records = (before.records + compared.added).saturating_sub(withdrawn.len() as u64);
        self.judge(records, &skips)?;
        synced.state.records = records;
        synced.state.is_change = synced.counts.is_change();
        synced.state.delta = Some(delta);
        synced.skipped = skips.named;
        Ok(())
    }
}
