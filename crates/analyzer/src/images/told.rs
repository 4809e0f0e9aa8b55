//! Events that were committed with what they tell of, and wait to be emitted.

use database::DatabaseError;
use emitter::Notice;
use event::{Details, EventId, Timestamp};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use super::Images;
use crate::entity::{damaged, events};

/// An event whose identity and time are fixed, so that emitting it again is harmless.
#[derive(Debug, Clone)]
pub struct ToldEvent {
    pub id: EventId,
    pub occurred_at: Timestamp,
    pub notice: Notice,
}

impl ToldEvent {
    pub fn new(notice: Notice, occurred_at: Timestamp) -> Self {
        Self { id: EventId::generate(), occurred_at, notice }
    }
}

impl Images {
    /// Those that are still to be emitted, the oldest first.
    pub async fn untold(&self, limit: u64) -> Result<Vec<ToldEvent>, DatabaseError> {
        let query = events::Entity::find().order_by_asc(events::Column::Id).limit(limit);
        let rows = query.all(self.database.reader()).await?;
        rows.into_iter().map(told_event).collect()
    }

    /// Forgets events that were emitted.
    pub async fn forget(&self, ids: &[EventId]) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let ids = ids.iter().map(|id| id.as_uuid());
        events::Entity::delete_many().filter(events::Column::Id.is_in(ids)).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// Writes events down, to be emitted after `transaction`.
pub(super) async fn write(transaction: &DatabaseTransaction, events: Vec<ToldEvent>) -> Result<(), DatabaseError> {
    let rows = events.into_iter().map(|event| events::ActiveModel {
        id: Set(event.id.as_uuid()),
        occurred_at: Set(event.occurred_at.as_micros()),
        kind: Set(event.notice.kind.name().to_owned()),
        account: Set(event.notice.account.to_string()),
        resource_id: Set(event.notice.resource_id.unwrap_or_default()),
        // PostgreSQL keeps no U+0000 in a text, and JSON writes it as an escape anyway.
        details: Set(event.notice.details.as_json().to_owned()),
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        events::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

fn told_event(row: events::Model) -> Result<ToldEvent, DatabaseError> {
    let id = EventId::from(row.id);
    let damaged = |column: &str| damaged(&format!("event {id}"), column);
    Ok(ToldEvent {
        id,
        occurred_at: Timestamp::from_micros(row.occurred_at).ok_or_else(|| damaged("occurred_at"))?,
        notice: Notice {
            kind: event::lookup(&row.kind).ok_or_else(|| damaged("kind"))?,
            account: row.account.parse().map_err(|_| damaged("account"))?,
            resource_id: Some(row.resource_id).filter(|id| !id.is_empty()),
            details: Details::stored(row.details),
        },
    })
}
