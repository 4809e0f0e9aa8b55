//! What was sent, for people: lists, one delivery with its attempts, and sending again.

use std::collections::BTreeMap;

use database::DatabaseError;
use event::{AccountName, EventId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use crate::deliveries::Deliveries;
use crate::delivery::{Attempt, Delivery, DeliveryStatus, attempt, delivery};
use crate::endpoint_key::EndpointKey;
use crate::entity::{attempts, deliveries};
use crate::selection::Selection;

/// Attempts that are shown of one delivery, the latest.
const ATTEMPTS_SHOWN_MAX: u64 = 100;
/// Deliveries sent again in one transaction.
const REDELIVER_ROWS_MAX: u64 = 1000;

/// What an endpoint has to do, and what was given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub waiting: u64,
    pub dead: u64,
    pub last_delivered_at: Option<Timestamp>,
}

impl Deliveries {
    /// Up to `limit` deliveries before the position `before`, the latest first.
    pub async fn list(
        &self,
        selection: &Selection,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let rows = deliveries::Entity::find()
            .filter(selection.condition(self.database.is_sqlite()))
            .filter(Condition::all().add_option(before.map(|before| deliveries::Column::Position.lt(before))))
            .order_by_desc(deliveries::Column::Position)
            .limit(limit)
            .all(self.database.reader())
            .await?;
        rows.into_iter().map(delivery).collect()
    }

    pub async fn get(&self, account: &AccountName, id: Uuid) -> Result<Option<Delivery>, DatabaseError> {
        let found = deliveries::Entity::find()
            .filter(deliveries::Column::Id.eq(id))
            .filter(deliveries::Column::Account.eq(account.as_str()))
            .one(self.database.reader())
            .await?;
        found.map(delivery).transpose()
    }

    pub async fn find(&self, endpoint: &EndpointKey, event: EventId) -> Result<Option<Delivery>, DatabaseError> {
        let found = deliveries::Entity::find()
            .filter(deliveries::Column::EventId.eq(event.as_uuid()))
            .filter(deliveries::Column::Endpoint.eq(endpoint.as_str()))
            .one(self.database.reader())
            .await?;
        found.map(delivery).transpose()
    }

    /// The attempts of a delivery, the latest at the end; of very many, the latest.
    pub async fn attempts(&self, delivery: &Delivery) -> Result<Vec<Attempt>, DatabaseError> {
        let rows = attempts::Entity::find()
            .filter(attempts::Column::Delivery.eq(delivery.position))
            .order_by_desc(attempts::Column::Number)
            .limit(ATTEMPTS_SHOWN_MAX)
            .all(self.database.reader())
            .await?;
        rows.into_iter().rev().map(attempt).collect()
    }

    /// Sends again, now, one that is not waiting already. `expires_at` is when it will be given up again. Returns
    /// whether there was one.
    pub async fn redeliver_one(
        &self,
        delivery: &Delivery,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let again = again(expires_at, now)
            .filter(deliveries::Column::Position.eq(delivery.position))
            .filter(deliveries::Column::Status.ne(DeliveryStatus::Pending.as_str()))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(again.rows_affected > 0)
    }

    /// Sends again, in one transaction, some of what is selected and not waiting already, the oldest first, after
    /// position `after`. Returns how many, and where to go on; `None` at the end.
    pub async fn redeliver_batch(
        &self,
        selection: &Selection,
        endpoint: &EndpointKey,
        after: i64,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(u64, Option<i64>), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let selection = Selection { endpoint: Some(endpoint.clone()), ..selection.clone() };
        let positions: Vec<i64> = deliveries::Entity::find()
            .filter(selection.condition(self.database.is_sqlite()))
            .filter(deliveries::Column::Status.ne(DeliveryStatus::Pending.as_str()))
            .filter(deliveries::Column::Position.gt(after))
            .order_by_asc(deliveries::Column::Position)
            .limit(REDELIVER_ROWS_MAX)
            .select_only()
            .column(deliveries::Column::Position)
            .into_tuple()
            .all(&transaction)
            .await?;
        let last = positions.last().copied();
        if !positions.is_empty() {
            let those = deliveries::Column::Position.is_in(positions.iter().copied());
            again(expires_at, now).filter(those).exec(&transaction).await?;
        }
        transaction.commit().await?;
        let count = positions.len() as u64;
        Ok((count, last.filter(|_| count == REDELIVER_ROWS_MAX)))
    }

    /// What each of `endpoints` has to do and has given up; of events of one account, if one is given.
    pub async fn counts(
        &self,
        endpoints: &[EndpointKey],
        account: Option<&AccountName>,
    ) -> Result<BTreeMap<EndpointKey, Counts>, DatabaseError> {
        #[derive(FromQueryResult)]
        struct Row {
            endpoint: String,
            status: String,
            count: i64,
        }
        let keys = endpoints.iter().map(EndpointKey::as_str);
        let of_account = account.map(|account| deliveries::Column::Account.eq(account.as_str()));
        // What was delivered is not counted: that would take the longer the more there is of it.
        let rows = deliveries::Entity::find()
            .filter(deliveries::Column::Endpoint.is_in(keys))
            .filter(deliveries::Column::Status.ne(DeliveryStatus::Delivered.as_str()))
            .filter(Condition::all().add_option(of_account.clone()))
            .select_only()
            .column(deliveries::Column::Endpoint)
            .column(deliveries::Column::Status)
            .column_as(deliveries::Column::Position.count(), "count")
            .group_by(deliveries::Column::Endpoint)
            .group_by(deliveries::Column::Status)
            .into_model::<Row>()
            .all(self.database.reader())
            .await?;
        let mut counts: BTreeMap<EndpointKey, Counts> = BTreeMap::new();
        for row in rows {
            let of_endpoint = counts.entry(EndpointKey::stored(row.endpoint)).or_default();
            let count = u64::try_from(row.count).unwrap_or_default();
            let is_waiting = row.status == DeliveryStatus::Pending.as_str();
            *(if is_waiting { &mut of_endpoint.waiting } else { &mut of_endpoint.dead }) = count;
        }
        for endpoint in endpoints {
            let latest: Option<Option<i64>> = deliveries::Entity::find()
                .filter(deliveries::Column::Endpoint.eq(endpoint.as_str()))
                .filter(deliveries::Column::Status.eq(DeliveryStatus::Delivered.as_str()))
                .filter(Condition::all().add_option(of_account.clone()))
                .order_by_desc(deliveries::Column::Position)
                .select_only()
                .column(deliveries::Column::FinishedAt)
                .into_tuple()
                .one(self.database.reader())
                .await?;
            let of_endpoint = counts.entry(endpoint.clone()).or_default();
            of_endpoint.last_delivered_at = latest.flatten().and_then(Timestamp::from_micros);
        }
        Ok(counts)
    }

    /// Forgets up to `limit` deliveries that were finished before `time`, and their attempts. Returns how many.
    pub async fn forget_batch(&self, time: Timestamp, limit: u64) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let old: Vec<i64> = deliveries::Entity::find()
            .filter(deliveries::Column::FinishedAt.lt(time.as_micros()))
            .limit(limit)
            .select_only()
            .column(deliveries::Column::Position)
            .into_tuple()
            .all(&transaction)
            .await?;
        attempts::Entity::delete_many()
            .filter(attempts::Column::Delivery.is_in(old.iter().copied()))
            .exec(&transaction)
            .await?;
        deliveries::Entity::delete_many()
            .filter(deliveries::Column::Position.is_in(old.iter().copied()))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(old.len() as u64)
    }

    /// The endpoints to which something selected was sent or given up, whether they are there still or not.
    pub async fn endpoints_named(&self, selection: &Selection) -> Result<Vec<EndpointKey>, DatabaseError> {
        let query = Query::select()
            .distinct()
            .column(deliveries::Column::Endpoint)
            .from(deliveries::Entity)
            .cond_where(selection.condition(self.database.is_sqlite()))
            .and_where(Expr::col(deliveries::Column::Status).ne(DeliveryStatus::Pending.as_str()))
            .to_owned();
        let rows = self.database.reader().query_all(&query).await?;
        let keys: Result<Vec<String>, _> = rows.into_iter().map(|row| row.try_get_by_index(0)).collect();
        Ok(keys?.into_iter().map(EndpointKey::stored).collect())
    }
}

fn again(expires_at: Timestamp, now: Timestamp) -> sea_orm::UpdateMany<deliveries::Entity> {
    deliveries::Entity::update_many().set(deliveries::ActiveModel {
        status: Set(DeliveryStatus::Pending.as_str().to_owned()),
        due_at: Set(now.as_micros()),
        expires_at: Set(expires_at.as_micros()),
        finished_at: Set(None),
        ..deliveries::ActiveModel::default()
    })
}
