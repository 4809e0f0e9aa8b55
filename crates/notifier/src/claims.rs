//! Taking deliveries to send them: a claim is one replica's until its lease ends, so several share the work without
//! sending twice, and what a killed one had in hand comes back.

use std::time::Duration;

use database::DatabaseError;
use event::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Set,
};
use uuid::Uuid;

use crate::deliveries::Deliveries;
use crate::delivery::{Delivery, DeliveryStatus, Outcome, delivery};
use crate::endpoint_key::EndpointKey;
use crate::entity::{attempts, deliveries};
use crate::states;

/// Which deliveries are taken.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Of one resource only the first that waits.
    pub ordered: bool,
    /// Only while no replica is sending anything: a probe, or what waited for the endpoint to come back. After the first
    /// position and up to the second.
    pub alone: Option<(i64, i64)>,
    pub even_if_not_due: bool,
    pub max: u64,
    /// Longer than an attempt and its record take.
    pub lease: Duration,
}

impl Deliveries {
    /// Claims deliveries to `endpoint`, in order, and begins an attempt of each. An attempt that an earlier claim left
    /// without an outcome gets [`Outcome::Unknown`].
    pub async fn claim(
        &self,
        endpoint: &EndpointKey,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if terms.alone.is_some() {
            // Others wait here, and then see what this one has taken.
            states::lock(&transaction, endpoint).await?;
            if is_being_sent(&transaction, endpoint, now).await? {
                return Ok(Vec::new());
            }
        }
        let due = deliveries::Entity::find()
            .filter(claimable(endpoint, terms, now))
            .order_by_asc(deliveries::Column::Position)
            .limit(terms.max)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let rows = due.all(&transaction).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let lease = Uuid::now_v7();
        begin_attempts(&transaction, &rows, now).await?;
        deliveries::Entity::update_many()
            .col_expr(deliveries::Column::Lease, lease.into())
            .col_expr(deliveries::Column::LeasedUntil, now.plus(terms.lease).as_micros().into())
            .col_expr(deliveries::Column::LastAttemptAt, now.as_micros().into())
            .col_expr(deliveries::Column::AttemptCount, Expr::col(deliveries::Column::AttemptCount).add(1))
            .filter(deliveries::Column::Position.is_in(rows.iter().map(|row| row.position)))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        let claimed = |mut row: deliveries::Model| {
            row.lease = Some(lease);
            row.attempt_count += 1;
            delivery(row)
        };
        rows.into_iter().map(claimed).collect()
    }

    /// Takes claims back of which nothing was sent.
    pub async fn unclaim(&self, unsent: &[Delivery]) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        for delivery in unsent {
            let back = deliveries::Entity::update_many()
                .col_expr(deliveries::Column::LeasedUntil, Expr::value(None::<i64>))
                .col_expr(deliveries::Column::Lease, Expr::value(None::<Uuid>))
                .col_expr(deliveries::Column::AttemptCount, Expr::col(deliveries::Column::AttemptCount).sub(1))
                .filter(deliveries::Column::Position.eq(delivery.position))
                .filter(deliveries::Column::Lease.eq(delivery.lease))
                .exec(&transaction)
                .await?;
            if back.rows_affected > 0 {
                attempts::Entity::delete_many()
                    .filter(attempts::Column::Delivery.eq(delivery.position))
                    .filter(attempts::Column::Number.eq(delivery.attempt_count))
                    .exec(&transaction)
                    .await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Ends claims before their time: whoever claims next sends again.
    pub async fn release(&self, positions: &[i64], now: Timestamp) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        deliveries::Entity::update_many()
            .col_expr(deliveries::Column::LeasedUntil, now.as_micros().into())
            .filter(deliveries::Column::Position.is_in(positions.iter().copied()))
            .filter(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
            .exec(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Whether anything up to position `to` waits for `endpoint` and is due, be it under way or not.
    pub async fn is_due(&self, endpoint: &EndpointKey, to: i64, now: Timestamp) -> Result<bool, DatabaseError> {
        let due = deliveries::Entity::find()
            .filter(waiting_for(endpoint))
            .filter(deliveries::Column::Position.lte(to))
            .filter(deliveries::Column::DueAt.lte(now.as_micros()));
        Ok(due.one(self.database.reader()).await?.is_some())
    }
}

fn claimable(endpoint: &EndpointKey, terms: Terms, now: Timestamp) -> Condition {
    let condition = waiting_for(endpoint)
        .add(deliveries::Column::LeasedUntil.is_null().or(deliveries::Column::LeasedUntil.lte(now.as_micros())));
    let condition = match terms.alone {
        None => condition,
        Some((after, to)) => {
            condition.add(deliveries::Column::Position.gt(after)).add(deliveries::Column::Position.lte(to))
        }
    };
    // The sum keeps SQLite to the order of positions, in which a few rows are soon found. By the index of what is due it
    // would gather and sort all that waits, with the writer's lock: 0.2 s for a backlog of 100,000.
    let is_due = || Expr::col(deliveries::Column::DueAt).add(0).lte(now.as_micros());
    condition.add_option((!terms.even_if_not_due).then(is_due)).add_option(terms.ordered.then(is_first_of_its_resource))
}

fn waiting_for(endpoint: &EndpointKey) -> Condition {
    Condition::all()
        .add(deliveries::Column::Endpoint.eq(endpoint.as_str()))
        .add(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
}

fn is_first_of_its_resource() -> Expr {
    let earlier = |column: deliveries::Column| Expr::col(("earlier", column));
    let own = |column: deliveries::Column| Expr::col((deliveries::Entity, column));
    let same = |column: deliveries::Column| earlier(column).eq(own(column));
    let query = Query::select()
        .expr(Expr::val(1))
        .from_as(deliveries::Entity, "earlier")
        .and_where(same(deliveries::Column::Endpoint))
        .and_where(same(deliveries::Column::Resource))
        .and_where(earlier(deliveries::Column::Status).eq(DeliveryStatus::Pending.as_str()))
        .and_where(earlier(deliveries::Column::Position).lt(own(deliveries::Column::Position)))
        .to_owned();
    Expr::exists(query).not()
}

async fn is_being_sent(
    transaction: &DatabaseTransaction,
    endpoint: &EndpointKey,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let leased = deliveries::Entity::find()
        .filter(waiting_for(endpoint))
        .filter(deliveries::Column::LeasedUntil.gt(now.as_micros()));
    Ok(leased.one(transaction).await?.is_some())
}

async fn begin_attempts(
    connection: &impl ConnectionTrait,
    rows: &[deliveries::Model],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let left: Vec<i64> = rows.iter().filter(|row| row.lease.is_some()).map(|row| row.position).collect();
    if !left.is_empty() {
        attempts::Entity::update_many()
            .col_expr(attempts::Column::Outcome, Outcome::Unknown.as_str().into())
            .filter(attempts::Column::Delivery.is_in(left))
            .filter(attempts::Column::Outcome.is_null())
            .exec(connection)
            .await?;
    }
    let begun = rows.iter().map(|row| attempts::ActiveModel {
        delivery: Set(row.position),
        number: Set(row.attempt_count + 1),
        started_at: Set(now.as_micros()),
        ..attempts::ActiveModel::default()
    });
    attempts::Entity::insert_many(begun).exec_without_returning(connection).await?;
    Ok(())
}
