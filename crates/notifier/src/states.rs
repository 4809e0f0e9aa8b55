//! The table of how each endpoint is doing.

use database::{Database, DatabaseError};
use event::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, Set};

use crate::breaker::{Condition, EndpointState};
use crate::delivery::DeliveryStatus;
use crate::endpoint_key::EndpointKey;
use crate::entity::{deliveries, endpoint_states};

/// Cheap to clone.
#[derive(Clone)]
pub struct States {
    database: Database,
}

/// A state, and since when the endpoint has its present settings.
#[derive(Debug, Clone)]
pub struct Kept {
    pub state: EndpointState,
    pub changed_at: Timestamp,
}

impl States {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Makes sure that `endpoint` has a state for `target`, which is whatever its settings amount to: with others it
    /// begins anew, as nothing that was found out before need be so any more.
    pub async fn settle(&self, endpoint: &EndpointKey, target: &str, now: Timestamp) -> Result<(), DatabaseError> {
        let found = endpoint_states::Entity::find_by_id(endpoint.as_str()).one(self.database.reader()).await?;
        if found.is_some_and(|found| found.target == target) {
            return Ok(());
        }
        let transaction = self.database.begin_write().await?;
        let found = locked(&transaction, endpoint).await?;
        let before = found.map(|found| (found.target == target, state(&found)));
        let told = match before {
            Some((true, _)) => return Ok(()),
            Some((false, state)) => state?.told,
            None => Condition::Ok,
        };
        // What was told stays told: so that a recovery is told too.
        let fresh = EndpointState { told, ..EndpointState::default() };
        let mut row = row(endpoint, &fresh);
        row.target = Set(target.to_owned());
        row.changed_at = Set(now.as_micros());
        let columns = <endpoint_states::Column as sea_orm::Iterable>::iter();
        let known = OnConflict::column(endpoint_states::Column::Endpoint).update_columns(columns).to_owned();
        endpoint_states::Entity::insert(row).on_conflict(known).exec_without_returning(&transaction).await?;
        hasten(&transaction, endpoint, now).await?;
        Ok(transaction.commit().await?)
    }

    pub async fn get(&self, endpoint: &EndpointKey) -> Result<Option<Kept>, DatabaseError> {
        let found = endpoint_states::Entity::find_by_id(endpoint.as_str()).one(self.database.reader()).await?;
        found.map(|row| kept(&row)).transpose()
    }

    pub async fn all(&self) -> Result<Vec<(EndpointKey, Kept)>, DatabaseError> {
        let rows = endpoint_states::Entity::find().all(self.database.reader()).await?;
        rows.into_iter().map(|row| Ok((EndpointKey::stored(row.endpoint.clone()), kept(&row)?))).collect()
    }

    /// Takes the probe that is due, so that no other replica makes it too. Returns whether it was to be had.
    pub async fn take_probe(
        &self,
        endpoint: &EndpointKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let taken = endpoint_states::Entity::update_many()
            .col_expr(endpoint_states::Column::NextProbeAt, until.as_micros().into())
            .filter(endpoint_states::Column::Endpoint.eq(endpoint.as_str()))
            .filter(endpoint_states::Column::Condition.eq(Condition::Paused.as_str()))
            .filter(endpoint_states::Column::NextProbeAt.lte(now.as_micros()))
            .exec(&transaction)
            .await?
            .rows_affected;
        transaction.commit().await?;
        Ok(taken > 0)
    }

    pub async fn forget(&self, endpoint: &EndpointKey) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        endpoint_states::Entity::delete_by_id(endpoint.as_str()).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// Reads and locks a state until the end of the transaction. `None`: it has none.
pub async fn lock(
    transaction: &DatabaseTransaction,
    endpoint: &EndpointKey,
) -> Result<Option<EndpointState>, DatabaseError> {
    locked(transaction, endpoint).await?.map(|row| state(&row)).transpose()
}

async fn locked(
    transaction: &DatabaseTransaction,
    endpoint: &EndpointKey,
) -> Result<Option<endpoint_states::Model>, DatabaseError> {
    Ok(endpoint_states::Entity::find_by_id(endpoint.as_str()).lock_exclusive().one(transaction).await?)
}

pub async fn save(
    transaction: &DatabaseTransaction,
    endpoint: &EndpointKey,
    state: &EndpointState,
) -> Result<(), DatabaseError> {
    endpoint_states::Entity::update_many()
        .set(row(endpoint, state))
        .filter(endpoint_states::Column::Endpoint.eq(endpoint.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// What waits for `endpoint` is due from now on, each where it belongs in the order.
pub async fn hasten(
    connection: &impl ConnectionTrait,
    endpoint: &EndpointKey,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    deliveries::Entity::update_many()
        .col_expr(deliveries::Column::DueAt, now.as_micros().into())
        .filter(deliveries::Column::Endpoint.eq(endpoint.as_str()))
        .filter(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
        .filter(deliveries::Column::DueAt.gt(now.as_micros()))
        .exec(connection)
        .await?;
    Ok(())
}

/// The last position that waits for `endpoint`; 0 if nothing does.
pub async fn last_waiting(connection: &impl ConnectionTrait, endpoint: &EndpointKey) -> Result<i64, DatabaseError> {
    let query = Query::select()
        .expr(Expr::col(deliveries::Column::Position).max())
        .from(deliveries::Entity)
        .and_where(deliveries::Column::Endpoint.eq(endpoint.as_str()))
        .and_where(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
        .to_owned();
    let found = connection.query_one(&query).await?;
    let last: Option<i64> = found.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    Ok(last.unwrap_or(0))
}

fn kept(row: &endpoint_states::Model) -> Result<Kept, DatabaseError> {
    let changed_at = Timestamp::from_micros(row.changed_at).unwrap_or(Timestamp::MIN);
    Ok(Kept { state: state(row)?, changed_at })
}

/// All but the key's own columns, which only [`States::settle`] sets.
fn row(endpoint: &EndpointKey, state: &EndpointState) -> endpoint_states::ActiveModel {
    let micros = |at: Option<Timestamp>| Set(at.map(Timestamp::as_micros));
    let count = |count: u64| Set(i64::try_from(count).unwrap_or(i64::MAX));
    let trouble = state.trouble.as_ref();
    endpoint_states::ActiveModel {
        endpoint: Set(endpoint.to_string()),
        condition: Set(state.condition.as_str().to_owned()),
        told: Set(state.told.as_str().to_owned()),
        failures: count(state.failures),
        failing_since: micros(state.failing_since),
        probes: Set(i32::try_from(state.probes).unwrap_or(i32::MAX)),
        next_probe_at: micros(state.next_probe_at),
        drain_to: Set(state.drain_to),
        held_until: micros(state.held_until),
        cause: Set(trouble.map(|trouble| serde_json::to_string(trouble).expect("texts and a number are JSON"))),
        given_up: count(state.given_up),
        given_up_told_at: micros(state.given_up_told_at),
        ..endpoint_states::ActiveModel::default()
    }
}

/// # Errors
/// A row that we never wrote: somebody changed the table by hand.
fn state(row: &endpoint_states::Model) -> Result<EndpointState, DatabaseError> {
    let damaged =
        |column: &str| DatabaseError::damaged(format!("endpoint `{}` has an invalid `{column}`", row.endpoint));
    let condition = |name: &str| Condition::ALL.into_iter().find(|condition| condition.as_str() == name);
    let at = |micros: Option<i64>| micros.and_then(Timestamp::from_micros);
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(EndpointState {
        condition: condition(&row.condition).ok_or_else(|| damaged("condition"))?,
        told: condition(&row.told).ok_or_else(|| damaged("told"))?,
        failures: count(row.failures),
        failing_since: at(row.failing_since),
        probes: u32::try_from(row.probes).unwrap_or_default(),
        next_probe_at: at(row.next_probe_at),
        drain_to: row.drain_to,
        held_until: at(row.held_until),
        trouble: match &row.cause {
            Some(text) => Some(serde_json::from_str(text).map_err(|_| damaged("cause"))?),
            None => None,
        },
        given_up: count(row.given_up),
        given_up_told_at: at(row.given_up_told_at),
    })
}
