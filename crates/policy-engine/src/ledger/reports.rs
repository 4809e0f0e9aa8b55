//! The rows of what is still to be told.

use std::time::Duration;

use event::{Details, EventId, Timestamp};
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use super::{Ledger, LedgerError, Report, time};
use crate::entity::reports;

/// What a process has not told for so long is told by others: it may be gone.
const ORPHANED_AFTER: Duration = Duration::from_mins(1);
/// Most rows that are read at once.
const BATCH_REPORTS: u64 = 100;
/// Rows in one INSERT.
const INSERT_ROWS_MAX: usize = 500;

/// A row, as far as it can be understood.
pub(crate) struct PendingReport {
    pub(crate) id: EventId,
    /// `None`: of a type that this release does not know.
    pub(crate) report: Option<Report>,
}

impl Ledger {
    /// Writes down what is to be told, as a part of what it tells about. What is there already is the same, written by a
    /// transaction that was repeated because nobody knew whether it had been committed.
    pub(super) async fn write(&self, reports: &[Report], transaction: &DatabaseTransaction) -> Result<(), LedgerError> {
        for chunk in reports.chunks(INSERT_ROWS_MAX) {
            let rows = chunk.iter().map(|report| reports::ActiveModel {
                id: Set(report.id.as_uuid()),
                teller: Set(self.teller),
                occurred_at: Set(report.occurred_at.as_micros()),
                event_type: Set(report.kind.name().to_owned()),
                resource_id: Set(report.resource_id.clone()),
                details: Set(report.details.as_json().to_owned()),
            });
            let known = OnConflict::column(reports::Column::Id).do_nothing().to_owned();
            reports::Entity::insert_many(rows).on_conflict(known).exec_without_returning(transaction).await?;
        }
        Ok(())
    }

    /// What this process has to tell, in the order in which it was written: its own, and what others have left behind.
    pub(crate) async fn pending(&self, now: Timestamp) -> Result<Vec<PendingReport>, LedgerError> {
        let own = reports::Column::Teller.eq(self.teller);
        let orphaned = reports::Column::OccurredAt.lt(now.minus(ORPHANED_AFTER).as_micros());
        let rows = reports::Entity::find()
            .filter(own.or(orphaned))
            .order_by_asc(reports::Column::Id)
            .limit(BATCH_REPORTS)
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().map(pending).collect())
    }

    /// Forgets what was told.
    pub(crate) async fn told(&self, ids: &[EventId]) -> Result<(), LedgerError> {
        if ids.is_empty() {
            return Ok(());
        }
        let transaction = self.begin().await?;
        let told = reports::Column::Id.is_in(ids.iter().map(|id| id.as_uuid()));
        reports::Entity::delete_many().filter(told).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

fn pending(row: reports::Model) -> PendingReport {
    let id = EventId::from(row.id);
    let report = event::lookup(&row.event_type).map(|kind| Report {
        id,
        occurred_at: time(row.occurred_at),
        kind,
        resource_id: row.resource_id,
        details: Details::stored(row.details),
    });
    PendingReport { id, report }
}
