//! The analyzer's tables: images and their states. What is done and what is to be told of it are committed together, so
//! a process that dies in between neither forgets to tell nor tells twice.
//!
//! In reading order: [`accept`] takes a job in, [`work`] hands images to workers, [`conclude`] writes down what came of
//! it, [`told`] hands out the events, [`query`] answers.

mod accept;
mod conclude;
mod image_record;
mod query;
mod told;
mod work;

use database::{Database, DatabaseError};
use event::EventId;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

pub use self::accept::Job;
pub use self::conclude::Verdict;
pub use self::image_record::{Failure, ImageRecord, State, Summary};
pub use self::told::ToldEvent;
pub use self::work::{Claim, Claimed};
use crate::entity::{image_tags, images};

/// The images of every account. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    database: Database,
}

impl Images {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// The row of an image, which nobody else changes until the end of `transaction`.
async fn locked(transaction: &DatabaseTransaction, id: EventId) -> Result<Option<images::Model>, DatabaseError> {
    Ok(images::Entity::find_by_id(id.as_uuid()).lock_exclusive().one(transaction).await?)
}

/// The tags of an image, in the order in which they were noted.
async fn tags_of<C: ConnectionTrait>(connection: &C, id: sea_orm::prelude::Uuid) -> Result<Vec<String>, DatabaseError> {
    let tags = image_tags::Entity::find()
        .filter(image_tags::Column::ImageId.eq(id))
        .order_by_asc(image_tags::Column::NotedAt)
        .order_by_asc(image_tags::Column::Tag)
        .all(connection)
        .await?;
    Ok(tags.into_iter().map(|row| row.tag).collect())
}
