//! What registries tell by themselves: read from whatever envelope they use, down to which tags may have changed.
//!
//! Nothing of it is believed. It says where to look now instead of later; what is there is asked of the registry.

mod cloud_events;
mod distribution;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use oci_registry::{Digest, RegistryName, TagName};
use serde_json::Value;

/// Most events of one envelope.
const EVENTS_MAX: usize = 1000;

/// Where something was pushed, moved or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    /// As the registry calls itself; `None` where it does not say.
    pub(crate) registry: Option<RegistryName>,
    /// The repository at its registry: `team/app`.
    pub(crate) path: String,
    /// `None`: any of its tags, or one that may be gone.
    pub(crate) tag: Option<TagName>,
    /// What the tag is said to mean.
    pub(crate) digest: Option<Digest>,
}

/// Why an envelope is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotificationError {
    #[error(
        "the content type `{0}`, expected `application/vnd.docker.distribution.events.v1+json` or \
         `application/cloudevents+json`"
    )]
    ContentType(String),
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("the body is no envelope of events: {0}")]
    NoEnvelope(&'static str),
    #[error("the envelope has {0} events, expected at most {EVENTS_MAX}")]
    TooMany(usize),
}

/// Reads an envelope. What it tells besides pushes and deletions is passed over.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Hint>, NotificationError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let event_type = headers.get("ce-type").and_then(|value| value.to_str().ok());
    match (essence.as_str(), event_type) {
        (
            "application/vnd.docker.distribution.events.v1+json" | "application/vnd.docker.distribution.events.v2+json",
            _,
        ) => distribution::envelope(&json(body)?),
        ("application/cloudevents+json", _) => cloud_events::structured(&json(body)?),
        ("application/cloudevents-batch+json", _) => cloud_events::batch(&json(body)?),
        // The binary form: the envelope is in the headers, the body is the data.
        ("application/json" | "", Some(event_type)) => Ok(cloud_events::data(event_type, &json(body)?)),
        // Some senders do not say what they send.
        ("application/json", None) => by_members(&json(body)?),
        _ => Err(NotificationError::ContentType(content_type.chars().take(128).collect())),
    }
}

fn by_members(envelope: &Value) -> Result<Vec<Hint>, NotificationError> {
    if envelope.get("specversion").is_some() {
        return cloud_events::structured(envelope);
    }
    distribution::envelope(envelope)
}

fn json(body: &[u8]) -> Result<Value, NotificationError> {
    serde_json::from_slice(body).map_err(|error| NotificationError::NotJson(error.to_string()))
}

fn bounded<'a>(events: &'a Value, missing: &'static str) -> Result<&'a Vec<Value>, NotificationError> {
    let events = events.as_array().ok_or(NotificationError::NoEnvelope(missing))?;
    if events.len() > EVENTS_MAX { Err(NotificationError::TooMany(events.len())) } else { Ok(events) }
}

/// `registry/path:tag`, as several senders have it.
fn hint_of_reference(reference: &str) -> Option<Hint> {
    let reference: oci_registry::ImageReference = reference.parse().ok()?;
    Some(Hint {
        registry: Some(reference.repository.registry().clone()),
        path: reference.repository.path().to_owned(),
        tag: reference.tag,
        digest: None,
    })
}

fn digest(value: &Value) -> Option<Digest> {
    text(value, "digest")?.parse().ok()
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value[name].as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn check(headers: &[(&'static str, &str)], body: &str, expected: Result<&[&str], &str>) {
        let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        let read = read(&map, body.as_bytes());
        let shown = read.map(|hints| hints.iter().map(show).collect::<Vec<_>>()).map_err(|error| error.to_string());
        match expected {
            Ok(expected) => assert_eq!(
                shown.as_deref(),
                Ok(expected.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
                "{body}"
            ),
            Err(part) => assert!(shown.as_ref().is_err_and(|error| error.contains(part)), "{body}: {shown:?}"),
        }
    }

    fn show(hint: &Hint) -> String {
        let registry = hint.registry.as_ref().map_or("?", |registry| registry.as_str());
        format!("{registry}/{}:{}", hint.path, hint.tag.as_ref().map_or("*", |tag| tag.as_str()))
    }

    const DISTRIBUTION: (&str, &str) = ("content-type", "application/vnd.docker.distribution.events.v1+json");
    const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");

    #[test]
    fn an_envelope_of_distribution_tells_what_was_pushed() {
        // As docker-registry 2.8 sends it; blobs and pulls are of no interest.
        let event = |action: &str, target: &str| {
            format!(
                r#"{{"id":"1","timestamp":"2026-11-22T21:07:01Z","action":"{action}","target":{target},
                "request":{{"id":"2","addr":"127.0.0.1:1","host":"r.example:5000","method":"PUT","useragent":"x"}},
                "actor":{{}},"source":{{"addr":"h:5000","instanceID":"3"}}}}"#
            )
        };
        let manifest = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:0",
            "length":1,"repository":"team/app","url":"http://r.example:5000/v2/team/app/manifests/sha256:0","tag":"1.0"}"#;
        let blob = r#"{"mediaType":"application/octet-stream","digest":"sha256:0","repository":"team/app"}"#;
        let gone = r#"{"digest":"sha256:0","repository":"team/app"}"#;
        let untagged = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"team/app"}"#;
        let events = [
            event("push", manifest),
            event("push", blob),
            event("pull", manifest),
            event("delete", gone),
            event("push", untagged),
            event("mount", blob),
        ];
        let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
        check(&[DISTRIBUTION], &body, Ok(&["r.example:5000/team/app:1.0", "r.example:5000/team/app:*"]));
        check(
            &[("content-type", "application/json")],
            &body,
            Ok(&["r.example:5000/team/app:1.0", "r.example:5000/team/app:*"]),
        );
        check(&[DISTRIBUTION], r#"{"events":[]}"#, Ok(&[]));
        check(&[DISTRIBUTION], r#"{"events":[{"action":"push"},7]}"#, Ok(&[]));
    }

    #[test]
    fn cloud_events_of_registries_tell_what_was_pushed() {
        let harbor = r#"{"specversion":"1.0","id":"1","source":"/projects/1/webhook/policies/15",
            "type":"harbor.artifact.pushed","datacontenttype":"application/json","time":"2023-04-03T06:41:33Z",
            "requestid":"x","data":{"resources":[{"digest":"sha256:9","tag":"latest","resource_url":"harbor.example/library/busybox:latest"}],
            "repository":{"date_created":1,"name":"busybox","namespace":"library","repo_full_name":"library/busybox","repo_type":"public"}},
            "operator":"robot"}"#;
        check(&[STRUCTURED], harbor, Ok(&["harbor.example/library/busybox:latest"]));
        check(&[STRUCTURED], &harbor.replace(".pushed", ".deleted"), Ok(&["harbor.example/library/busybox:*"]));
        check(&[STRUCTURED], &harbor.replace(".pushed", ".pulled"), Ok(&[]));
        check(&[("content-type", "application/json")], harbor, Ok(&["harbor.example/library/busybox:latest"]));

        let azure = r#"{"specversion":"1.0","id":"1","source":"/subscriptions/x","subject":"aci:v1","type":"Microsoft.ContainerRegistry.ImagePushed",
            "time":"2018-04-25T21:39:47Z","data":{"id":"1","timestamp":"2018-04-25T21:39:47Z","action":"push",
            "target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":1,"digest":"sha256:2","repository":"aci","tag":"v1"},
            "request":{"id":"1","host":"demo.azurecr.example","method":"PUT","useragent":"docker"}}}"#;
        check(&[STRUCTURED], azure, Ok(&["demo.azurecr.example/aci:v1"]));

        let zot = r#"{"name":"team/app","reference":"1.0","digest":"sha256:3","mediaType":"application/vnd.oci.image.manifest.v1+json","manifest":"{}"}"#;
        let head =
            |event_type| [("ce-type", event_type), ("ce-specversion", "1.0"), ("content-type", "application/json")];
        check(&head("zotregistry.image.updated"), zot, Ok(&["?/team/app:1.0"]));
        check(&head("zotregistry.image.deleted"), zot, Ok(&["?/team/app:*"]));
        check(&head("zotregistry.repository.created"), zot, Ok(&[]));

        let batch = format!("[{harbor},{azure}]");
        check(
            &[("content-type", "application/cloudevents-batch+json")],
            &batch,
            Ok(&["harbor.example/library/busybox:latest", "demo.azurecr.example/aci:v1"]),
        );
    }

    #[test]
    fn what_is_no_envelope_is_refused_by_what_it_is() {
        check(&[("content-type", "text/plain")], "{}", Err("the content type `text/plain`, expected"));
        check(&[], "{}", Err("the content type ``"));
        check(&[DISTRIBUTION], "<html>", Err("not JSON"));
        check(&[DISTRIBUTION], "{}", Err("no `events`"));
        check(&[STRUCTURED], "{}", Err("no `specversion`"));
        check(&[STRUCTURED], r#"{"specversion":"1.0"}"#, Err("no `type`"));
        let many = format!(r#"{{"events":[{}]}}"#, vec!["{}"; EVENTS_MAX + 1].join(","));
        check(&[DISTRIBUTION], &many, Err("1001 events, expected at most 1000"));
    }
}
