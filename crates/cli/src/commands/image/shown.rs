//! An image, as it is shown.

use std::time::Duration;

use event::{Json, Timestamp};
use proto::analyzer::v1::{Failure, Image, State, Summary};
use proto::timestamp_from_proto;

use crate::output::{number, object, text};
use crate::span::show_span;

/// Tags that are named in a row.
const TAGS_SHOWN: usize = 3;

pub fn titles() -> [&'static str; 7] {
    ["Image", "State", "Age", "Distribution", "Packages", "Last failure", "ID"]
}

/// `now` is what ages count from.
pub fn row(image: &Image, now: Timestamp) -> Vec<String> {
    let summary = image.summary.clone().unwrap_or_default();
    let has_summary = image.summary.is_some();
    let distribution = summary.distribution.clone().unwrap_or_default();
    vec![
        name(image),
        state(image).to_owned(),
        age(image, now),
        format!("{} {}", distribution.id, distribution.version).trim().to_owned(),
        if has_summary { packages(&summary).to_string() } else { String::new() },
        image.failure.as_ref().map(|failure| failure.code.clone()).unwrap_or_default(),
        image.id.clone(),
    ]
}

/// By its tags; without any, by its digest.
pub fn name(image: &Image) -> String {
    let repository = &image.repository;
    match image.tags.split_first() {
        None => format!("{repository}@{}", image.digest),
        Some((first, [])) => format!("{repository}:{first}"),
        Some((first, others)) => {
            let shown: Vec<&str> = others.iter().take(TAGS_SHOWN - 1).map(String::as_str).collect();
            let more = if others.len() < TAGS_SHOWN { "" } else { ",..." };
            format!("{repository}:{first},{}{more}", shown.join(","))
        }
    }
}

fn state(image: &Image) -> &'static str {
    match image.state() {
        State::Unspecified => "unknown",
        State::Queued => "queued",
        State::Analyzing => "analyzing",
        State::Analyzed => "analyzed",
        State::Failed => "failed",
        State::PutAside => "put_aside",
    }
}

/// How long it has been in its state.
fn age(image: &Image, now: Timestamp) -> String {
    let since = image.state_time.as_ref().and_then(|time| timestamp_from_proto(time).ok());
    let span = since.map(|since| Duration::from_secs(now.since(since).as_secs()));
    span.map(|span| if span.is_zero() { "now".to_owned() } else { show_span(span) }).unwrap_or_default()
}

fn packages(summary: &Summary) -> i64 {
    summary.packages.values().sum()
}

/// A time as events have it; empty where there is none.
pub fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(|time| timestamp_from_proto(time).ok()).map(|time| time.to_string()).unwrap_or_default()
}

pub fn image_tree(image: &Image) -> Json {
    object([
        ("id", text(&image.id)),
        ("repository", text(&image.repository)),
        ("digest", text(&image.digest)),
        ("tags", Json::Array(image.tags.iter().map(|tag| text(tag)).collect())),
        ("state", text(state(image))),
        ("requested_at", text(&time(image.requested_time.as_ref()))),
        ("state_since", text(&time(image.state_time.as_ref()))),
        ("attempts", number(image.attempts)),
        ("next_attempt_at", text(&time(image.next_attempt_time.as_ref()))),
        ("summary", image.summary.as_ref().map_or(Json::Null, summary_tree)),
        ("failure", image.failure.as_ref().map_or(Json::Null, failure_tree)),
    ])
}

fn summary_tree(summary: &Summary) -> Json {
    let distribution = summary.distribution.as_ref().map_or(Json::Null, |distribution| {
        object([
            ("id", text(&distribution.id)),
            ("version", text(&distribution.version)),
            ("name", text(&distribution.name)),
        ])
    });
    let packages = summary.packages.iter().map(|(manager, count)| (manager.clone(), number(count)));
    let unknowns = summary.unknowns.iter().map(|unknown| {
        object([("path", text(&unknown.path)), ("code", text(&unknown.code)), ("reason", text(&unknown.reason))])
    });
    object([
        ("manifest_digest", text(&summary.manifest_digest)),
        ("platform", text(&summary.platform)),
        ("distribution", distribution),
        ("packages", Json::Object(packages.collect()).sorted()),
        ("layers", number(summary.layers)),
        ("compressed_bytes", number(summary.compressed_bytes)),
        ("unpacked_bytes", number(summary.unpacked_bytes)),
        ("entries", number(summary.entries)),
        ("duration_ms", number(summary.duration_ms)),
        ("unknowns", Json::Array(unknowns.collect())),
        ("unknowns_omitted", number(summary.unknowns_omitted)),
    ])
}

fn failure_tree(failure: &Failure) -> Json {
    object([
        ("code", text(&failure.code)),
        ("msg", text(&failure.summary)),
        ("hint", text(&failure.hint)),
        ("failing_since", text(&time(failure.since.as_ref()))),
        ("failures", number(failure.failures)),
    ])
}

#[cfg(test)]
mod tests {
    use proto::analyzer::v1::Distribution;

    use super::*;

    #[test]
    fn a_row_tells_state_age_and_content() {
        let now: Timestamp = "2018-06-30T04:00:00Z".parse().unwrap();
        let distribution = Distribution { id: "debian".into(), version: "12".into(), ..Distribution::default() };
        let summary = Summary {
            distribution: Some(distribution),
            packages: [("dpkg".to_owned(), 88)].into(),
            ..Summary::default()
        };
        let image = Image {
            id: "7".into(),
            repository: "r.example/a".into(),
            tags: ["1.0", "1", "latest", "x"].map(str::to_owned).to_vec(),
            state: State::Analyzed.into(),
            state_time: Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 0 }),
            summary: Some(summary),
            ..Image::default()
        };
        let expected = ["r.example/a:1.0,1,latest,...", "analyzed", "3m 33s", "debian 12", "88", "", "7"];
        assert_eq!(row(&image, now), expected);
        let by_digest = Image { repository: "a/b".into(), digest: "sha256:0".into(), ..Image::default() };
        assert_eq!(row(&by_digest, now)[..2], ["a/b@sha256:0", "unknown"]);
    }
}
