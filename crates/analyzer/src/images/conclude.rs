//! Writing down what came of an attempt, and what is told of it.

use std::time::Duration;

use cause::Cause;
use database::DatabaseError;
use event::Timestamp;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, IntoActiveModel, Set};

use super::work::held;
use super::{Claim, Failure, Images, State, Summary, ToldEvent, tags_of, told};
use crate::entity::{image_record, images};
use crate::events::{self, Course};
use crate::failure::AnalysisFailure;

/// Waits before the next attempts after a failure that may pass; after the last one the image is left alone until
/// somebody asks for it again.
const RETRY_WAITS: [Duration; 4] =
    [Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(30), Duration::from_hours(3)];

/// What came of an attempt.
#[derive(Debug)]
pub enum Verdict {
    Analyzed(Box<Summary>),
    Failed(Box<AnalysisFailure>),
}

impl Images {
    /// Returns whether the claim still held: else somebody else has the image by now, and nothing was written.
    ///
    /// A failure is told when it is the first one since somebody asked, and when its cause changes; the attempts in
    /// between are silent.
    pub async fn conclude(&self, claim: &Claim, verdict: &Verdict, now: Timestamp) -> Result<bool, DatabaseError> {
        let transaction = self.database.begin_write().await?;
        let Some(row) = held(&transaction, claim.image.id, claim.lease()).await? else { return Ok(false) };
        match verdict {
            Verdict::Analyzed(summary) => analyzed(&transaction, row, summary, now).await?,
            Verdict::Failed(failure) => failed(&transaction, row, failure, now).await?,
        }
        transaction.commit().await?;
        Ok(true)
    }
}

async fn analyzed(
    transaction: &DatabaseTransaction,
    row: images::Model,
    summary: &Summary,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mut changed = row.into_active_model();
    changed.state = Set(State::Analyzed.as_str().to_owned());
    changed.changed_at = Set(now.as_micros());
    changed.deaths = Set(0);
    changed.failures = Set(0);
    changed.due_at = Set(None);
    changed.lease = Set(None);
    changed.summary = Set(Some(serde_json::to_string(summary).expect("plain texts and numbers")));
    changed.failure = Set(None);
    let row = changed.update(transaction).await?;
    let tags = tags_of(transaction, row.id).await?;
    let image = image_record(row, tags.clone())?;
    let notices = events::completed(&image, &tags, summary).into_iter();
    told::write(transaction, notices.map(|notice| ToldEvent::new(notice, now)).collect()).await
}

async fn failed(
    transaction: &DatabaseTransaction,
    row: images::Model,
    failure: &AnalysisFailure,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let AnalysisFailure { step, cause, retry_at, .. } = failure;
    let tags = tags_of(transaction, row.id).await?;
    let before = image_record(row.clone(), tags.clone())?;
    let last = before.failure.filter(|_| before.failures > 0);
    let code = cause.code().as_str();
    let is_news = last.as_ref().is_none_or(|last| last.code != code);
    let since = last.and_then(|last| Timestamp::from_micros(last.since_micros)).unwrap_or(now);
    let next_attempt_at = next_attempt(cause, before.failures, *retry_at, now);
    let failures = before.failures + 1;
    let failure = Failure {
        code: code.to_owned(),
        summary: cause.summary(),
        hint: cause.hint(),
        since_micros: since.as_micros(),
    };
    let mut changed = row.into_active_model();
    changed.state = Set(State::Failed.as_str().to_owned());
    changed.changed_at = Set(now.as_micros());
    changed.deaths = Set(0);
    changed.failures = Set(failures.into());
    changed.due_at = Set(next_attempt_at.map(Timestamp::as_micros));
    changed.lease = Set(None);
    changed.failure = Set(Some(serde_json::to_string(&failure).expect("plain texts")));
    let row = changed.update(transaction).await?;
    if !is_news {
        return Ok(());
    }
    let image = image_record(row, tags.clone())?;
    let course = Course { since, failures, attempts: image.attempts, next_attempt_at };
    let notice = events::failed(&image, &tags, *step, cause.clone(), course);
    told::write(transaction, vec![ToldEvent::new(notice, now)]).await
}

/// When a failure that may pass is looked at again: after a wait that grows with `failures_before`, and not before the
/// peer wants it.
fn next_attempt(cause: &Cause, failures_before: u32, retry_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let wait = RETRY_WAITS.get(usize::try_from(failures_before).ok()?)?;
    let at = now.plus(*wait);
    cause.retryable().then(|| retry_at.map_or(at, |retry_at| retry_at.max(at)))
}

#[cfg(test)]
mod tests {
    use cause::CauseCode;

    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_later_and_later() {
        let now: Timestamp = "2018-06-30T00:00:00Z".parse().unwrap();
        let check = |code, failures, retry_at: Option<&str>, expected: Option<&str>| {
            let cause = Cause::new(code, "s", "h");
            let at = next_attempt(&cause, failures, retry_at.map(|at| at.parse().unwrap()), now);
            assert_eq!(at.map(|at| at.to_string()).as_deref(), expected, "{code} {failures}");
        };
        check(CauseCode::Connect, 0, None, Some("2018-06-30T00:01:00Z"));
        check(CauseCode::Connect, 3, None, Some("2018-06-30T03:00:00Z"));
        check(CauseCode::Connect, 4, None, None);
        check(CauseCode::Parse, 0, None, None);
        check(CauseCode::RateLimited, 0, Some("2018-06-30T00:10:00Z"), Some("2018-06-30T00:10:00Z"));
        check(CauseCode::RateLimited, 1, Some("2018-06-30T00:00:10Z"), Some("2018-06-30T00:05:00Z"));
    }
}
