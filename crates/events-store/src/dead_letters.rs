//! Messages that could not be stored as events: put aside with the reason, looked at, tried again, or dropped.

use database::{Database, DatabaseError};
use event::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use crate::EventsTable;
use crate::entity::dead_letters;

/// Most dead letters shown at once.
const LIST_MAX: u64 = 1000;
/// Longest reason kept, in bytes.
const REASON_BYTES_MAX: usize = 2000;

/// A message that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The ID of the message: the event's, where it was one.
    pub id: String,
    pub put_aside_at: Timestamp,
    pub subject: String,
    pub reason: String,
    pub payload: Vec<u8>,
}

/// What became of a dead letter that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    Stored,
    /// It still cannot be stored, for this reason, and stays.
    Refused(String),
    /// There is none with this ID.
    Unknown,
}

/// The dead letters of the store. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters {
    database: Database,
}

impl DeadLetters {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Puts a message aside. One that is there already stays as it is. Returns whether it is new.
    pub async fn put_aside(&self, letter: DeadLetter) -> Result<bool, DatabaseError> {
        let mut reason = letter.reason;
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        // PostgreSQL has no room for a NUL in a text, and another program may publish what it likes.
        let text = |text: String| text.replace('\0', " ");
        let row = dead_letters::ActiveModel {
            id: Set(text(letter.id)),
            put_aside_at: Set(letter.put_aside_at.as_micros()),
            subject: Set(text(letter.subject)),
            reason: Set(text(reason)),
            payload: Set(letter.payload),
        };
        let transaction = self.database.begin_write().await?;
        let known = OnConflict::column(dead_letters::Column::Id).do_nothing().to_owned();
        let inserted =
            dead_letters::Entity::insert_many([row]).on_conflict(known).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(inserted > 0)
    }

    /// Those of `ids` that are put aside.
    pub async fn known(&self, ids: &[String]) -> Result<Vec<String>, DatabaseError> {
        let rows = dead_letters::Entity::find().select_only().column(dead_letters::Column::Id);
        let rows = rows.filter(dead_letters::Column::Id.is_in(ids)).into_tuple::<String>();
        Ok(rows.all(self.database.reader()).await?)
    }

    /// The oldest dead letters first, at most 1000.
    pub async fn list(&self) -> Result<Vec<DeadLetter>, DatabaseError> {
        let rows = dead_letters::Entity::find()
            .order_by_asc(dead_letters::Column::PutAsideAt)
            .order_by_asc(dead_letters::Column::Id)
            .limit(LIST_MAX)
            .all(self.database.reader())
            .await?;
        rows.into_iter().map(dead_letter).collect()
    }

    /// Stores the event of a dead letter, if it can be stored now, and takes the letter away.
    ///
    /// Safe to break off and repeat: an event is stored once.
    pub async fn retry(&self, id: &str, now: Timestamp) -> Result<Retried, DatabaseError> {
        let found = dead_letters::Entity::find_by_id(id).one(self.database.reader()).await?;
        let Some(row) = found else { return Ok(Retried::Unknown) };
        let event = match proto::decode_payload(&row.payload) {
            Ok(event) => event,
            Err(reason) => return Ok(Retried::Refused(crate::error::chain(&reason))),
        };
        match EventsTable::new(self.database.clone()).append(&[event], now).await {
            Ok(_) => {
                self.drop(id).await?;
                Ok(Retried::Stored)
            }
            Err(DatabaseError::Failed(reason)) => Ok(Retried::Refused(reason.to_string())),
            Err(other) => Err(other),
        }
    }

    /// Takes a dead letter away for good. Returns whether there was one.
    pub async fn drop(&self, id: &str) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let deleted = dead_letters::Entity::delete_by_id(id).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected > 0)
    }
}

fn dead_letter(row: dead_letters::Model) -> Result<DeadLetter, DatabaseError> {
    let damaged = || DatabaseError::damaged(format!("dead letter {} has an invalid time", row.id));
    Ok(DeadLetter {
        put_aside_at: Timestamp::from_micros(row.put_aside_at).ok_or_else(damaged)?,
        id: row.id,
        subject: row.subject,
        reason: row.reason,
        payload: row.payload,
    })
}
