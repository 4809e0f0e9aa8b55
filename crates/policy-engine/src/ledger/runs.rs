//! The rows of the runs: who syncs which feed, and whether it still lives.

use std::time::Duration;

use cause::{Cause, CauseCode};
use event::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::{Begun, Ledger, LedgerError, Report, time};
use crate::FeedName;
use crate::entity::{begun, groups, leases, runs};

/// A run that was not renewed for so long is dead.
pub(crate) const RUN_EXPIRES_AFTER: Duration = Duration::from_secs(30);
/// How often it is renewed.
pub(crate) const RUN_RENEWED_EVERY: Duration = Duration::from_secs(5);

/// A feed that is being synced by another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) feed: String,
    pub(crate) host: String,
    pub(crate) since: Timestamp,
}

/// What came of taking feeds.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) feeds: Vec<FeedName>,
    pub(crate) busy: Vec<Busy>,
}

impl Ledger {
    /// Begins a run over those of `wanted` that are free. With `all_or_none` it takes all of them or none; none taken is
    /// no run, and `report` is not told.
    pub(crate) async fn begin_run(
        &self,
        run: Uuid,
        wanted: &[FeedName],
        all_or_none: bool,
        report: &Report,
        now: Timestamp,
    ) -> Result<Taken, LedgerError> {
        let transaction = self.begin().await?;
        let row = runs::ActiveModel {
            id: Set(run),
            host: Set(self.host.clone()),
            started_at: Set(now.as_micros()),
            expires_at: Set(now.plus(RUN_EXPIRES_AFTER).as_micros()),
        };
        runs::Entity::insert(row).exec_without_returning(&transaction).await?;
        let mut taken = Taken { feeds: Vec::new(), busy: Vec::new() };
        for feed in wanted {
            let lease = leases::ActiveModel { feed: Set(feed.to_string()), run_id: Set(run) };
            let free = OnConflict::column(leases::Column::Feed).do_nothing().to_owned();
            match leases::Entity::insert(lease).on_conflict(free).exec_without_returning(&transaction).await? {
                0 => taken.busy.extend(holder(feed, &transaction).await?),
                _ => taken.feeds.push(feed.clone()),
            }
        }
        if taken.feeds.is_empty() || all_or_none && taken.feeds.len() < wanted.len() {
            transaction.rollback().await?;
            return Ok(Taken { feeds: Vec::new(), ..taken });
        }
        Self::note_begun(run, Begun::Run, &transaction).await?;
        self.write(std::slice::from_ref(report), &transaction).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    /// Says that a run lives.
    ///
    /// # Errors
    /// [`LedgerError::Lost`]: somebody has taken it for dead.
    pub(crate) async fn renew(&self, run: Uuid, now: Timestamp) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        self.hold(run, now, &transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes that a part of a run has begun.
    pub(crate) async fn begin_part(
        &self,
        run: Uuid,
        part: Begun<'_>,
        report: &Report,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        self.hold(run, now, &transaction).await?;
        Self::note_begun(run, part, &transaction).await?;
        self.write(std::slice::from_ref(report), &transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes that a feed of a run has ended.
    pub(crate) async fn end_feed(
        &self,
        run: Uuid,
        feed: &str,
        reports: &[Report],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        self.hold(run, now, &transaction).await?;
        Self::end(run, Begun::Feed(feed), &transaction).await?;
        leases::Entity::delete_many()
            .filter(leases::Column::Feed.eq(feed).and(leases::Column::RunId.eq(run)))
            .exec(&transaction)
            .await?;
        self.write(reports, &transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Ends a run.
    pub(crate) async fn end_run(&self, run: Uuid, report: &Report, now: Timestamp) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        self.hold(run, now, &transaction).await?;
        forget(run, &transaction).await?;
        self.write(std::slice::from_ref(report), &transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Ends a run in the middle: what it has begun has failed.
    pub(crate) async fn break_off(&self, run: Uuid, why: &Cause, now: Timestamp) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        self.hold(run, now, &transaction).await?;
        self.bury(run, why, now, &transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Tells of runs whose process has died that what they had begun has failed, and frees their feeds. Returns how many
    /// there were.
    pub(crate) async fn bury_dead(&self, now: Timestamp) -> Result<usize, LedgerError> {
        let is_dead = || runs::Column::ExpiresAt.lt(now.as_micros());
        let mut buried = 0;
        for run in runs::Entity::find().filter(is_dead()).all(self.database.reader()).await? {
            let transaction = self.begin().await?;
            // Of several replicas that find it, one gets to delete it. It may also have come back to life.
            let deleted = runs::Entity::delete_many()
                .filter(runs::Column::Id.eq(run.id).and(is_dead()))
                .exec(&transaction)
                .await?;
            if deleted.rows_affected == 1 {
                let (host, started_at) = (&run.host, time(run.started_at));
                let summary = format!("the process that had begun this sync on `{host}` at {started_at} has died");
                let hint = "The groups keep the state that they had, and are synced again. Look into the log of that \
                            process, and of its machine (out of memory?), for why it died.";
                let cause = Cause::new(CauseCode::Interrupted, summary, hint);
                self.bury(run.id, &cause, now, &transaction).await?;
                buried += 1;
            }
            transaction.commit().await?;
        }
        Ok(buried)
    }

    /// Who is syncing which feed now.
    pub(crate) async fn busy(&self) -> Result<Vec<Busy>, LedgerError> {
        let runs = runs::Entity::find().all(self.database.reader()).await?;
        let leases = leases::Entity::find().all(self.database.reader()).await?;
        let busy = |lease: leases::Model| {
            let run = runs.iter().find(|run| run.id == lease.run_id)?;
            Some(Busy { feed: lease.feed, host: run.host.clone(), since: time(run.started_at) })
        };
        Ok(leases.into_iter().filter_map(busy).collect())
    }

    /// Makes sure, for this transaction, that the run is still ours.
    pub(super) async fn hold(
        &self,
        run: Uuid,
        now: Timestamp,
        transaction: &DatabaseTransaction,
    ) -> Result<(), LedgerError> {
        let held = runs::Entity::update_many()
            .col_expr(runs::Column::ExpiresAt, Expr::value(now.plus(RUN_EXPIRES_AFTER).as_micros()))
            .filter(runs::Column::Id.eq(run))
            .exec(transaction)
            .await?;
        if held.rows_affected == 1 { Ok(()) } else { Err(LedgerError::Lost) }
    }

    async fn note_begun(run: Uuid, part: Begun<'_>, transaction: &DatabaseTransaction) -> Result<(), LedgerError> {
        let row = begun::ActiveModel {
            run_id: Set(run),
            begun: Set(part.kind().to_owned()),
            resource: Set(part.resource().to_owned()),
        };
        let columns = [begun::Column::RunId, begun::Column::Begun, begun::Column::Resource];
        let known = OnConflict::columns(columns).do_nothing().to_owned();
        begun::Entity::insert(row).on_conflict(known).exec_without_returning(transaction).await?;
        Ok(())
    }

    pub(super) async fn end(run: Uuid, part: Begun<'_>, transaction: &DatabaseTransaction) -> Result<(), LedgerError> {
        let key = (run, part.kind().to_owned(), part.resource().to_owned());
        begun::Entity::delete_by_id(key).exec(transaction).await?;
        Ok(())
    }

    /// Tells that everything a run has begun has failed, has its groups synced again, and forgets the run.
    async fn bury(
        &self,
        run: Uuid,
        why: &Cause,
        now: Timestamp,
        transaction: &DatabaseTransaction,
    ) -> Result<(), LedgerError> {
        let rows = begun::Entity::find().filter(begun::Column::RunId.eq(run)).all(transaction).await?;
        // What is inside ends first.
        for (begun, event_type) in [
            ("group", "system.feeds.sync.group_failed"),
            ("feed", "system.feeds.sync.feed_failed"),
            ("run", "feed_sync_fail"),
        ] {
            for row in rows.iter().filter(|row| row.begun == begun) {
                let resource = Some(row.resource.clone()).filter(|resource| !resource.is_empty());
                let report = Report::new(event_type, resource, why.clone().into_details(), now);
                self.write(&[report], transaction).await?;
            }
        }
        for row in rows.iter().filter(|row| row.begun == "group") {
            make_due(&row.resource, transaction).await?;
        }
        forget(run, transaction).await
    }
}

/// `group` is `feed/group`; the name of a feed has no slash.
async fn make_due(group: &str, transaction: &DatabaseTransaction) -> Result<(), LedgerError> {
    let (feed, name) = group.split_once('/').unwrap_or_default();
    groups::Entity::update_many()
        .col_expr(groups::Column::NextAt, Expr::value(None::<i64>))
        .filter(groups::Column::Feed.eq(feed).and(groups::Column::Name.eq(name)))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn forget(run: Uuid, transaction: &DatabaseTransaction) -> Result<(), LedgerError> {
    begun::Entity::delete_many().filter(begun::Column::RunId.eq(run)).exec(transaction).await?;
    leases::Entity::delete_many().filter(leases::Column::RunId.eq(run)).exec(transaction).await?;
    runs::Entity::delete_many().filter(runs::Column::Id.eq(run)).exec(transaction).await?;
    Ok(())
}

async fn holder(feed: &FeedName, transaction: &DatabaseTransaction) -> Result<Option<Busy>, LedgerError> {
    let Some(lease) = leases::Entity::find_by_id(feed.to_string()).one(transaction).await? else { return Ok(None) };
    let run = runs::Entity::find_by_id(lease.run_id).one(transaction).await?;
    Ok(run.map(|run| Busy { feed: feed.to_string(), host: run.host, since: time(run.started_at) }))
}
