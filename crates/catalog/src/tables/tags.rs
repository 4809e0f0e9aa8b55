//! The tags of the watches, and what they mean.

use std::collections::{BTreeMap, BTreeSet};

use database::DatabaseError;
use event::Timestamp;
use oci_registry::{Digest, TagName};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use super::{INSERT_ROWS_MAX, Tables, damaged, failures, tellings, time};
use crate::concern::{Concern, Owner};
use crate::entity::{tags, watches};
use crate::meaning::Meaning;
use crate::recurrence::Failing;
use crate::telling::Telling;

/// What became of one tag, and everything that follows from it.
pub(crate) struct TagRecord<'a> {
    pub(crate) watch_id: Uuid,
    pub(crate) tag: &'a TagName,
    /// What was known; `None` where the tag was not.
    pub(crate) before: Option<&'a Meaning>,
    pub(crate) after: After<'a>,
    /// Why its manifest cannot be used. `None`: it can.
    pub(crate) failure: Option<&'a Failing>,
    pub(crate) tellings: &'a [Telling],
}

/// What is known from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After<'a> {
    /// What was known before.
    Same,
    Means(&'a Digest),
    Gone,
}

/// What came of recording.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Now,
    /// Something else than `before` is known, so nothing was recorded: an earlier try that seemed to fail was committed
    /// after all, or another catalog was first.
    Otherwise(Option<Meaning>),
    /// There is no such watch any more.
    NotWatched,
}

impl Tables {
    /// The tags of a watch, each with its digest where that is known.
    pub(crate) async fn tags(&self, watch_id: Uuid) -> Result<BTreeMap<TagName, Meaning>, DatabaseError> {
        let rows = tags::Entity::find().filter(tags::Column::WatchId.eq(watch_id)).all(self.database.reader()).await?;
        rows.into_iter().map(|row| Ok((tag_of(&row)?, meaning_of(&row)?))).collect()
    }

    /// The tags of a watch that changed last, at most `limit`, the latest first.
    pub(crate) async fn latest_tags(
        &self,
        watch_id: Uuid,
        limit: u64,
    ) -> Result<Vec<(TagName, Meaning, Timestamp)>, DatabaseError> {
        let rows = tags::Entity::find()
            .filter(tags::Column::WatchId.eq(watch_id))
            .order_by_desc(tags::Column::ChangedAt)
            .order_by_asc(tags::Column::Tag)
            .limit(limit)
            .all(self.database.reader())
            .await?;
        let read = |row: &tags::Model| {
            let changed_at = time(row.changed_at, "catalog_tags", &row.tag, "changed_at")?;
            Ok((tag_of(row)?, meaning_of(row)?, changed_at))
        };
        rows.iter().map(read).collect()
    }

    /// Records the first sight of a repository: what is there was there before. Returns whether it is still watched.
    pub(crate) async fn record_first_sight(
        &self,
        watch_id: Uuid,
        seen: &BTreeSet<TagName>,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if !is_watched(&transaction, watch_id).await? {
            return Ok(false);
        }
        let rows: Vec<_> = seen.iter().map(|tag| row(watch_id, tag, None, now)).collect();
        for chunk in rows.chunks(INSERT_ROWS_MAX) {
            insert(&transaction, chunk.to_vec()).await?;
        }
        let change = watches::ActiveModel {
            seen_at: Set(Some(now.as_micros())),
            last_success_at: Set(Some(now.as_micros())),
            ..Default::default()
        };
        watches::Entity::update_many().set(change).filter(watches::Column::Id.eq(watch_id)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Records what became of a tag, together with what has to be told about it: all of it, or nothing.
    pub(crate) async fn record_tag(&self, record: &TagRecord<'_>, now: Timestamp) -> Result<Recorded, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if !is_watched(&transaction, record.watch_id).await? {
            return Ok(Recorded::NotWatched);
        }
        let found = tags::Entity::find_by_id((record.watch_id, record.tag.to_string())).one(&transaction).await?;
        let known = found.as_ref().map(meaning_of).transpose()?;
        if known.as_ref() != record.before {
            return Ok(Recorded::Otherwise(known));
        }
        match record.after {
            After::Same => {}
            After::Means(digest) => {
                insert(&transaction, vec![row(record.watch_id, record.tag, Some(digest), now)]).await?;
                // One that was seen in a list, or meant something else.
                let change = tags::ActiveModel {
                    digest: Set(Some(digest.to_string())),
                    changed_at: Set(now.as_micros()),
                    ..Default::default()
                };
                tags::Entity::update_many()
                    .set(change)
                    .filter(is(record.watch_id, record.tag))
                    .exec(&transaction)
                    .await?;
            }
            After::Gone => {
                tags::Entity::delete_many().filter(is(record.watch_id, record.tag)).exec(&transaction).await?;
            }
        }
        let (owner, concern) = (Owner::Watch(record.watch_id), Concern::Tag(record.tag.clone()));
        failures::set(&transaction, &owner, &concern, record.failure).await?;
        tellings::add(&transaction, record.tellings).await?;
        transaction.commit().await?;
        Ok(Recorded::Now)
    }
}

/// Locks the watch, where rows can be locked: another catalog waits here until this transaction has ended.
pub(super) async fn is_watched(transaction: &DatabaseTransaction, watch_id: Uuid) -> Result<bool, DatabaseError> {
    Ok(watches::Entity::find_by_id(watch_id).lock_exclusive().one(transaction).await?.is_some())
}

fn is(watch_id: Uuid, tag: &TagName) -> sea_orm::Condition {
    sea_orm::Condition::all().add(tags::Column::WatchId.eq(watch_id)).add(tags::Column::Tag.eq(tag.as_str()))
}

fn row(watch_id: Uuid, tag: &TagName, digest: Option<&Digest>, now: Timestamp) -> tags::ActiveModel {
    tags::ActiveModel {
        watch_id: Set(watch_id),
        tag: Set(tag.to_string()),
        digest: Set(digest.map(ToString::to_string)),
        changed_at: Set(now.as_micros()),
    }
}

/// Adds rows; those that are there already stay as they are.
async fn insert(connection: &impl ConnectionTrait, rows: Vec<tags::ActiveModel>) -> Result<(), DatabaseError> {
    if rows.is_empty() {
        return Ok(());
    }
    let known = OnConflict::columns([tags::Column::WatchId, tags::Column::Tag]).do_nothing().to_owned();
    tags::Entity::insert_many(rows).on_conflict(known).exec_without_returning(connection).await?;
    Ok(())
}

fn tag_of(row: &tags::Model) -> Result<TagName, DatabaseError> {
    row.tag.parse().map_err(|_| damaged("catalog_tags", &row.tag, "tag"))
}

fn meaning_of(row: &tags::Model) -> Result<Meaning, DatabaseError> {
    let digest = row.digest.as_deref().map(str::parse::<Digest>).transpose();
    digest.map(Meaning::from).map_err(|_| damaged("catalog_tags", &row.tag, "digest"))
}
