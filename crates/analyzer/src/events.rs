//! What is told of an image, in the contract's form with our facts beside it (contract 2.2 and 2.3, design 3.8).
//!
//! An image that was analysed is told once for each of its tags. A failure is told once, under the digest: later
//! releases of anchore-engine told it once more for each tag (`user.image.analysis.failed`), which makes several alarms
//! of one failure; the tags stand in the details instead.

use cause::Cause;
use emitter::Notice;
use event::{Details, EventKind, Timestamp};
use serde_json::{Value, json};

use crate::failure::FailedStep;
use crate::images::{ImageRecord, Summary};

/// Longest `cause` of the contract's error object, in bytes; the contract cuts it at 256 characters.
const OLD_CAUSE_BYTES_MAX: usize = 256;
/// Most tags named in one event.
const TAGS_TOLD_MAX: usize = 20;

/// One event for each of `tags`; an image that was asked for by its digest alone has one all the same.
pub fn completed(image: &ImageRecord, tags: &[String], summary: &Summary) -> Vec<Notice> {
    let digest = image.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let names: Vec<String> = match tags {
        [] => vec![format!("{}@{digest}", image.repository)],
        tags => tags.iter().map(|tag| format!("{}:{tag}", image.repository)).collect(),
    };
    let state = |status: &str| json!({"imageDigest": digest, "analysis_status": status, "annotations": {}});
    let details = Details::from_value(&json!({
        "subscription_type": "analysis_update",
        "annotations": {},
        "last_eval": state("analyzing"),
        "curr_eval": state("analyzed"),
        "manifest_digest": summary.manifest_digest,
        "platform": summary.platform,
        "distribution": summary.distribution,
        "packages": packages(summary),
        "layers": summary.layers,
        "bytes": {"compressed": summary.compressed_bytes, "unpacked": summary.unpacked_bytes},
        "entries": summary.entries,
        "duration_ms": summary.duration_ms,
        "unknowns": summary.unknowns,
        "unknowns_omitted": summary.unknowns_omitted,
    }));
    let notice = |name| Notice {
        kind: kind("user.image.analysis.completed"),
        account: image.account.clone(),
        resource_id: Some(name),
        details: details.clone(),
    };
    names.into_iter().map(notice).collect()
}

fn packages(summary: &Summary) -> Value {
    let mut counts = json!(summary.packages);
    counts["total"] = summary.packages.values().sum::<usize>().into();
    counts
}

/// How often it failed, and what comes next.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    pub since: Timestamp,
    /// In a row.
    pub failures: u32,
    /// Ever begun.
    pub attempts: u32,
    /// `None`: not before somebody asks for it again.
    pub next_attempt_at: Option<Timestamp>,
}

/// The event about a failure. It is about the digest; where there is none yet, about the tag that has no digest.
pub fn failed(image: &ImageRecord, tags: &[String], step: FailedStep, cause: Cause, course: Course) -> Notice {
    let repository = &image.repository;
    let full_tag = tags.first().map(|tag| format!("{repository}:{tag}"));
    let pull_string = match (&image.digest, &full_tag) {
        (Some(digest), _) => format!("{repository}@{digest}"),
        (None, Some(tag)) => tag.clone(),
        (None, None) => repository.to_string(),
    };
    let error = json!({
        "cause": cause::truncated(&cause.summary(), OLD_CAUSE_BYTES_MAX),
        "msg": step.message(),
        "pull_string": pull_string,
        "tag": full_tag,
    });
    let cause = cause
        .with_evidence(step.class(), error)
        .with_evidence("image", pull_string.clone())
        .with_evidence("tags", tags.iter().take(TAGS_TOLD_MAX).cloned().collect::<Vec<_>>())
        .with_evidence("failing_since", course.since.to_string())
        .with_evidence("failures", course.failures)
        .with_evidence("attempts", course.attempts)
        .with_evidence("next_attempt_at", course.next_attempt_at.map(|at| at.to_string()));
    Notice {
        kind: kind("analyze_image_fail"),
        account: image.account.clone(),
        resource_id: Some(image.digest.as_ref().map_or(pull_string, ToString::to_string)),
        details: cause.into_details(),
    }
}

fn kind(name: &str) -> &'static EventKind {
    event::lookup(name).expect("the catalogue of events has it")
}
