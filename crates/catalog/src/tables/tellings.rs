//! What still has to be told.

use bus::AnalysisJob;
use database::DatabaseError;
use event::EventId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use tracing::error;

use super::Tables;
use crate::entity::tellings;
use crate::telling::Telling;

const EVENT: &str = "event";
const JOB: &str = "job";

impl Tables {
    /// The oldest `limit` tellings. One that cannot be read is none of ours, and is left where it is.
    pub(crate) async fn tellings(&self, limit: u64) -> Result<Vec<Telling>, DatabaseError> {
        let oldest = tellings::Entity::find().order_by_asc(tellings::Column::Id).limit(limit);
        let rows = oldest.all(self.database.reader()).await?;
        Ok(rows.iter().filter_map(telling).collect())
    }

    /// Forgets what was told.
    pub(crate) async fn told(&self, ids: &[EventId]) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let ids = ids.iter().map(|id| id.as_uuid());
        tellings::Entity::delete_many().filter(tellings::Column::Id.is_in(ids)).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) async fn add(connection: &impl ConnectionTrait, tellings: &[Telling]) -> Result<(), DatabaseError> {
    if tellings.is_empty() {
        return Ok(());
    }
    let rows = tellings.iter().map(|telling| {
        let (kind, payload) = match telling {
            Telling::Event(event) => (EVENT, proto::encode_payload(event)),
            Telling::Job(job) => (JOB, job.to_outgoing().payload),
        };
        tellings::ActiveModel { id: Set(telling.id().as_uuid()), kind: Set(kind.to_owned()), payload: Set(payload) }
    });
    let known = OnConflict::column(tellings::Column::Id).do_nothing().to_owned();
    tellings::Entity::insert_many(rows).on_conflict(known).exec_without_returning(connection).await?;
    Ok(())
}

fn telling(row: &tellings::Model) -> Option<Telling> {
    let read = match row.kind.as_str() {
        EVENT => proto::decode_payload(&row.payload).map(Telling::Event).map_err(|error| error.to_string()),
        _ => AnalysisJob::decode(&row.payload).map(Telling::Job).map_err(|error| error.to_string()),
    };
    read.inspect_err(|error| error!(telling.id = %row.id, error, "cannot read what has to be told")).ok()
}
