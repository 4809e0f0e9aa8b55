//! Events to publish.

use std::fmt::{Display, Write};

use serde_json::{Value, json};

/// One line each.
pub fn lines_of(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().fold(String::new(), |mut lines, item| {
        writeln!(lines, "{item}").expect("a String can be written to");
        lines
    })
}

/// An id of our own making.
pub fn id_of(number: u64) -> String {
    format!("{number:032x}")
}

/// A record to publish, complete, so that its `event` is listed as it stands here; `number` makes it unique.
pub fn event(number: u64) -> Value {
    let second = number % 60;
    let micros = number % 999_999 + 1;
    json!({
        "generated_uuid": id_of(number),
        "event": {
            "type": "list_tags_fail",
            "level": "ERROR",
            "message": "Failed to list tags in repository",
            "details": {"number": number, "exact": u64::MAX, "text": "ü \u{1f980} \"quoted\"\n", "nothing": null},
            "timestamp": format!("2018-06-30T03:56:{second:02}.{micros:06}Z"),
            "resource": {"user_id": "admin", "type": "repository", "id": format!("docker.io/team/app-{}", number % 10)},
            "source": {
                "servicename": "catalog",
                "hostid": "acceptance",
                "base_url": "http://localhost:8082",
                "request_id": format!("request-{number}"),
            },
        },
    })
}

/// The events that the product page shows, in the order of their times: those of its first list, and the one of its
/// tag.
pub fn page_events() -> [Value; 4] {
    let event = |id: &str, at: &str, level: &str, service: &str, event_type: &str, resource: Value, details: Value| {
        json!({
            "generated_uuid": id,
            "event": {
                "type": event_type,
                "level": level,
                "message": "Failed to list tags in repository",
                "details": details,
                "timestamp": at,
                "resource": resource,
                "source": {
                    "servicename": service,
                    "hostid": "dockerhostid-localhost",
                    "base_url": "http://localhost:8082",
                },
            },
        })
    };
    let feeds = || json!({"user_id": "admin", "type": "feeds"});
    let repository = |name: &str| json!({"user_id": "admin", "type": "repository", "id": name});
    let skopeo = json!({"SkopeoError": {
        "cmd": "/bin/sh -c skopeo inspect --tls-verify=true --creds \"${SKOPUSER}\":\"${SKOPPASS}\" \
                docker://index.docker.io/wazowskis/sixwheeldrive:latest",
        "exitcode": 1,
        "msg": "Error encountered in skopeo operation",
        "stderr": "time=\"2018-06-30T03:56:27Z\" level=fatal msg=\"Error reading manifest latest in \
                   docker.io/wazowskis/sixwheeldrive: errors: denied: requested access to the resource is denied \
                   unauthorized: authentication required \"",
        "stdout": null,
    }});
    [
        event(
            "3b75967268824f4ca12c57d76c97d32c",
            "2018-06-28T22:36:08.740953Z",
            "INFO",
            "policy_engine",
            "feed_sync_start",
            feeds(),
            json!({}),
        ),
        event(
            "67946415c113488b8fff8b335272a45b",
            "2018-06-28T22:36:26.512589Z",
            "ERROR",
            "catalog",
            "list_tags_fail",
            repository("docker.io/another/repository"),
            json!({}),
        ),
        event(
            "9b0078d22cca4a2fa677cdc0d632435a",
            "2018-06-28T22:36:37.250529Z",
            "INFO",
            "policy_engine",
            "feed_sync_complete",
            feeds(),
            json!({}),
        ),
        event(
            "d77736ac78a043a9b84b3a1b8171aa44",
            "2018-06-30T03:56:27.711071Z",
            "ERROR",
            "catalog",
            "list_tags_fail",
            repository("docker.io/wazowskis/sixwheeldrive"),
            skopeo,
        ),
    ]
}
