//! Taking jobs in.

use bus::AnalysisJob;
use database::DatabaseError;
use event::{AccountName, EventId, Timestamp};
use oci_registry::{Digest, RepositoryName, TagName};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Set,
};

use super::{Images, State, ToldEvent, locked, tags_of, told};
use crate::entity::{image_record, image_tags, images, jobs};
use crate::events;

/// An image that somebody wants analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: EventId,
    pub account: AccountName,
    pub repository: RepositoryName,
    pub tag: Option<TagName>,
    /// One of both is there.
    pub digest: Option<Digest>,
    pub insecure: bool,
    pub requested_at: Timestamp,
}

/// A job that nobody can do; names of things that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct JobProblem {
    field: &'static str,
    problem: String,
}

impl TryFrom<AnalysisJob> for Job {
    type Error = JobProblem;

    fn try_from(job: AnalysisJob) -> Result<Self, JobProblem> {
        let wrong = |field| move |problem: String| JobProblem { field, problem };
        Ok(Self {
            id: job.id,
            account: job.account,
            repository: job.repository.parse().map_err(|error| wrong("repository")(format!("{error}")))?,
            tag: job.tag.map(|tag| tag.parse().map_err(|error| wrong("tag")(format!("{error}")))).transpose()?,
            digest: job
                .digest
                .map(|digest| digest.parse().map_err(|error| wrong("digest")(format!("{error}"))))
                .transpose()?,
            insecure: job.insecure,
            requested_at: job.requested_at,
        })
    }
}

impl Images {
    /// Takes a job in; one that was taken in before changes nothing. An image that is analysed or in work is not analysed
    /// again: a tag that is new for it is noted, and told at once or when the work is done. One that failed, or was put
    /// aside, is queued again. Returns the ID of the image.
    pub async fn accept(&self, job: &Job, now: Timestamp) -> Result<EventId, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        if let Some(known) = jobs::Entity::find_by_id(job.id.as_uuid()).one(&transaction).await? {
            return Ok(known.image_id.into());
        }
        let id = match find(&transaction, job).await? {
            Some(id) => id,
            // Another replica may insert the same digest at this moment: then theirs is found afterwards.
            None if insert(&transaction, job, now).await? => job.id,
            None => find(&transaction, job).await?.unwrap_or(job.id),
        };
        let image = locked(&transaction, id).await?;
        let image = image.ok_or_else(|| crate::entity::damaged(&format!("job {}", job.id), "image_id"))?;
        let is_new_tag = match &job.tag {
            Some(tag) => note_tag(&transaction, id, tag.as_str(), now).await?,
            None => false,
        };
        match State::parse(&image.state) {
            Some(State::Analyzed) if is_new_tag => {
                let tags = job.tag.iter().map(ToString::to_string).collect::<Vec<_>>();
                tell_completed(&transaction, image, &tags, now).await?;
            }
            Some(State::Failed | State::PutAside) => queue_again(&transaction, image, job, now).await?,
            _ => {}
        }
        let row = jobs::ActiveModel {
            id: Set(job.id.as_uuid()),
            image_id: Set(id.as_uuid()),
            accepted_at: Set(now.as_micros()),
        };
        let known = OnConflict::column(jobs::Column::Id).do_nothing().to_owned();
        jobs::Entity::insert_many([row]).on_conflict(known).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// How many images wait for a worker.
    pub async fn queued(&self) -> Result<u64, DatabaseError> {
        use sea_orm::PaginatorTrait;
        let waiting = images::Entity::find().filter(images::Column::State.eq(State::Queued.as_str()));
        Ok(waiting.count(self.database.reader()).await?)
    }
}

/// The image that a job is about: by its digest, or the one whose tag was not looked up yet.
async fn find(transaction: &DatabaseTransaction, job: &Job) -> Result<Option<EventId>, DatabaseError> {
    let of_account = images::Entity::find()
        .filter(images::Column::Account.eq(job.account.as_str()))
        .filter(images::Column::Repository.eq(job.repository.to_string()));
    let found = match (&job.digest, &job.tag) {
        (Some(digest), _) => of_account.filter(images::Column::Digest.eq(digest.as_str())),
        (None, tag) => {
            let tag = tag.as_ref().map(TagName::as_str).unwrap_or_default();
            let under_tag = Query::select()
                .column(image_tags::Column::ImageId)
                .from(image_tags::Entity)
                .and_where(Expr::col(image_tags::Column::Tag).eq(tag))
                .to_owned();
            of_account
                .filter(images::Column::Digest.is_null())
                .filter(images::Column::State.ne(State::Analyzing.as_str()))
                .filter(images::Column::Id.in_subquery(under_tag))
        }
    };
    let found = found.order_by_asc(images::Column::Id).one(transaction).await?;
    Ok(found.map(|row| row.id.into()))
}

/// Returns whether it is new.
async fn insert(transaction: &DatabaseTransaction, job: &Job, now: Timestamp) -> Result<bool, DatabaseError> {
    let row = images::ActiveModel {
        id: Set(job.id.as_uuid()),
        account: Set(job.account.to_string()),
        repository: Set(job.repository.to_string()),
        digest: Set(job.digest.as_ref().map(ToString::to_string)),
        insecure: Set(job.insecure),
        state: Set(State::Queued.as_str().to_owned()),
        requested_at: Set(job.requested_at.as_micros()),
        changed_at: Set(now.as_micros()),
        attempts: Set(0),
        deaths: Set(0),
        failures: Set(0),
        due_at: Set(Some(now.as_micros())),
        lease: Set(None),
        summary: Set(None),
        failure: Set(None),
    };
    let known = OnConflict::new().do_nothing().to_owned();
    let inserted = images::Entity::insert_many([row]).on_conflict(known).exec_without_returning(transaction).await?;
    Ok(inserted > 0)
}

/// Returns whether the image did not have it.
pub(super) async fn note_tag(
    transaction: &DatabaseTransaction,
    id: EventId,
    tag: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let row = image_tags::ActiveModel {
        image_id: Set(id.as_uuid()),
        tag: Set(tag.to_owned()),
        noted_at: Set(now.as_micros()),
    };
    let known = OnConflict::columns([image_tags::Column::ImageId, image_tags::Column::Tag]).do_nothing().to_owned();
    let noted = image_tags::Entity::insert_many([row]).on_conflict(known).exec_without_returning(transaction).await?;
    Ok(noted > 0)
}

/// Tells that an analysed image has these tags, too.
pub(super) async fn tell_completed(
    transaction: &DatabaseTransaction,
    image: images::Model,
    tags: &[String],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let all = tags_of(transaction, image.id).await?;
    let image = image_record(image, all)?;
    let Some(summary) = &image.summary else { return Ok(()) };
    let notices = events::completed(&image, tags, summary).into_iter();
    told::write(transaction, notices.map(|notice| ToldEvent::new(notice, now)).collect()).await
}

pub(super) async fn queue_again(
    transaction: &DatabaseTransaction,
    image: images::Model,
    job: &Job,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mut image = image.into_active_model();
    image.insecure = Set(job.insecure);
    image.state = Set(State::Queued.as_str().to_owned());
    image.changed_at = Set(now.as_micros());
    image.requested_at = Set(job.requested_at.as_micros());
    image.due_at = Set(Some(now.as_micros()));
    image.deaths = Set(0);
    image.failures = Set(0);
    image.update(transaction).await?;
    Ok(())
}
