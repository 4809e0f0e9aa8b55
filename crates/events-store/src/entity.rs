//! The rows of the tables, and an event's way into a row and out again. sea-orm's entities stay in here.

use database::DatabaseError;
use event::{Details, Event, EventId, Resource, Source, StoredEvent, Timestamp, canonical_name};
use sea_orm::Set;

pub mod events {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub position: i64,
        pub occurred_at: i64,
        pub stored_at: i64,
        pub account: String,
        pub level: String,
        pub event_type: String,
        pub type_name: String,
        pub message: String,
        pub details: String,
        pub resource_type: Option<String>,
        pub resource_id: Option<String>,
        pub service: Option<String>,
        pub host_id: Option<String>,
        pub base_url: Option<String>,
        pub request_id: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod deleted_events {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deleted_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub deleted_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod dead_letters {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dead_letters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub put_aside_at: i64,
        pub subject: String,
        pub reason: String,
        pub payload: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod page_walks {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "page_walks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub list: Uuid,
        pub client: Uuid,
        pub below_position: i64,
        pub next_page: i64,
        pub page_occurred_at: Option<i64>,
        pub page_id: Option<Uuid>,
        pub next_occurred_at: i64,
        pub next_id: Uuid,
        pub touched_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod event_positions {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_positions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i16,
        pub next_position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The row of `event`, at `position`.
pub fn row(event: &Event, position: i64, stored_at: Timestamp) -> events::ActiveModel {
    events::ActiveModel {
        id: Set(event.id.as_uuid()),
        position: Set(position),
        occurred_at: Set(event.occurred_at.as_micros()),
        stored_at: Set(stored_at.as_micros()),
        account: Set(event.resource.account.to_string()),
        level: Set(event.level.as_str().to_owned()),
        event_type: Set(event.event_type.clone()),
        type_name: Set(canonical_name(&event.event_type)),
        message: Set(event.message.clone()),
        details: Set(event.details.as_json().to_owned()),
        resource_type: Set(event.resource.resource_type.clone()),
        resource_id: Set(event.resource.id.clone()),
        service: Set(event.source.service.clone()),
        host_id: Set(event.source.host_id.clone()),
        base_url: Set(event.source.base_url.clone()),
        request_id: Set(event.source.request_id.clone()),
    }
}

/// The event of a row.
///
/// # Errors
/// A row that we never wrote: somebody changed the table by hand.
pub fn stored_event(row: events::Model) -> Result<StoredEvent, DatabaseError> {
    let id = EventId::from(row.id);
    let damaged = |column: &str| DatabaseError::damaged(format!("event {id} has an invalid `{column}`"));
    Ok(StoredEvent {
        stored_at: Timestamp::from_micros(row.stored_at).ok_or_else(|| damaged("stored_at"))?,
        event: Event {
            id,
            event_type: row.event_type,
            level: row.level.parse().map_err(|_| damaged("level"))?,
            message: row.message,
            details: Details::stored(row.details),
            resource: Resource {
                account: row.account.parse().map_err(|_| damaged("account"))?,
                resource_type: row.resource_type,
                id: row.resource_id,
            },
            source: Source {
                service: row.service,
                host_id: row.host_id,
                base_url: row.base_url,
                request_id: row.request_id,
            },
            occurred_at: Timestamp::from_micros(row.occurred_at).ok_or_else(|| damaged("occurred_at"))?,
        },
    })
}
