//! The tables as sea-orm sees them, and their rows as the crate does. Nothing of sea-orm leaves this file and
//! `images/`.

use database::DatabaseError;
use event::Timestamp;

use crate::images::{Failure, ImageRecord, State, Summary};

pub mod images {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "analyzer_images")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub account: String,
        pub repository: String,
        pub digest: Option<String>,
        pub insecure: bool,
        pub state: String,
        pub requested_at: i64,
        pub changed_at: i64,
        pub attempts: i64,
        pub deaths: i64,
        pub failures: i64,
        pub due_at: Option<i64>,
        pub lease: Option<Uuid>,
        pub summary: Option<String>,
        pub failure: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod image_tags {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "analyzer_image_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub image_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag: String,
        pub noted_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod jobs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "analyzer_jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub image_id: Uuid,
        pub accepted_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod events {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "analyzer_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub occurred_at: i64,
        pub kind: String,
        pub account: String,
        pub resource_id: String,
        pub details: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The image of a row and its tags.
///
/// # Errors
/// A row that we never wrote: somebody changed the table by hand.
pub fn image_record(row: images::Model, tags: Vec<String>) -> Result<ImageRecord, DatabaseError> {
    let id = row.id;
    let damaged = |column: &str| damaged(&format!("image {id}"), column);
    let time = |micros: i64, column: &str| Timestamp::from_micros(micros).ok_or_else(|| damaged(column));
    let json = |text: Option<String>| text.unwrap_or_else(|| "null".to_owned());
    Ok(ImageRecord {
        id: row.id.into(),
        account: row.account.parse().map_err(|_| damaged("account"))?,
        repository: row.repository.parse().map_err(|_| damaged("repository"))?,
        digest: row.digest.map(|text| text.parse().map_err(|_| damaged("digest"))).transpose()?,
        tags: tags.into_iter().map(|tag| tag.parse().map_err(|_| damaged("tag"))).collect::<Result<_, _>>()?,
        insecure: row.insecure,
        state: State::parse(&row.state).ok_or_else(|| damaged("state"))?,
        requested_at: time(row.requested_at, "requested_at")?,
        changed_at: time(row.changed_at, "changed_at")?,
        attempts: u32::try_from(row.attempts).map_err(|_| damaged("attempts"))?,
        failures: u32::try_from(row.failures).map_err(|_| damaged("failures"))?,
        due_at: row.due_at.map(|micros| time(micros, "due_at")).transpose()?,
        summary: serde_json::from_str::<Option<Summary>>(&json(row.summary)).map_err(|_| damaged("summary"))?,
        failure: serde_json::from_str::<Option<Failure>>(&json(row.failure)).map_err(|_| damaged("failure"))?,
    })
}

pub fn damaged(row: &str, column: &str) -> DatabaseError {
    DatabaseError::damaged(format!("{row} has an invalid `{column}`"))
}
