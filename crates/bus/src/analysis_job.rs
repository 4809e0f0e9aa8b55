//! Analysis jobs above the seam: the one place where they become messages and messages become jobs.

use std::sync::Arc;

use event::{AccountName, EventId, Timestamp};
use prost::Message as _;
use proto::{timestamp_from_proto, timestamp_to_proto};

use crate::subject::token;
use crate::{Bus, BusError, Outgoing, Receipt, Topic};

/// An image to analyse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisJob {
    /// Made once by whoever asks: the same ID is the same job.
    pub id: EventId,
    /// Who owns the image and the events about it.
    pub account: AccountName,
    /// With its registry: `registry.example.com:5000/team/app`.
    pub repository: String,
    /// `None` where the image was asked for by its digest.
    pub tag: Option<String>,
    /// Of the manifest or the index. `None`: whatever the tag means when the job is taken.
    pub digest: Option<String>,
    /// Plain HTTP.
    pub insecure: bool,
    pub requested_at: Timestamp,
}

/// A message that is no job, and never will be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an analysis job: {0}")]
pub struct AnalysisJobError(String);

impl AnalysisJob {
    /// The message that carries the job.
    pub fn to_outgoing(&self) -> Outgoing {
        let job = proto::jobs::v1::AnalysisJob {
            id: self.id.to_string(),
            account: self.account.to_string(),
            repository: self.repository.clone(),
            tag: self.tag.clone().unwrap_or_default(),
            digest: self.digest.clone().unwrap_or_default(),
            insecure: self.insecure,
            requested_at: Some(timestamp_to_proto(self.requested_at)),
        };
        Outgoing {
            subject: format!("{}.{}", Topic::AnalysisJobs.prefix(), token(self.account.as_str())),
            id: job.id.clone(),
            payload: job.encode_to_vec(),
        }
    }

    /// # Errors
    /// What makes `payload` no job.
    pub fn decode(payload: &[u8]) -> Result<Self, AnalysisJobError> {
        let refused = |problem: String| AnalysisJobError(problem);
        let job = proto::jobs::v1::AnalysisJob::decode(payload).map_err(|error| refused(error.to_string()))?;
        if job.repository.is_empty() {
            return Err(refused("repository: missing".to_owned()));
        }
        if job.tag.is_empty() && job.digest.is_empty() {
            return Err(refused("tag: missing, and so is digest".to_owned()));
        }
        let requested_at = job.requested_at.ok_or_else(|| refused("requested_at: missing".to_owned()))?;
        Ok(Self {
            id: job.id.parse().map_err(|error| refused(format!("id: {error}")))?,
            account: job.account.parse().map_err(|error| refused(format!("account: {error}")))?,
            repository: job.repository,
            tag: Some(job.tag).filter(|tag| !tag.is_empty()),
            digest: Some(job.digest).filter(|digest| !digest.is_empty()),
            insecure: job.insecure,
            requested_at: timestamp_from_proto(&requested_at)
                .map_err(|error| refused(format!("requested_at: {error}")))?,
        })
    }
}

/// Leaves jobs to whoever analyses images.
#[derive(Clone)]
pub struct AnalysisJobPublisher {
    bus: Arc<dyn Bus>,
}

impl AnalysisJobPublisher {
    /// `bus` is durable and local, so asking does not wait for a network.
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus }
    }

    /// Returns once the job is durable.
    pub async fn publish(&self, job: &AnalysisJob) -> Result<Receipt, BusError> {
        let results = self.bus.publish(vec![job.to_outgoing()]).await;
        results.into_iter().next().unwrap_or_else(|| Err(BusError::unavailable("the bus gave no answer")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> AnalysisJob {
        AnalysisJob {
            id: EventId::generate(),
            account: "team.a".parse().unwrap(),
            repository: "registry.example.com:5000/team/app".to_owned(),
            tag: Some("1.0".to_owned()),
            digest: None,
            insecure: true,
            requested_at: "2018-06-30T03:56:27.711071Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_job_reads_as_it_was_written() {
        let outgoing = job().to_outgoing();
        outgoing.check().unwrap();
        assert_eq!(outgoing.subject, "jobs.v1.analysis.team_a");
        let job = AnalysisJob { digest: Some("sha256:0".to_owned()), tag: None, ..job() };
        assert_eq!(AnalysisJob::decode(&job.to_outgoing().payload), Ok(job));
    }

    #[test]
    fn what_is_no_job_is_refused_by_field() {
        let check = |job: AnalysisJob, expected: &str| {
            let refused = AnalysisJob::decode(&job.to_outgoing().payload).unwrap_err();
            assert_eq!(refused.to_string(), format!("not an analysis job: {expected}"));
        };
        check(AnalysisJob { repository: String::new(), ..job() }, "repository: missing");
        check(AnalysisJob { tag: None, ..job() }, "tag: missing, and so is digest");
        assert!(AnalysisJob::decode(b"\xff").is_err());
    }
}
