//! The events table: append, get, list, count, delete.

use database::{Database, DatabaseError};
use event::{AccountName, Event, EventId, Filter, StoredEvent, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, Set,
};

use crate::cursor::Cursor;
use crate::entity::{deleted_events, event_positions, events, row, stored_event};
use crate::page_walks::PageWalks;
use crate::selection::{after, newest_first, select};

/// Rows in one INSERT. SQLite is at its fastest around here, and both databases bound the values of a statement
/// (32 766 and 65 535; a row has 16).
const INSERT_ROWS_MAX: usize = 500;

/// The events of every account. Cheap to clone.
#[derive(Clone)]
pub struct EventsTable {
    database: Database,
}

/// A part of a purge: what was deleted, and where to go on.
#[derive(Debug)]
pub struct PurgedBatch {
    /// In the order of the list. Empty when nothing was left.
    pub deleted: Vec<EventId>,
    pub next: Option<Cursor>,
}

/// Where counting off events has led.
#[derive(Debug, PartialEq, Eq)]
pub enum Skipped {
    To(Option<Cursor>),
    BeyondTheEnd,
}

impl EventsTable {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The walks over numbered pages of these events.
    pub fn page_walks(&self) -> PageWalks {
        PageWalks::new(self.database.clone())
    }

    /// Inserts `events` in one transaction, in their order. Those already stored, and those that were deleted before,
    /// are skipped, so repeating a batch is safe.
    ///
    /// Returns how many are new (`0..=events.len()`).
    pub async fn append(&self, events: &[Event], stored_at: Timestamp) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let first_position = take_positions(&transaction, events.len()).await?;
        let mut appended = 0;
        for (position, chunk) in (first_position..).step_by(INSERT_ROWS_MAX).zip(events.chunks(INSERT_ROWS_MAX)) {
            let rows = (position..).zip(chunk).map(|(position, event)| row(event, position, stored_at));
            let known = OnConflict::column(events::Column::Id).do_nothing().to_owned();
            appended +=
                events::Entity::insert_many(rows).on_conflict(known).exec_without_returning(&transaction).await?;
        }
        appended -= take_out_deleted(&transaction, events).await?;
        transaction.commit().await?;
        Ok(appended)
    }

    /// Those of `ids` that are done with: stored, or deleted after they were.
    pub async fn known(&self, ids: &[EventId]) -> Result<Vec<EventId>, DatabaseError> {
        let ids = || ids.iter().map(|id| id.as_uuid());
        let stored = events::Entity::find().select_only().column(events::Column::Id);
        let stored = stored.filter(events::Column::Id.is_in(ids())).into_tuple::<uuid::Uuid>();
        let deleted = deleted_events::Entity::find().filter(deleted_events::Column::Id.is_in(ids()));
        let mut known: Vec<EventId> =
            stored.all(self.database.reader()).await?.into_iter().map(EventId::from).collect();
        known.extend(deleted.all(self.database.reader()).await?.into_iter().map(|row| EventId::from(row.id)));
        Ok(known)
    }

    pub async fn get(&self, account: &AccountName, id: EventId) -> Result<Option<StoredEvent>, DatabaseError> {
        let found = events::Entity::find_by_id(id.as_uuid())
            .filter(events::Column::Account.eq(account.as_str()))
            .one(self.database.reader())
            .await?;
        found.map(stored_event).transpose()
    }

    /// Up to `limit` events after `cursor`, newest first.
    pub async fn list(
        &self,
        filter: &Filter,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<Vec<StoredEvent>, DatabaseError> {
        let rows = after(newest_first(self.matching(filter)), cursor).limit(limit).all(self.database.reader()).await?;
        rows.into_iter().map(stored_event).collect()
    }

    /// The position that the next event will have: what is stored now is below it.
    pub async fn next_position(&self) -> Result<i64, DatabaseError> {
        let positions = event_positions::Entity::find_by_id(1_i16).one(self.database.reader()).await?;
        Ok(positions.ok_or_else(no_positions)?.next_position)
    }

    /// How many events match and are below `position`.
    pub async fn count(&self, filter: &Filter, below_position: i64) -> Result<u64, DatabaseError> {
        Ok(self.matching_below(filter, below_position).count(self.database.reader()).await?)
    }

    /// Up to `limit` of the events after `cursor` that match and are below `position`, newest first.
    pub async fn list_below(
        &self,
        filter: &Filter,
        below_position: i64,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<Vec<StoredEvent>, DatabaseError> {
        let rows = after(newest_first(self.matching_below(filter, below_position)), cursor)
            .limit(limit)
            .all(self.database.reader())
            .await?;
        rows.into_iter().map(stored_event).collect()
    }

    /// The place after the newest `count` events that match; `None` is the beginning of the list. The database counts
    /// along an index, so this costs more the deeper it is.
    pub async fn skip(&self, filter: &Filter, count: u64) -> Result<Skipped, DatabaseError> {
        let Some(offset) = count.checked_sub(1) else { return Ok(Skipped::To(None)) };
        // More than the databases count to.
        let Ok(_) = i64::try_from(offset) else { return Ok(Skipped::BeyondTheEnd) };
        let place = newest_first(self.matching(filter))
            .select_only()
            .columns([events::Column::Id, events::Column::OccurredAt])
            .offset(offset)
            .limit(1)
            .into_model::<Place>()
            .one(self.database.reader())
            .await?;
        match place {
            Some(place) => Ok(Skipped::To(Some(place.cursor()?))),
            None => Ok(Skipped::BeyondTheEnd),
        }
    }

    /// The oldest of the events that match and are below `position`.
    pub async fn oldest(&self, filter: &Filter, below_position: i64) -> Result<Option<StoredEvent>, DatabaseError> {
        let found = self
            .matching_below(filter, below_position)
            .order_by_asc(events::Column::OccurredAt)
            .order_by_asc(events::Column::Id)
            .one(self.database.reader())
            .await?;
        found.map(stored_event).transpose()
    }

    /// Deletes one event for good. Returns whether there was one.
    pub async fn delete(&self, account: &AccountName, id: EventId, now: Timestamp) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let deleted = events::Entity::delete_many()
            .filter(events::Column::Id.eq(id.as_uuid()))
            .filter(events::Column::Account.eq(account.as_str()))
            .exec(&transaction)
            .await?
            .rows_affected;
        if deleted > 0 {
            remember_deleted(&transaction, &[id], now).await?;
        }
        transaction.commit().await?;
        Ok(deleted > 0)
    }

    /// Deletes for good, in one transaction, up to `limit` events after `cursor` that match and are below `position`.
    ///
    /// A long purge is many of these, so that it never holds up the writer for long; each goes on where the one before
    /// ended instead of reading again what is gone.
    pub async fn purge_batch(
        &self,
        filter: &Filter,
        below_position: i64,
        cursor: Option<Cursor>,
        limit: u64,
        now: Timestamp,
    ) -> Result<PurgedBatch, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let rows = after(newest_first(self.matching_below(filter, below_position)), cursor)
            .select_only()
            .columns([events::Column::Id, events::Column::OccurredAt])
            .limit(limit)
            .into_model::<Place>()
            .all(&transaction)
            .await?;
        let deleted: Vec<EventId> = rows.iter().map(|place| place.id.into()).collect();
        let next = rows.last().map(Place::cursor).transpose()?;
        if !deleted.is_empty() {
            let ids = deleted.iter().map(|id| id.as_uuid());
            events::Entity::delete_many().filter(events::Column::Id.is_in(ids)).exec(&transaction).await?;
            remember_deleted(&transaction, &deleted, now).await?;
        }
        transaction.commit().await?;
        Ok(PurgedBatch { deleted, next })
    }

    /// Deletes up to `limit` events of any account that occurred before `time`. Returns how many.
    ///
    /// They are not remembered as deleted: one that is delivered again is older than the retention again.
    pub async fn expire_batch(&self, time: Timestamp, limit: u64) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let old = Query::select()
            .column(events::Column::Id)
            .from(events::Entity)
            .and_where(events::Column::OccurredAt.lt(time.as_micros()))
            .limit(limit)
            .to_owned();
        let expired =
            events::Entity::delete_many().filter(events::Column::Id.in_subquery(old)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(expired.rows_affected)
    }

    /// Forgets which events were deleted before `time`.
    pub async fn forget_deleted(&self, time: Timestamp) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let forgotten = deleted_events::Entity::delete_many()
            .filter(deleted_events::Column::DeletedAt.lt(time.as_micros()))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(forgotten.rows_affected)
    }

    fn matching(&self, filter: &Filter) -> Select<events::Entity> {
        events::Entity::find().filter(select(filter, self.database.is_sqlite()))
    }

    fn matching_below(&self, filter: &Filter, position: i64) -> Select<events::Entity> {
        self.matching(filter).filter(events::Column::Position.lt(position))
    }
}

#[derive(Debug, FromQueryResult)]
struct Place {
    id: uuid::Uuid,
    occurred_at: i64,
}

impl Place {
    fn cursor(&self) -> Result<Cursor, DatabaseError> {
        let invalid = || DatabaseError::damaged(format!("event {} has an invalid `occurred_at`", self.id));
        Ok(Cursor { occurred_at: Timestamp::from_micros(self.occurred_at).ok_or_else(invalid)?, id: self.id.into() })
    }
}

/// Takes `count` positions and returns the first. Other writers wait here until this transaction has ended.
async fn take_positions(transaction: &DatabaseTransaction, count: usize) -> Result<i64, DatabaseError> {
    let count = i64::try_from(count).expect("a batch has fewer than 2^63 events");
    let taken = event_positions::Entity::update_many()
        .col_expr(event_positions::Column::NextPosition, Expr::col(event_positions::Column::NextPosition).add(count))
        .filter(event_positions::Column::Id.eq(1))
        .exec_with_returning(transaction)
        .await?;
    let next = taken.first().ok_or_else(no_positions)?.next_position;
    Ok(next - count)
}

fn no_positions() -> DatabaseError {
    DatabaseError::damaged("the table `event_positions` has lost its row")
}

/// Takes out again those of `events` that were deleted before. Returns how many.
///
/// After the insertion, not before: an insertion waits for a transaction that is deleting the same event, and then
/// this statement sees what that one remembered. The other order would let the event slip in between.
async fn take_out_deleted(transaction: &DatabaseTransaction, events: &[Event]) -> Result<u64, DatabaseError> {
    let mut taken_out = 0;
    for chunk in events.chunks(INSERT_ROWS_MAX) {
        let ids: Vec<_> = chunk.iter().map(|event| event.id.as_uuid()).collect();
        let deleted = Query::select()
            .column(deleted_events::Column::Id)
            .from(deleted_events::Entity)
            .and_where(deleted_events::Column::Id.is_in(ids.iter().copied()))
            .to_owned();
        let result = events::Entity::delete_many()
            .filter(events::Column::Id.is_in(ids))
            .filter(events::Column::Id.in_subquery(deleted))
            .exec(transaction)
            .await?;
        taken_out += result.rows_affected;
    }
    Ok(taken_out)
}

async fn remember_deleted(
    connection: &impl ConnectionTrait,
    ids: &[EventId],
    deleted_at: Timestamp,
) -> Result<(), DatabaseError> {
    let rows = ids
        .iter()
        .map(|id| deleted_events::ActiveModel { id: Set(id.as_uuid()), deleted_at: Set(deleted_at.as_micros()) });
    let known = OnConflict::column(deleted_events::Column::Id).do_nothing().to_owned();
    deleted_events::Entity::insert_many(rows).on_conflict(known).exec_without_returning(connection).await?;
    Ok(())
}
