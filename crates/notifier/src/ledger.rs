//! What came of attempts, written down: the attempt, the delivery, and how the endpoint is doing, in one transaction.

use database::{Database, DatabaseError};
use event::Timestamp;
use sea_orm::sea_query::{ExprTrait, Query};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use crate::breaker::{Condition, EndpointState, Failure};
use crate::delivery::{Attempt, Delivery, DeliveryStatus};
use crate::endpoint_key::EndpointKey;
use crate::entity::{attempts, deliveries};
use crate::report::Reporter;
use crate::rule::{ENDPOINT_RESOURCE, is_about_an_endpoint};
use crate::states;

/// Deliveries given up in one transaction.
const GIVE_UP_ROWS_MAX: u64 = 500;

/// Writes down what came of attempts. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    database: Database,
    reporter: Reporter,
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// As it was claimed.
    pub delivery: Delivery,
    pub attempt: Attempt,
    /// `None`: it was taken.
    pub failure: Option<Failure>,
    /// When to try again. `None`: it was taken, or is given up.
    pub due_at: Option<Timestamp>,
}

impl Finished {
    fn status(&self) -> DeliveryStatus {
        match (&self.failure, self.due_at) {
            (None, _) => DeliveryStatus::Delivered,
            (Some(_), Some(_)) => DeliveryStatus::Pending,
            (Some(_), None) => DeliveryStatus::Dead,
        }
    }
}

impl Ledger {
    pub fn new(database: Database, reporter: Reporter) -> Self {
        Self { database, reporter }
    }

    /// Records attempts at `endpoint`, in the order in which they ended. `known` is its state as it was found before
    /// them: where all went well and nothing changes, it is not touched.
    pub async fn record(
        &self,
        endpoint: &EndpointKey,
        finished: &[Finished],
        known: &EndpointState,
        is_probe: bool,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        for finished in finished {
            record_attempt(&transaction, finished).await?;
            record_delivery(&transaction, finished, now).await?;
        }
        let is_well = known.condition == Condition::Ok && known.told == Condition::Ok;
        if !is_well || finished.iter().any(|finished| finished.failure.is_some()) {
            self.update_state(&transaction, endpoint, finished, is_probe, now).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// A test was taken: what was waiting for the endpoint goes out. Returns whether it was paused or stopped.
    pub async fn resume(&self, endpoint: &EndpointKey, now: Timestamp) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(before) = states::lock(&transaction, endpoint).await? else { return Ok(false) };
        let mut after = before.clone();
        let was_held_up = succeeded(&transaction, endpoint, &mut after, now).await?;
        self.reporter.tell(endpoint, &before, &mut after, false).await;
        states::save(&transaction, endpoint, &after).await?;
        transaction.commit().await?;
        Ok(was_held_up)
    }

    /// Everything that waited at the recovery has been sent.
    pub async fn end_drain(&self, endpoint: &EndpointKey) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if let Some(state) = states::lock(&transaction, endpoint).await? {
            states::save(&transaction, endpoint, &EndpointState { drain_to: None, ..state }).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Gives up what has waited too long for an endpoint to which nothing is sent; of very much, a part. Returns how many.
    pub async fn expire(&self, endpoint: &EndpointKey, now: Timestamp) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(before) = states::lock(&transaction, endpoint).await? else { return Ok(0) };
        let expired = deliveries::Entity::find()
            .filter(deliveries::Column::Endpoint.eq(endpoint.as_str()))
            .filter(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
            .filter(deliveries::Column::ExpiresAt.lte(now.as_micros()))
            .filter(deliveries::Column::LeasedUntil.is_null().or(deliveries::Column::LeasedUntil.lte(now.as_micros())))
            .order_by_asc(deliveries::Column::ExpiresAt)
            .limit(GIVE_UP_ROWS_MAX);
        let rows = expired.all(&transaction).await?;
        let count = rows.len() as u64;
        if count > 0 {
            let about_others = rows.iter().filter(|row| row.resource_type.as_deref() != Some(ENDPOINT_RESOURCE));
            let given_up = before.given_up + about_others.count() as u64;
            let reason = format!("it was not taken before it expired; the endpoint was {}", before.condition.as_str());
            give_up(&transaction, rows.into_iter().map(|row| row.position).collect(), &reason, now).await?;
            states::save(&transaction, endpoint, &EndpointState { given_up, ..before }).await?;
        }
        transaction.commit().await?;
        Ok(count)
    }

    /// Tells what was given up and is not told yet, unless that was told of this endpoint not long ago.
    pub async fn tell_given_up(&self, endpoint: &EndpointKey, now: Timestamp) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(mut state) = states::lock(&transaction, endpoint).await? else { return Ok(()) };
        if state.has_given_up_to_tell(now) && self.reporter.tell_given_up(endpoint, &state).await {
            state.given_up = 0;
            state.given_up_told_at = Some(now);
            states::save(&transaction, endpoint, &state).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Gives up all that waits for `endpoint`, because it is removed.
    pub async fn abandon(&self, endpoint: &EndpointKey, reason: &str, now: Timestamp) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let waiting = Query::select()
            .column(deliveries::Column::Position)
            .from(deliveries::Entity)
            .and_where(deliveries::Column::Endpoint.eq(endpoint.as_str()))
            .and_where(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
            .to_owned();
        let given_up = dead(reason, now)
            .filter(deliveries::Column::Position.in_subquery(waiting))
            .exec(&transaction)
            .await?
            .rows_affected;
        transaction.commit().await?;
        Ok(given_up)
    }

    /// Deliveries that were given up before they were tried: there were too many already.
    pub async fn overflowed(&self, endpoint: &EndpointKey, count: u64) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if let Some(state) = states::lock(&transaction, endpoint).await? {
            let given_up = state.given_up + count;
            states::save(&transaction, endpoint, &EndpointState { given_up, ..state }).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn update_state(
        &self,
        transaction: &DatabaseTransaction,
        endpoint: &EndpointKey,
        finished: &[Finished],
        is_probe: bool,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let Some(mut state) = states::lock(transaction, endpoint).await? else { return Ok(()) };
        for finished in finished {
            let before = state.clone();
            let is_about = is_about_an_endpoint(&finished.delivery.event);
            match &finished.failure {
                None => drop(succeeded(transaction, endpoint, &mut state, now).await?),
                Some(failure) => state.failed(failure, is_probe, now),
            }
            state.given_up += u64::from(finished.status() == DeliveryStatus::Dead && !is_about);
            self.reporter.tell(endpoint, &before, &mut state, is_about).await;
        }
        states::save(transaction, endpoint, &state).await
    }
}

/// The endpoint has taken something. Returns whether this ended a pause.
async fn succeeded(
    transaction: &DatabaseTransaction,
    endpoint: &EndpointKey,
    state: &mut EndpointState,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let was_held_up = state.succeeded(states::last_waiting(transaction, endpoint).await?);
    if was_held_up {
        states::hasten(transaction, endpoint, now).await?;
    }
    Ok(was_held_up)
}

async fn record_attempt(transaction: &DatabaseTransaction, finished: &Finished) -> Result<(), DatabaseError> {
    let attempt = &finished.attempt;
    let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let trouble = attempt.trouble.as_ref();
    let row = attempts::ActiveModel {
        delivery: Set(finished.delivery.position),
        number: Set(i32::try_from(attempt.number).unwrap_or(i32::MAX)),
        started_at: Set(attempt.started_at.as_micros()),
        outcome: Set(attempt.outcome.map(|outcome| outcome.as_str().to_owned())),
        latency_micros: Set(attempt.latency.map(micros)),
        status: Set(attempt.status.map(i32::from)),
        cause: Set(trouble.map(|trouble| trouble.code.clone())),
        reason: Set(trouble.map(|trouble| trouble.reason.clone())),
        hint: Set(trouble.map(|trouble| trouble.hint.clone())),
        answer: Set(Some(attempt.answer.clone()).filter(|answer| !answer.is_empty())),
        retry_after_micros: Set(attempt.retry_after.map(micros)),
    };
    // The retention may have taken it away meanwhile.
    attempts::Entity::update_many()
        .set(row)
        .filter(attempts::Column::Delivery.eq(finished.delivery.position))
        .filter(attempts::Column::Number.eq(attempt.number))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn record_delivery(
    transaction: &DatabaseTransaction,
    finished: &Finished,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let delivery = &finished.delivery;
    let status = finished.status();
    let reason = finished.failure.as_ref().map(|failure| failure.trouble.reason.clone());
    let mut row = deliveries::ActiveModel {
        status: Set(status.as_str().to_owned()),
        finished_at: Set((status != DeliveryStatus::Pending).then(|| now.as_micros())),
        reason: Set(reason),
        lease: Set(None),
        leased_until: Set(None),
        ..deliveries::ActiveModel::default()
    };
    if let Some(due_at) = finished.due_at {
        row.due_at = Set(due_at.as_micros());
    }
    let update = deliveries::Entity::update_many().set(row).filter(deliveries::Column::Position.eq(delivery.position));
    // That it was taken is true whoever holds the claim by now; anything else is for the holder to say.
    let update = match status {
        DeliveryStatus::Delivered => update,
        _ => update.filter(deliveries::Column::Lease.eq(delivery.lease)),
    };
    update.exec(transaction).await?;
    Ok(())
}

fn dead(reason: &str, now: Timestamp) -> sea_orm::UpdateMany<deliveries::Entity> {
    deliveries::Entity::update_many().set(deliveries::ActiveModel {
        status: Set(DeliveryStatus::Dead.as_str().to_owned()),
        finished_at: Set(Some(now.as_micros())),
        reason: Set(Some(reason.to_owned())),
        lease: Set(None),
        leased_until: Set(None),
        ..deliveries::ActiveModel::default()
    })
}

async fn give_up(
    transaction: &DatabaseTransaction,
    positions: Vec<i64>,
    reason: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    dead(reason, now).filter(deliveries::Column::Position.is_in(positions)).exec(transaction).await?;
    Ok(())
}
