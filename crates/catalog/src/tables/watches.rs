//! The watches.

use database::DatabaseError;
use event::{AccountName, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};
use uuid::Uuid;

use super::{Tables, damaged, time};
use crate::concern::Owner;
use crate::entity::{failures, watches};
use crate::{Watch, WatchKey};

/// Most watches of one catalog.
pub(crate) const WATCHES_MAX: u64 = 10_000;

/// A watch, and what is known about it besides its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownWatch {
    pub(crate) id: Uuid,
    pub(crate) watch: Watch,
    pub(crate) added_at: Timestamp,
    /// The first sight: what was there then was there before.
    pub(crate) seen_at: Option<Timestamp>,
    pub(crate) last_success_at: Option<Timestamp>,
    pub(crate) swept_at: Option<Timestamp>,
}

/// What came of adding a watch.
#[derive(Debug)]
pub(crate) enum Added {
    New(KnownWatch),
    Known,
    TooMany,
}

impl Tables {
    /// Brings the configured watches in line with `configured`: those that are new are added, those that are gone from
    /// it are forgotten. What was added at run time stays, and becomes configured where it now is.
    pub(crate) async fn reconcile(&self, configured: &[Watch], now: Timestamp) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let rows = watches::Entity::find().all(&transaction).await?;
        let is_row_of = |row: &watches::Model, watch: &Watch| {
            row.account == watch.key.account.as_str()
                && row.repository == watch.key.repository.to_string()
                && row.tag == tag_text(&watch.key)
        };
        for watch in configured {
            match rows.iter().find(|row| is_row_of(row, watch)) {
                Some(row) if row.is_configured && row.insecure == watch.insecure => {}
                Some(row) => {
                    let change = watches::ActiveModel {
                        id: Set(row.id),
                        is_configured: Set(true),
                        insecure: Set(watch.insecure),
                        ..Default::default()
                    };
                    watches::Entity::update(change).exec(&transaction).await?;
                }
                None => insert(&transaction, Uuid::now_v7(), watch, now).await?,
            }
        }
        let gone = rows.iter().filter(|row| row.is_configured);
        for row in gone.filter(|row| configured.iter().all(|watch| !is_row_of(row, watch))) {
            delete(&transaction, row.id).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Adds a watch, unless there is one of its key.
    pub(crate) async fn add(&self, watch: &Watch, now: Timestamp) -> Result<Added, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if watches::Entity::find().filter(is(&watch.key)).one(&transaction).await?.is_some() {
            return Ok(Added::Known);
        }
        if watches::Entity::find().count(&transaction).await? >= WATCHES_MAX {
            return Ok(Added::TooMany);
        }
        let id = Uuid::now_v7();
        insert(&transaction, id, watch, now).await?;
        let inserted = watches::Entity::find_by_id(id).one(&transaction).await?;
        transaction.commit().await?;
        // Another catalog may have been first.
        inserted.as_ref().map(known_watch).transpose().map(|inserted| inserted.map_or(Added::Known, Added::New))
    }

    pub(crate) async fn find(&self, key: &WatchKey) -> Result<Option<KnownWatch>, DatabaseError> {
        let found = watches::Entity::find().filter(is(key)).one(self.database.reader()).await?;
        found.as_ref().map(known_watch).transpose()
    }

    /// Every watch.
    pub(crate) async fn watches(&self) -> Result<Vec<KnownWatch>, DatabaseError> {
        let rows = watches::Entity::find().all(self.database.reader()).await?;
        rows.iter().map(known_watch).collect()
    }

    /// Up to `limit` watches of `account` after the one that is called `after`, by name and tag.
    pub(crate) async fn list(
        &self,
        account: &AccountName,
        after: Option<(String, String)>,
        limit: u64,
    ) -> Result<Vec<KnownWatch>, DatabaseError> {
        use watches::Column::{Account, Repository, Tag};
        let mut matching = watches::Entity::find().filter(Account.eq(account.as_str()));
        if let Some((repository, tag)) = after {
            let same_repository = Condition::all().add(Repository.eq(repository.clone())).add(Tag.gt(tag));
            matching = matching.filter(Condition::any().add(Repository.gt(repository)).add(same_repository));
        }
        let ordered = matching.order_by_asc(Repository).order_by_asc(Tag).limit(limit);
        ordered.all(self.database.reader()).await?.iter().map(known_watch).collect()
    }

    /// Forgets a watch, its tags and its failures.
    pub(crate) async fn delete(&self, id: Uuid) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        delete(&transaction, id).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes when it last worked, and when its tags were last looked up.
    pub(crate) async fn note_success(
        &self,
        id: Uuid,
        last_success_at: Option<Timestamp>,
        swept_at: Option<Timestamp>,
    ) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let change = watches::ActiveModel {
            last_success_at: Set(last_success_at.map(Timestamp::as_micros)),
            swept_at: Set(swept_at.map(Timestamp::as_micros)),
            ..Default::default()
        };
        // Not an update of the one row, which would be an error where it is gone.
        watches::Entity::update_many().set(change).filter(watches::Column::Id.eq(id)).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

fn is(key: &WatchKey) -> Condition {
    use watches::Column::{Account, Repository, Tag};
    Condition::all()
        .add(Account.eq(key.account.as_str()))
        .add(Repository.eq(key.repository.to_string()))
        .add(Tag.eq(tag_text(key)))
}

async fn insert(
    connection: &impl ConnectionTrait,
    id: Uuid,
    watch: &Watch,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let row = watches::ActiveModel {
        id: Set(id),
        account: Set(watch.key.account.to_string()),
        repository: Set(watch.key.repository.to_string()),
        tag: Set(tag_text(&watch.key)),
        insecure: Set(watch.insecure),
        is_configured: Set(watch.is_configured),
        added_at: Set(now.as_micros()),
        seen_at: Set(None),
        last_success_at: Set(None),
        swept_at: Set(None),
    };
    let columns = [watches::Column::Account, watches::Column::Repository, watches::Column::Tag];
    let known = OnConflict::columns(columns).do_nothing().to_owned();
    watches::Entity::insert_many([row]).on_conflict(known).exec_without_returning(connection).await?;
    Ok(())
}

async fn delete(connection: &impl ConnectionTrait, id: Uuid) -> Result<(), DatabaseError> {
    let owner = Owner::Watch(id).to_string();
    failures::Entity::delete_many().filter(failures::Column::Owner.eq(owner)).exec(connection).await?;
    // Its tags go with it.
    watches::Entity::delete_by_id(id).exec(connection).await?;
    Ok(())
}

fn tag_text(key: &WatchKey) -> String {
    key.tag.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn known_watch(row: &watches::Model) -> Result<KnownWatch, DatabaseError> {
    const TABLE: &str = "catalog_watches";
    let key = row.id.to_string();
    let at = |micros: Option<i64>, column| micros.map(|micros| time(micros, TABLE, &key, column)).transpose();
    let tag = Some(row.tag.as_str()).filter(|tag| !tag.is_empty()).map(str::parse).transpose();
    Ok(KnownWatch {
        id: row.id,
        watch: Watch {
            key: WatchKey {
                account: row.account.parse().map_err(|_| damaged(TABLE, &key, "account"))?,
                repository: row.repository.parse().map_err(|_| damaged(TABLE, &key, "repository"))?,
                tag: tag.map_err(|_| damaged(TABLE, &key, "tag"))?,
            },
            insecure: row.insecure,
            is_configured: row.is_configured,
        },
        added_at: time(row.added_at, TABLE, &key, "added_at")?,
        seen_at: at(row.seen_at, "seen_at")?,
        last_success_at: at(row.last_success_at, "last_success_at")?,
        swept_at: at(row.swept_at, "swept_at")?,
    })
}
