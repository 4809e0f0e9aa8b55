//! The rows of the groups.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, Set, Unchanged,
};
use uuid::Uuid;

use super::{Begun, Delta, Ledger, LedgerError, Report, count, time};
use crate::GroupId;
use crate::entity::{groups, records};
use crate::recurrence::Failing;
use crate::source::Validators;
use crate::state::{GroupState, SyncResult};

/// What no configuration names is kept this long, for a configuration that is being changed, or tried out.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(30 * 24);

/// What a sync makes of a group.
pub(crate) struct GroupChange {
    pub(crate) result: SyncResult,
    pub(crate) next_at: Timestamp,
    /// `None` when it works.
    pub(crate) failing: Option<Failing>,
    /// `None` when it keeps the state that it has.
    pub(crate) state: Option<NewState>,
}

/// The state of a group that is as its feed is.
pub(crate) struct NewState {
    /// The one it has, where the feed has nothing new.
    pub(crate) generation: i64,
    pub(crate) records: u64,
    pub(crate) validators: BTreeMap<String, Validators>,
    pub(crate) newest: Option<Timestamp>,
    /// When that is now: it was compared as a whole.
    pub(crate) is_whole: bool,
    pub(crate) is_change: bool,
    /// Changes of single records.
    pub(crate) delta: Option<Delta>,
}

impl Ledger {
    /// Makes a row for each group that has none, and returns all of them in the order given. `source` says where a group
    /// comes from: one that comes from elsewhere than before begins anew.
    pub(crate) async fn configure(
        &self,
        groups: &[(GroupId, String)],
        now: Timestamp,
    ) -> Result<Vec<GroupState>, LedgerError> {
        let transaction = self.begin().await?;
        let mut states = Vec::new();
        for (id, source) in groups {
            let known = OnConflict::columns([groups::Column::Feed, groups::Column::Name]).do_nothing().to_owned();
            let insert = groups::Entity::insert(fresh(id, source, now)).on_conflict(known);
            insert.exec_without_returning(&transaction).await?;
            let of_group = groups::Column::Feed.eq(id.feed.as_str()).and(groups::Column::Name.eq(id.group.as_str()));
            let row = groups::Entity::find().filter(of_group).one(&transaction).await?;
            let Some(mut row) = row else { continue };
            if row.source != *source {
                let mut anew = fresh(id, source, now);
                anew.id = Unchanged(row.id);
                // Generations are never reused, so that leftovers of the old ones stay nobody's.
                anew.next_generation = Set(row.next_generation);
                row = anew.update(&transaction).await?;
            }
            let mut seen = row.clone().into_active_model();
            seen.seen_at = Set(now.as_micros());
            seen.update(&transaction).await?;
            states.push(state(row, id));
        }
        transaction.commit().await?;
        Ok(states)
    }

    /// Every one of `ids`, as it is now.
    pub(crate) async fn groups(&self, ids: &[GroupId]) -> Result<Vec<GroupState>, LedgerError> {
        let rows = groups::Entity::find().all(self.database.reader()).await?;
        let mut rows: BTreeMap<(String, String), groups::Model> =
            rows.into_iter().map(|row| ((row.feed.clone(), row.name.clone()), row)).collect();
        let row = |id: &GroupId| {
            let row = rows.remove(&(id.feed.to_string(), id.group.to_string()))?;
            Some(state(row, id))
        };
        Ok(ids.iter().filter_map(row).collect())
    }

    /// Deletes what no configuration has named for a long time. Many transactions.
    pub(crate) async fn forget_unconfigured(&self, now: Timestamp) -> Result<(), LedgerError> {
        let latest = now.minus(FORGOTTEN_AFTER).as_micros();
        let forgotten = groups::Column::SeenAt.lt(latest);
        for row in groups::Entity::find().filter(forgotten).all(self.database.reader()).await? {
            self.sweep(row.id, None).await?;
            let transaction = self.begin().await?;
            // Somebody may have come back to it.
            let still = groups::Column::Id.eq(row.id).and(groups::Column::SeenAt.lt(latest));
            groups::Entity::delete_many().filter(still).exec(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Ends the sync of a group: its new state takes effect, and what is to be told about it is written down, or neither.
    pub(crate) async fn conclude_group(
        &self,
        run: Uuid,
        group: &GroupState,
        change: &GroupChange,
        reports: &[Report],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        self.hold(run, now, &transaction).await?;
        let mut row = groups::ActiveModel { id: Unchanged(group.key), ..Default::default() };
        row.seen_at = Set(now.as_micros());
        row.next_at = Set(Some(change.next_at.as_micros()));
        row.last_result = Set(Some(json(&change.result)));
        row.failing = Set(change.failing.as_ref().map(json));
        if let Some(state) = &change.state {
            if let Some(delta) = &state.delta {
                apply(group.key, state.generation, delta, &transaction).await?;
            }
            row.generation = Set(state.generation);
            row.records = Set(count(state.records));
            row.validators = Set(json(&state.validators));
            row.newest = Set(state.newest.map(Timestamp::as_micros));
            row.synced_at = Set(Some(now.as_micros()));
            row.stale_told_at = Set(None);
            if state.is_whole {
                row.whole_at = Set(Some(now.as_micros()));
            }
            if state.is_change {
                row.changed_at = Set(Some(now.as_micros()));
            }
        }
        row.update(&transaction).await?;
        Self::end(run, Begun::Group(&group.id.to_string()), &transaction).await?;
        self.write(reports, &transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes that a group was told to be stale, unless somebody else has done so meanwhile.
    pub(crate) async fn tell_stale(
        &self,
        group: &GroupState,
        report: &Report,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let transaction = self.begin().await?;
        let told_at = groups::Column::StaleToldAt;
        let as_it_was = match group.stale_told_at {
            Some(at) => told_at.eq(at.as_micros()),
            None => told_at.is_null(),
        };
        let updated = groups::Entity::update_many()
            .col_expr(told_at, Expr::value(now.as_micros()))
            .filter(groups::Column::Id.eq(group.key).and(as_it_was))
            .exec(&transaction)
            .await?;
        if updated.rows_affected == 1 {
            self.write(std::slice::from_ref(report), &transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

fn fresh(id: &GroupId, source: &str, now: Timestamp) -> groups::ActiveModel {
    groups::ActiveModel {
        id: sea_orm::NotSet,
        feed: Set(id.feed.to_string()),
        name: Set(id.group.to_string()),
        source: Set(source.to_owned()),
        configured_at: Set(now.as_micros()),
        seen_at: Set(now.as_micros()),
        generation: Set(0),
        next_generation: Set(1),
        records: Set(0),
        validators: Set("{}".to_owned()),
        newest: Set(None),
        whole_at: Set(None),
        synced_at: Set(None),
        changed_at: Set(None),
        next_at: Set(None),
        last_result: Set(None),
        failing: Set(None),
        stale_told_at: Set(None),
    }
}

fn state(row: groups::Model, id: &GroupId) -> GroupState {
    GroupState {
        key: row.id,
        id: id.clone(),
        configured_at: time(row.configured_at),
        generation: row.generation,
        records: u64::try_from(row.records).unwrap_or_default(),
        // What another release has written in another form is as good as nothing.
        validators: serde_json::from_str(&row.validators).unwrap_or_default(),
        newest: row.newest.map(time),
        whole_at: row.whole_at.map(time),
        synced_at: row.synced_at.map(time),
        changed_at: row.changed_at.map(time),
        next_at: row.next_at.map(time),
        last_result: row.last_result.and_then(|text| serde_json::from_str(&text).ok()),
        failing: row.failing.and_then(|text| serde_json::from_str(&text).ok()),
        stale_told_at: row.stale_told_at.map(time),
    }
}

/// Changes single records of the generation that is in effect.
async fn apply(
    group: i64,
    generation: i64,
    delta: &Delta,
    transaction: &DatabaseTransaction,
) -> Result<(), LedgerError> {
    for record in &delta.records {
        let row = super::records::row(group, generation, record);
        let known = OnConflict::columns([records::Column::GroupId, records::Column::Generation, records::Column::Id])
            .update_columns([records::Column::Digest, records::Column::Modified])
            .to_owned();
        records::Entity::insert(row).on_conflict(known).exec_without_returning(transaction).await?;
    }
    for id in &delta.withdrawn {
        records::Entity::delete_by_id((group, generation, id.clone())).exec(transaction).await?;
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a state is made of texts and numbers")
}
