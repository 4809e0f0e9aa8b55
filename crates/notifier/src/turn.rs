//! Whose turn it is to take events from the bus: one replica's at a time, so that deliveries get their positions in the
//! order of the stream.
//!
//! A turn that its holder does not give back, because it was killed, lasts longer than [`crate::dispatch`] may leave a
//! message unacknowledged: so whoever comes next gets what that one had in hand first, and then what follows.

use database::{Database, DatabaseError};
use event::Timestamp;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::entity::dispatch;

/// Cheap to clone.
#[derive(Clone)]
pub struct Turn {
    database: Database,
    /// Names this replica.
    holder: String,
}

impl Turn {
    pub fn new(database: Database) -> Self {
        Self { database, holder: uuid::Uuid::now_v7().to_string() }
    }

    /// Takes or keeps the turn until `until`. Returns whether it is this replica's.
    pub async fn take(&self, now: Timestamp, until: Timestamp) -> Result<bool, DatabaseError> {
        let row = dispatch::Entity::find_by_id(1_i16).one(self.database.reader()).await?;
        if let Some(row) = row {
            let left = row.held_until - now.as_micros();
            if row.holder != self.holder && left > 0 {
                return Ok(false);
            }
            // Renewed when half of it is over.
            if row.holder == self.holder && left > (until.as_micros() - now.as_micros()) / 2 {
                return Ok(true);
            }
        }
        let transaction = self.database.begin_write().await?;
        let own = dispatch::Column::Holder.eq(self.holder.as_str());
        let taken = dispatch::Entity::update_many()
            .col_expr(dispatch::Column::Holder, self.holder.as_str().into())
            .col_expr(dispatch::Column::HeldUntil, until.as_micros().into())
            .filter(dispatch::Column::Id.eq(1))
            .filter(own.or(dispatch::Column::HeldUntil.lte(now.as_micros())))
            .exec(&transaction)
            .await?
            .rows_affected;
        transaction.commit().await?;
        Ok(taken > 0)
    }

    /// Gives the turn back.
    pub async fn give_back(&self) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        dispatch::Entity::update_many()
            .col_expr(dispatch::Column::HeldUntil, 0_i64.into())
            .filter(dispatch::Column::Holder.eq(self.holder.as_str()))
            .exec(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}
