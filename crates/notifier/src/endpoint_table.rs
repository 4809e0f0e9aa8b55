//! Endpoints that were added at run time, as the interface took them.

use database::{Database, DatabaseError};
use event::Timestamp;
use prost::Message;
use proto::notifier::v1;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set};

use crate::endpoint_key::EndpointKey;
use crate::entity::{dispatch, endpoints};

/// Cheap to clone.
#[derive(Clone)]
pub struct EndpointTable {
    database: Database,
}

/// One that was added, with its secrets.
#[derive(Clone)]
pub struct Added {
    pub key: EndpointKey,
    pub settings: v1::Endpoint,
    pub changed_at: Timestamp,
    /// Signs beside the new one until then.
    pub old_secret: Option<(String, Timestamp)>,
}

impl EndpointTable {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// A number that grows with every change, also one of another replica.
    pub async fn version(&self) -> Result<i64, DatabaseError> {
        let row = dispatch::Entity::find_by_id(1_i16).one(self.database.reader()).await?;
        let lost = || DatabaseError::damaged("the table `dispatch` has lost its row");
        Ok(row.ok_or_else(lost)?.endpoints_version)
    }

    pub async fn all(&self) -> Result<Vec<Added>, DatabaseError> {
        let rows = endpoints::Entity::find().all(self.database.reader()).await?;
        rows.into_iter().map(added).collect()
    }

    /// Returns whether the name was free.
    pub async fn add(&self, added: &Added) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let taken = OnConflict::column(endpoints::Column::Endpoint).do_nothing().to_owned();
        let rows = endpoints::Entity::insert_many([row(added)])
            .on_conflict(taken)
            .exec_without_returning(&transaction)
            .await?;
        count_change(&transaction).await?;
        transaction.commit().await?;
        Ok(rows > 0)
    }

    /// Returns whether it was still there, and as it was when it was read: `before` is its time of change.
    pub async fn change(&self, added: &Added, before: Timestamp) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let changed = endpoints::Entity::update_many()
            .set(row(added))
            .filter(endpoints::Column::Endpoint.eq(added.key.as_str()))
            .filter(endpoints::Column::ChangedAt.eq(before.as_micros()))
            .exec(&transaction)
            .await?
            .rows_affected;
        count_change(&transaction).await?;
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Returns whether it was there.
    pub async fn remove(&self, key: &EndpointKey) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let removed = endpoints::Entity::delete_by_id(key.as_str()).exec(&transaction).await?.rows_affected;
        count_change(&transaction).await?;
        transaction.commit().await?;
        Ok(removed > 0)
    }
}

async fn count_change(transaction: &DatabaseTransaction) -> Result<(), DatabaseError> {
    dispatch::Entity::update_many()
        .col_expr(dispatch::Column::EndpointsVersion, Expr::col(dispatch::Column::EndpointsVersion).add(1))
        .filter(dispatch::Column::Id.eq(1))
        .exec(transaction)
        .await?;
    Ok(())
}

fn row(added: &Added) -> endpoints::ActiveModel {
    let old = added.old_secret.as_ref();
    endpoints::ActiveModel {
        endpoint: Set(added.key.to_string()),
        settings: Set(added.settings.encode_to_vec()),
        changed_at: Set(added.changed_at.as_micros()),
        old_secret: Set(old.map(|(secret, _)| secret.clone())),
        old_secret_until: Set(old.map(|(_, until)| until.as_micros())),
    }
}

/// # Errors
/// A row that we never wrote: somebody changed the table by hand.
fn added(row: endpoints::Model) -> Result<Added, DatabaseError> {
    let damaged = || DatabaseError::damaged(format!("endpoint `{}` has invalid settings", row.endpoint));
    let until = row.old_secret_until.and_then(Timestamp::from_micros);
    Ok(Added {
        settings: v1::Endpoint::decode(row.settings.as_slice()).map_err(|_| damaged())?,
        changed_at: Timestamp::from_micros(row.changed_at).ok_or_else(damaged)?,
        old_secret: row.old_secret.zip(until),
        key: EndpointKey::stored(row.endpoint),
    })
}
