//! Images as gRPC sends them.

use event::Timestamp;
use proto::analyzer::v1;
use proto::timestamp_to_proto;

use crate::images::{Failure, ImageRecord, State, Summary};

pub fn image(image: ImageRecord) -> v1::Image {
    // While it is in work the time is the end of a lease, which is nobody's business.
    let next_attempt_at = image.due_at.filter(|_| image.state == State::Failed);
    let failures = image.failures;
    v1::Image {
        id: image.id.to_string(),
        repository: image.repository.to_string(),
        digest: image.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        tags: image.tags.iter().map(ToString::to_string).collect(),
        state: state_to_proto(image.state).into(),
        requested_time: Some(timestamp_to_proto(image.requested_at)),
        state_time: Some(timestamp_to_proto(image.changed_at)),
        attempts: number(image.attempts),
        next_attempt_time: next_attempt_at.map(timestamp_to_proto),
        summary: image.summary.map(summary),
        failure: image.failure.map(|of| failure(of, failures)),
    }
}

fn summary(summary: Summary) -> v1::Summary {
    let distribution = summary.distribution.map(|distribution| v1::Distribution {
        id: distribution.id,
        version: distribution.version.unwrap_or_default(),
        name: distribution.name.unwrap_or_default(),
    });
    let unknown =
        |unknown: crate::Unknown| v1::Unknown { path: unknown.path, code: unknown.code, reason: unknown.reason };
    v1::Summary {
        manifest_digest: summary.manifest_digest,
        platform: summary.platform,
        distribution,
        packages: summary.packages.into_iter().map(|(manager, count)| (manager, large(count))).collect(),
        layers: number(summary.layers),
        compressed_bytes: large(summary.compressed_bytes),
        unpacked_bytes: large(summary.unpacked_bytes),
        entries: large(summary.entries),
        duration_ms: large(summary.duration_ms),
        unknowns: summary.unknowns.into_iter().map(unknown).collect(),
        unknowns_omitted: number(summary.unknowns_omitted),
    }
}

fn failure(failure: Failure, failures: u32) -> v1::Failure {
    v1::Failure {
        code: failure.code,
        summary: failure.summary,
        hint: failure.hint,
        since: Timestamp::from_micros(failure.since_micros).map(timestamp_to_proto),
        failures: number(failures),
    }
}

fn state_to_proto(state: State) -> v1::State {
    match state {
        State::Queued => v1::State::Queued,
        State::Analyzing => v1::State::Analyzing,
        State::Analyzed => v1::State::Analyzed,
        State::Failed => v1::State::Failed,
        State::PutAside => v1::State::PutAside,
    }
}

pub fn state_from_proto(state: v1::State) -> Option<State> {
    State::ALL.into_iter().find(|known| state_to_proto(*known) == state)
}

/// Counts of ours are far below the bound.
fn number<N: TryInto<i32>>(number: N) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

fn large<N: TryInto<i64>>(number: N) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
