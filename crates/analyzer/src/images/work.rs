//! Handing images to workers. A worker holds an image by a lease, which it renews while it works; an image whose lease
//! has run out is handed to the next one that asks, of any replica.

use std::time::Duration;

use cause::{Cause, CauseCode};
use database::DatabaseError;
use event::{EventId, Timestamp};
use oci_registry::Digest;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Set,
};

use super::accept::{note_tag, queue_again, tell_completed};
use super::{ImageRecord, Images, Job, State, ToldEvent, locked, tags_of, told};
use crate::entity::{image_record, image_tags, images, jobs};
use crate::events::{self, Course};
use crate::failure::FailedStep;
use crate::images::Failure;

/// Attempts in a row that may end with their process before an image is put aside. Some, because the process may have
/// been killed for another reason, and every image in work with it.
const DEATHS_MAX: i64 = 5;
/// Images that are looked at to find one that no other worker takes at the same moment.
const CANDIDATES: u64 = 8;

/// An image in the hands of a worker.
#[derive(Debug)]
pub struct Claim {
    pub image: ImageRecord,
    lease: EventId,
}

impl Claim {
    /// Names this attempt.
    pub fn lease(&self) -> EventId {
        self.lease
    }
}

/// What came of asking for an image.
#[derive(Debug)]
pub enum Claimed {
    Image(Box<Claim>),
    /// One that keeps ending its workers is out of the way; ask again.
    PutAside,
    Nothing,
}

impl Images {
    /// The image that is due the longest. The attempt is counted before it begins, so that one which ends with its
    /// process counts, too.
    pub async fn claim(&self, lease_time: Duration, now: Timestamp) -> Result<Claimed, DatabaseError> {
        let due = images::Entity::find()
            .filter(images::Column::DueAt.lte(now.as_micros()))
            .order_by_asc(images::Column::DueAt)
            .order_by_asc(images::Column::Id)
            .limit(CANDIDATES)
            .all(self.database.reader())
            .await?;
        for candidate in due {
            let transaction = self.database.begin_write().await?;
            let Some(row) = locked(&transaction, candidate.id.into()).await? else { continue };
            if row.due_at != candidate.due_at || row.lease != candidate.lease {
                continue;
            }
            // A lease that has run out: the attempt before this one ended without a word.
            let deaths = row.deaths + i64::from(row.state == State::Analyzing.as_str());
            if deaths >= DEATHS_MAX {
                put_aside(&transaction, row, deaths, now).await?;
                transaction.commit().await?;
                return Ok(Claimed::PutAside);
            }
            let lease = EventId::generate();
            let attempts = row.attempts + 1;
            let mut changed = row.into_active_model();
            changed.state = Set(State::Analyzing.as_str().to_owned());
            changed.changed_at = Set(now.as_micros());
            changed.attempts = Set(attempts);
            changed.deaths = Set(deaths);
            changed.due_at = Set(Some(now.plus(lease_time).as_micros()));
            changed.lease = Set(Some(lease.as_uuid()));
            let row = changed.update(&transaction).await?;
            let tags = tags_of(&transaction, row.id).await?;
            transaction.commit().await?;
            return Ok(Claimed::Image(Box::new(Claim { image: image_record(row, tags)?, lease })));
        }
        Ok(Claimed::Nothing)
    }

    /// Returns whether the lease still holds.
    pub async fn renew(
        &self,
        image: EventId,
        lease: EventId,
        lease_time: Duration,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(row) = held(&transaction, image, lease).await? else { return Ok(false) };
        let mut changed = row.into_active_model();
        changed.due_at = Set(Some(now.plus(lease_time).as_micros()));
        changed.update(&transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives an image back that was not finished, as at a stop in good order: that is no death. It is taken again from
    /// `due_at` on.
    pub async fn release(&self, claim: &Claim, due_at: Timestamp, now: Timestamp) -> Result<(), DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(row) = held(&transaction, claim.image.id, claim.lease).await? else { return Ok(()) };
        let mut changed = row.into_active_model();
        changed.state = Set(State::Queued.as_str().to_owned());
        changed.changed_at = Set(now.as_micros());
        changed.deaths = Set(0);
        changed.due_at = Set(Some(due_at.as_micros()));
        changed.lease = Set(None);
        changed.update(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes what the image's tag means, and returns the image with it. Where the account has an image of this digest in
    /// the same repository already, this one becomes a part of it, and there is nothing more to do: `None`.
    pub async fn identify(
        &self,
        claim: &Claim,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<ImageRecord>, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(row) = held(&transaction, claim.image.id, claim.lease).await? else { return Ok(None) };
        let known = images::Entity::find()
            .filter(images::Column::Account.eq(row.account.as_str()))
            .filter(images::Column::Repository.eq(row.repository.as_str()))
            .filter(images::Column::Digest.eq(digest.as_str()))
            .lock_exclusive()
            .one(&transaction)
            .await?;
        let Some(known) = known else {
            let mut changed = row.into_active_model();
            changed.digest = Set(Some(digest.to_string()));
            let row = changed.update(&transaction).await?;
            let tags = tags_of(&transaction, row.id).await?;
            transaction.commit().await?;
            return image_record(row, tags).map(Some);
        };
        merge(&transaction, &row, known, now).await?;
        transaction.commit().await?;
        Ok(None)
    }
}

/// The row of `image`, while the lease holds.
pub(super) async fn held(
    transaction: &DatabaseTransaction,
    image: EventId,
    lease: EventId,
) -> Result<Option<images::Model>, DatabaseError> {
    let row = locked(transaction, image).await?;
    Ok(row.filter(|row| row.lease == Some(lease.as_uuid())))
}

/// Makes `row` a part of `known`: its jobs and its tags.
async fn merge(
    transaction: &DatabaseTransaction,
    row: &images::Model,
    known: images::Model,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mut new_tags = Vec::new();
    for tag in tags_of(transaction, row.id).await? {
        if note_tag(transaction, known.id.into(), &tag, now).await? {
            new_tags.push(tag);
        }
    }
    image_tags::Entity::delete_many().filter(image_tags::Column::ImageId.eq(row.id)).exec(transaction).await?;
    let to_known = jobs::ActiveModel { image_id: Set(known.id), ..Default::default() };
    jobs::Entity::update_many().set(to_known).filter(jobs::Column::ImageId.eq(row.id)).exec(transaction).await?;
    images::Entity::delete_by_id(row.id).exec(transaction).await?;
    match State::parse(&known.state) {
        Some(State::Analyzed) if !new_tags.is_empty() => tell_completed(transaction, known, &new_tags, now).await,
        Some(State::Failed | State::PutAside) => {
            let record = image_record(row.clone(), Vec::new())?;
            let job = Job {
                id: record.id,
                account: record.account,
                repository: record.repository,
                tag: None,
                digest: None,
                insecure: record.insecure,
                requested_at: record.requested_at,
            };
            queue_again(transaction, known, &job, now).await
        }
        _ => Ok(()),
    }
}

async fn put_aside(
    transaction: &DatabaseTransaction,
    row: images::Model,
    deaths: i64,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let summary = format!("{deaths} analyses in a row ended together with the process that did them");
    let hint = "Look for the reason in the log of the analyzer and of the machine (out of memory?). The image is left \
                alone until somebody asks for it again: `anchore-cli image add`.";
    let cause = Cause::new(CauseCode::Interrupted, summary, hint).with_retryable(false);
    let failure = Failure {
        code: cause.code().as_str().to_owned(),
        summary: cause.summary(),
        hint: cause.hint(),
        since_micros: now.as_micros(),
    };
    let tags = tags_of(transaction, row.id).await?;
    let mut changed = row.into_active_model();
    changed.state = Set(State::PutAside.as_str().to_owned());
    changed.changed_at = Set(now.as_micros());
    changed.deaths = Set(deaths);
    changed.due_at = Set(None);
    changed.lease = Set(None);
    changed.failure = Set(Some(serde_json::to_string(&failure).expect("plain texts")));
    let row = changed.update(transaction).await?;
    let image = image_record(row, tags.clone())?;
    let course = Course { since: now, failures: 1, attempts: image.attempts, next_attempt_at: None };
    let notice = events::failed(&image, &tags, FailedStep::Analyze, cause, course);
    told::write(transaction, vec![ToldEvent::new(notice, now)]).await
}
