//! Looking at images.

use std::collections::HashMap;

use database::DatabaseError;
use event::{AccountName, EventId, Timestamp};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{ImageRecord, Images, State, tags_of};
use crate::entity::{image_record, image_tags, images, jobs};

impl Images {
    /// The image that `id` names: its own, or that of any job that asked for it.
    pub async fn get(&self, account: &AccountName, id: EventId) -> Result<Option<ImageRecord>, DatabaseError> {
        let reader = self.database.reader();
        // In one statement: an image may become a part of another at any moment.
        let of_job = Query::select()
            .column(jobs::Column::ImageId)
            .from(jobs::Entity)
            .and_where(jobs::Column::Id.eq(id.as_uuid()))
            .to_owned();
        let image = images::Entity::find()
            .filter(images::Column::Id.in_subquery(of_job))
            .filter(images::Column::Account.eq(account.as_str()))
            .one(reader)
            .await?;
        let Some(image) = image else { return Ok(None) };
        let tags = tags_of(reader, image.id).await?;
        image_record(image, tags).map(Some)
    }

    /// Up to `limit` images in one of `states` (any, if there are none), those asked for last first, after the place
    /// `after`.
    pub async fn list(
        &self,
        account: &AccountName,
        states: &[State],
        after: Option<(Timestamp, EventId)>,
        limit: u64,
    ) -> Result<Vec<ImageRecord>, DatabaseError> {
        use images::Column::{Account, Id, RequestedAt, State as StateColumn};
        let mut query = images::Entity::find().filter(Account.eq(account.as_str()));
        if !states.is_empty() {
            query = query.filter(StateColumn.is_in(states.iter().map(|state| state.as_str())));
        }
        if let Some((requested_at, id)) = after {
            let same_time = RequestedAt.eq(requested_at.as_micros()).and(Id.lt(id.as_uuid()));
            query = query.filter(Condition::any().add(RequestedAt.lt(requested_at.as_micros())).add(same_time));
        }
        let reader = self.database.reader();
        let rows = query.order_by_desc(RequestedAt).order_by_desc(Id).limit(limit).all(reader).await?;
        let ids = rows.iter().map(|row| row.id);
        let tags = image_tags::Entity::find()
            .filter(image_tags::Column::ImageId.is_in(ids))
            .order_by_asc(image_tags::Column::NotedAt)
            .order_by_asc(image_tags::Column::Tag)
            .all(reader)
            .await?;
        let mut tags_by_image: HashMap<_, Vec<String>> = HashMap::new();
        for row in tags {
            tags_by_image.entry(row.image_id).or_default().push(row.tag);
        }
        rows.into_iter()
            .map(|row| {
                let tags = tags_by_image.remove(&row.id).unwrap_or_default();
                image_record(row, tags)
            })
            .collect()
    }
}
