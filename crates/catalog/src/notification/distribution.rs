//! Envelopes of Distribution (`application/vnd.docker.distribution.events.v1+json`; its documentation, "Work with
//! notifications").

use oci_registry::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use serde_json::Value;

use super::{Hint, NotificationError, bounded, digest, text};

pub(super) fn envelope(envelope: &Value) -> Result<Vec<Hint>, NotificationError> {
    let mut hints: Vec<Hint> = Vec::new();
    for hint in bounded(&envelope["events"], "it has no `events`")?.iter().filter_map(event) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    Ok(hints)
}

/// One event; `None` where it tells nothing about tags.
pub(super) fn event(event: &Value) -> Option<Hint> {
    let target = &event["target"];
    let is_manifest = || {
        let media_type = text(target, "mediaType").unwrap_or_default();
        [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type)
    };
    let tag = text(target, "tag").and_then(|tag| tag.parse().ok());
    let tag = match text(event, "action")? {
        "push" if tag.is_some() => tag,
        "push" if is_manifest() => None,
        // A blob has no tag, and neither has a manifest that is gone. Which tags meant it, the list tells.
        "delete" if tag.is_some() || text(target, "mediaType").is_none() || is_manifest() => None,
        _ => return None,
    };
    Some(Hint {
        registry: text(&event["request"], "host").and_then(|host| host.parse().ok()),
        path: text(target, "repository")?.to_owned(),
        digest: tag.as_ref().and_then(|_| digest(target)),
        tag,
    })
}
