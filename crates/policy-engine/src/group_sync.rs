//! One sync of one group: what its feed has now, written beside what is in effect.

use std::time::Duration;

use cause::{Cause, CauseCode};
use event::Timestamp;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::FeedKind;
use crate::document::Document;
use crate::download::download;
use crate::ledger::{Compared, LedgerError, NewState, database_cause};
use crate::progress::GroupProgress;
use crate::providers;
use crate::record::{Reading, RecordSink, Skips};
use crate::refusal::SyncFailure;
use crate::source::{Packing, Source, Validators};
use crate::state::{Counts, GroupState};
use crate::syncer::Syncer;

mod changes;

/// Batches of records that wait for the database; the reading waits for them.
const BATCHES_WAITING_MAX: usize = 2;
/// One record of so many may be skipped; of more, it is the feed that is wrong.
const SKIPPED_SHARE: u64 = 100;
/// A group may lose this part of its records from one sync to the next, in percent.
const DROP_PERCENT_MAX: u64 = 20;
/// How often a feed that tells its changes is compared as a whole all the same: what is deleted there is not told.
const WHOLE_EVERY: Duration = Duration::from_hours(24);

/// The name of the document of a group that is one document.
const WHOLE_DOCUMENT: &str = "document";
const ARCHIVE: &str = "all.zip";

/// A group that is being synced.
pub(crate) struct GroupSync<'a> {
    pub(crate) syncer: &'a Syncer,
    pub(crate) source: &'a Source,
    pub(crate) before: &'a GroupState,
    pub(crate) progress: &'a GroupProgress,
    /// Whether somebody has said that the feed may lose records.
    pub(crate) accept_drop: bool,
}

/// What was found, and is ready to take effect.
pub(crate) struct Synced {
    pub(crate) state: NewState,
    pub(crate) counts: Counts,
    pub(crate) skipped: Vec<String>,
    /// How the feed was looked at.
    pub(crate) by: By,
}

/// How a feed was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The server said that nothing is new.
    Condition,
    /// Its list of changes.
    Changes,
    /// All of it.
    Whole,
}

/// Why there is nothing to take effect.
pub(crate) enum NotSynced {
    Failed(SyncFailure),
    /// Somebody else has told that this sync has failed.
    Lost,
}

impl From<SyncFailure> for NotSynced {
    fn from(failure: SyncFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Cause> for NotSynced {
    fn from(cause: Cause) -> Self {
        Self::Failed(cause.into())
    }
}

impl From<LedgerError> for NotSynced {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(error) => Self::Failed(database_cause(&error).into()),
            LedgerError::Lost => Self::Lost,
        }
    }
}

impl GroupSync<'_> {
    /// # Errors
    /// The group has to keep what it has.
    pub(crate) async fn work(&self) -> Result<Synced, NotSynced> {
        // What a sync that was killed has left behind.
        let keep = (self.before.generation > 0).then_some(self.before.generation);
        self.syncer.ledger.sweep(self.before.key, keep).await?;
        match self.source.feed.kind {
            FeedKind::AlpineSecdb | FeedKind::DebianTracker => self.whole(WHOLE_DOCUMENT, Packing::Gzip).await,
            FeedKind::Osv => match self.by_changes().await? {
                Some(synced) => Ok(synced),
                None => self.whole(ARCHIVE, Packing::AsItIs).await,
            },
        }
    }

    /// Compares the group with all of its feed.
    async fn whole(&self, name: &str, packing: Packing) -> Result<Synced, NotSynced> {
        let before = self.before;
        let url = self.source.url(&before.id.group, name);
        let answer = self.source.ask(&url, &before.id.group, self.validators(name), packing).await?;
        let Some(answer) = answer else { return Ok(self.unchanged(true)) };
        let (validators, url) = (Validators::of(answer.headers()), answer.url().to_string());
        let limits = &self.syncer.config.limits;
        let document = download(answer, &self.syncer.spool_directory, limits.download_bytes_max, self.progress).await?;
        let generation = self.syncer.ledger.new_generation(before.key).await?;
        let staged = self.stage(document, generation).await;
        let (compared, reading) = staged.map_err(|error| error.with_url(&url))?;
        self.judge(compared.records(), &reading.skips).map_err(|failure| failure.with_url(&url))?;
        let counts = Counts {
            added: compared.added,
            changed: compared.changed,
            withdrawn: before.records.saturating_sub(compared.unchanged + compared.changed),
            skipped: reading.skips.count,
        };
        // Where nothing is other than before, the old rows stay, and the new ones are swept.
        let is_change = counts.is_change() || before.generation == 0;
        let mut state = self.unchanged(true).state;
        state.generation = if is_change { generation } else { before.generation };
        state.records = compared.records();
        state.validators.insert(name.to_owned(), validators);
        state.newest = reading.newest;
        state.is_change = is_change;
        Ok(Synced { state, counts, skipped: reading.skips.named, by: By::Whole })
    }

    /// Reads a document on a thread of its own, and writes what it finds as it comes.
    async fn stage(&self, document: Document, generation: i64) -> Result<(Compared, Reading), NotSynced> {
        let (sender, mut batches) = mpsc::channel(BATCHES_WAITING_MAX);
        let mut sink = RecordSink::new(sender, self.syncer.config.limits.records_max);
        let (kind, group) = (self.source.feed.kind, self.before.id.group.clone());
        let reading = spawn_blocking(move || {
            providers::read(kind, &group, &document, &mut sink)?;
            sink.finish()
        });
        let (mut compared, mut doubles) = (Compared::default(), Skips::default());
        let generations = (self.before.generation, generation);
        self.progress.read(0);
        while let Some(batch) = batches.recv().await {
            compared.add(self.syncer.ledger.stage(self.before.key, generations, &batch, &mut doubles).await?);
            self.progress.read(batch.len() as u64);
        }
        let mut reading = reading.await.map_err(|panic| unreadable(&panic))??;
        reading.skips.merge(doubles);
        Ok((compared, reading))
    }

    /// Whether what was found is to be believed.
    fn judge(&self, records: u64, skips: &Skips) -> Result<(), SyncFailure> {
        if let Some(first) = &skips.first
            && skips.count * SKIPPED_SHARE > records + skips.count
        {
            let summary = format!(
                "{} of {} records cannot be taken, the first because: {}",
                skips.count,
                records + skips.count,
                first.summary()
            );
            let cause = Cause::new(first.code(), summary, first.hint());
            return Err(cause.with_evidence("skipped", skips.named.clone()).into());
        }
        if records == 0 {
            let hint = "Check the address of the feed. A group that is meant to have nothing is to be left out of \
                        services.policy_engine.feeds.";
            return Err(Cause::new(CauseCode::Implausible, "the feed has no records for this group", hint).into());
        }
        let before = self.before.records;
        if !self.accept_drop && records * 100 < before * (100 - DROP_PERCENT_MAX) {
            return Err(self.drop_refused(records));
        }
        Ok(())
    }

    fn drop_refused(&self, records: u64) -> SyncFailure {
        let GroupState { id, records: before, .. } = self.before;
        let percent = (before - records) * 100 / before;
        let summary = format!("the feed has {records} records where it had {before}: {percent} % are gone");
        let hint = format!(
            "More than {DROP_PERCENT_MAX} % at once is usually a mistake of the publisher. If it is none, take it over by \
             `anchore-cli feeds sync {id} --accept-drop`."
        );
        let cause = Cause::new(CauseCode::Implausible, summary, hint)
            .with_evidence("records_before", *before)
            .with_evidence("records_now", records);
        SyncFailure { is_drop: true, ..cause.into() }
    }

    /// The state that the group has, once more.
    fn unchanged(&self, is_whole: bool) -> Synced {
        let before = self.before;
        let state = NewState {
            generation: before.generation,
            records: before.records,
            validators: before.validators.clone(),
            newest: before.newest,
            is_whole,
            is_change: false,
            delta: None,
        };
        Synced { state, counts: Counts::default(), skipped: Vec::new(), by: By::Condition }
    }

    /// Those of a document, if what they stand for is in effect.
    fn validators(&self, document: &str) -> Option<&Validators> {
        self.before.validators.get(document).filter(|_| self.before.generation > 0)
    }

    /// Since when the feed's list of changes is worth reading; `None`: all of the feed is to be compared.
    fn changed_since(&self) -> Option<Timestamp> {
        let is_fresh = |at: Timestamp| self.syncer.clock.now().since(at) < WHOLE_EVERY;
        self.before.newest.filter(|_| self.before.generation > 0 && self.before.whole_at.is_some_and(is_fresh))
    }
}

impl NotSynced {
    fn with_url(self, url: &str) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(failure.with_url(url)),
            Self::Lost => Self::Lost,
        }
    }
}

impl SyncFailure {
    fn with_url(self, url: &str) -> Self {
        Self { cause: self.cause.with_evidence("url", url), ..self }
    }
}

/// The reading thread has died.
fn unreadable(panic: &tokio::task::JoinError) -> Cause {
    let hint = "This is a defect of this program: report it with the document at `url`.";
    Cause::new(CauseCode::Parse, "the document could not be read to its end", hint)
        .with_evidence("error", panic.to_string())
}
