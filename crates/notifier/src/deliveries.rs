//! The deliveries table as a whole: where dispatch leaves work, and what there is to do.

use database::{Database, DatabaseError};
use event::{EventId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect, Statement};

use crate::delivery::{DeliveryStatus, NewDelivery, row};
use crate::endpoint_key::EndpointKey;
use crate::entity::deliveries;

/// Rows in one INSERT: both databases bound the values of a statement, and a row has 27.
const INSERT_ROWS_MAX: usize = 200;
/// IDs in one UPDATE.
const IDS_MAX: usize = 1000;

/// Cheap to clone.
#[derive(Clone)]
pub struct Deliveries {
    pub(crate) database: Database,
}

impl Deliveries {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds deliveries in one transaction, in their order. Those that are there already, by endpoint and event, are
    /// skipped, so dispatching again is harmless. Returns how many are new.
    pub async fn append(&self, new: &[NewDelivery], now: Timestamp) -> Result<u64, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let mut appended = 0;
        for chunk in new.chunks(INSERT_ROWS_MAX) {
            let known = OnConflict::columns([deliveries::Column::EventId, deliveries::Column::Endpoint])
                .do_nothing()
                .to_owned();
            let rows = chunk.iter().map(|new| row(new, now));
            appended +=
                deliveries::Entity::insert_many(rows).on_conflict(known).exec_without_returning(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(appended)
    }

    /// The store has these events: what waited for that is due. What was sent meanwhile stays as it was sent.
    pub async fn note_stored(
        &self,
        events: &[EventId],
        stored_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        for chunk in events.chunks(IDS_MAX) {
            deliveries::Entity::update_many()
                .col_expr(deliveries::Column::StoredAt, stored_at.as_micros().into())
                .col_expr(deliveries::Column::DueAt, now.as_micros().into())
                .filter(deliveries::Column::EventId.is_in(chunk.iter().map(|id| id.as_uuid())))
                .filter(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
                .filter(deliveries::Column::StoredAt.is_null())
                .filter(deliveries::Column::AttemptCount.eq(0))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Every endpoint for which something is due that nobody is sending. Costs a look into an index for each endpoint for
    /// which anything waits, however much that is.
    pub async fn endpoints_with_work(&self, now: Timestamp) -> Result<Vec<EndpointKey>, DatabaseError> {
        #[derive(FromQueryResult)]
        struct Row {
            endpoint: String,
        }
        const SQL: &str = "WITH RECURSIVE found (endpoint) AS (
              SELECT MIN(endpoint) FROM deliveries WHERE status = 'pending'
              UNION ALL
              SELECT (SELECT MIN(next.endpoint) FROM deliveries AS next
                      WHERE next.status = 'pending' AND next.endpoint > found.endpoint)
              FROM found WHERE found.endpoint IS NOT NULL
            )
            SELECT endpoint FROM found
            WHERE (SELECT MIN(due.due_at) FROM deliveries AS due
                   WHERE due.status = 'pending' AND due.endpoint = found.endpoint
                     AND (due.leased_until IS NULL OR due.leased_until <= $1)) <= $1";
        let reader = self.database.reader();
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), SQL, [now.as_micros().into()]);
        let rows = Row::find_by_statement(statement).all(reader).await?;
        Ok(rows.into_iter().map(|row| EndpointKey::stored(row.endpoint)).collect())
    }

    /// How many deliveries to `endpoint` wait, counted up to `at_most`.
    pub async fn count_waiting(&self, endpoint: &EndpointKey, at_most: u64) -> Result<u64, DatabaseError> {
        let waiting = deliveries::Entity::find()
            .filter(deliveries::Column::Endpoint.eq(endpoint.as_str()))
            .filter(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()))
            .select_only()
            .column(deliveries::Column::Position)
            .limit(at_most);
        Ok(waiting.count(self.database.reader()).await?)
    }

    /// How many deliveries wait, of all endpoints.
    pub async fn count_all_waiting(&self) -> Result<u64, DatabaseError> {
        let waiting =
            deliveries::Entity::find().filter(deliveries::Column::Status.eq(DeliveryStatus::Pending.as_str()));
        Ok(waiting.count(self.database.reader()).await?)
    }
}
