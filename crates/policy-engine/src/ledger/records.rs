//! The rows of the records, by generation.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use super::{Ledger, LedgerError};
use crate::entity::{groups, records};
use crate::record::{Record, Skips, not_understood};

/// Rows that are deleted in one transaction.
const SWEEP_ROWS: u64 = 5000;

/// How a batch compares with the generation in effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) added: u64,
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
}

/// Changes of single records.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// As they are now.
    pub(crate) records: Vec<Record>,
    pub(crate) withdrawn: Vec<String>,
}

impl Compared {
    pub(crate) fn add(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }

    pub(crate) fn records(&self) -> u64 {
        self.added + self.changed + self.unchanged
    }

    /// Counts a record whose digest was `before`.
    fn count(&mut self, before: Option<&Vec<u8>>, record: &Record) {
        match before {
            None => self.added += 1,
            Some(digest) if *digest == record.digest => self.unchanged += 1,
            Some(_) => self.changed += 1,
        }
    }
}

impl Ledger {
    /// A generation that nobody has used.
    pub(crate) async fn new_generation(&self, group: i64) -> Result<i64, LedgerError> {
        let transaction = self.begin().await?;
        let next = groups::Column::NextGeneration;
        let taken = groups::Entity::update_many()
            .col_expr(next, Expr::col(next).add(1))
            .filter(groups::Column::Id.eq(group))
            .exec_with_returning(&transaction)
            .await?;
        transaction.commit().await?;
        // A row that is gone was forgotten by another release of the configuration.
        Ok(taken.first().ok_or(LedgerError::Lost)?.next_generation - 1)
    }

    /// Writes a batch into generation `new`, which is not in effect, and compares it with generation `old`, which is. A
    /// record whose ID was there before in `new` is skipped.
    pub(crate) async fn stage(
        &self,
        group: i64,
        (old, new): (i64, i64),
        batch: &[Record],
        skips: &mut Skips,
    ) -> Result<Compared, LedgerError> {
        let ids: Vec<&str> = batch.iter().map(|record| record.id.as_str()).collect();
        let mut known = HashMap::new();
        let mut staged: HashSet<String> = HashSet::new();
        for row in self.find(group, [old, new], &ids).await? {
            if row.generation == old {
                known.insert(row.id, row.digest);
            } else {
                staged.insert(row.id);
            }
        }
        let mut compared = Compared::default();
        let mut rows = Vec::with_capacity(batch.len());
        for record in batch {
            if !staged.insert(record.id.clone()) {
                skips.add(&record.id, not_understood("the feed has it twice"));
                continue;
            }
            compared.count(known.get(&record.id), record);
            rows.push(row(group, new, record));
        }
        if !rows.is_empty() {
            let transaction = self.begin().await?;
            records::Entity::insert_many(rows).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(compared)
    }

    /// Compares single records, and IDs that are gone, with the generation in effect.
    pub(crate) async fn compare(
        &self,
        group: i64,
        generation: i64,
        found: Vec<Record>,
        gone: Vec<String>,
    ) -> Result<(Delta, Compared), LedgerError> {
        let ids: Vec<&str> = found.iter().map(|record| &record.id).chain(&gone).map(String::as_str).collect();
        let rows = self.find(group, [generation, generation], &ids).await?;
        let known: HashMap<String, Vec<u8>> = rows.into_iter().map(|row| (row.id, row.digest)).collect();
        let mut compared = Compared::default();
        for record in &found {
            compared.count(known.get(&record.id), record);
        }
        let withdrawn = gone.into_iter().filter(|id| known.contains_key(id)).collect();
        Ok((Delta { records: found, withdrawn }, compared))
    }

    /// When each of `ids` was last changed, as far as the generation in effect has them and knows.
    pub(crate) async fn modified(
        &self,
        group: i64,
        generation: i64,
        ids: &[&str],
    ) -> Result<HashMap<String, i64>, LedgerError> {
        let rows = self.find(group, [generation, generation], ids).await?;
        Ok(rows.into_iter().filter_map(|row| Some((row.id, row.modified?))).collect())
    }

    /// Deletes every generation of a group but `keep`. Many transactions; leaving off in the middle is harmless.
    pub(crate) async fn sweep(&self, group: i64, keep: Option<i64>) -> Result<(), LedgerError> {
        while let Some(generation) = self.unused_generation(group, keep).await? {
            let of_generation = || records::Column::GroupId.eq(group).and(records::Column::Generation.eq(generation));
            // Where the part that is deleted at once ends, if there is more.
            let boundary: Option<String> = records::Entity::find()
                .filter(of_generation())
                .select_only()
                .column(records::Column::Id)
                .order_by_asc(records::Column::Id)
                .offset(SWEEP_ROWS)
                .limit(1)
                .into_tuple()
                .one(self.database.reader())
                .await?;
            let part = match boundary {
                Some(boundary) => of_generation().and(records::Column::Id.lt(boundary)),
                None => of_generation(),
            };
            let transaction = self.begin().await?;
            records::Entity::delete_many().filter(part).exec(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn unused_generation(&self, group: i64, keep: Option<i64>) -> Result<Option<i64>, LedgerError> {
        let find = |condition: Expr| {
            records::Entity::find()
                .filter(records::Column::GroupId.eq(group).and(condition))
                .select_only()
                .column(records::Column::Generation)
                .order_by_asc(records::Column::Generation)
                .limit(1)
                .into_tuple()
                .one(self.database.reader())
        };
        let Some(keep) = keep else { return Ok(find(records::Column::Generation.gte(0)).await?) };
        let older: Option<i64> = find(records::Column::Generation.lt(keep)).await?;
        match older {
            Some(generation) => Ok(Some(generation)),
            None => Ok(find(records::Column::Generation.gt(keep)).await?),
        }
    }

    async fn find(&self, group: i64, generations: [i64; 2], ids: &[&str]) -> Result<Vec<records::Model>, LedgerError> {
        let of_group = records::Column::GroupId.eq(group).and(records::Column::Generation.is_in(generations));
        let query = records::Entity::find().filter(of_group.and(records::Column::Id.is_in(ids.iter().copied())));
        Ok(query.all(self.database.reader()).await?)
    }
}

pub(super) fn row(group: i64, generation: i64, record: &Record) -> records::ActiveModel {
    records::ActiveModel {
        group_id: Set(group),
        generation: Set(generation),
        id: Set(record.id.clone()),
        digest: Set(record.digest.to_vec()),
        modified: Set(record.modified.map(event::Timestamp::as_micros)),
    }
}
