//! CloudEvents 1.0, with the JSON format and the HTTP binding of that version.
//!
//! | attribute | value |
//! |---|---|
//! | `id` | the ID of the event: the same in every door, and at every endpoint |
//! | `source` | `//<host>/<service>`: who emitted it, each part percent-encoded; a part that is not known is left out |
//! | `type` | the type of the event as every other door has it, so that one name works in filters, lists and here |
//! | `time` | when it happened, by the emitter's clock |
//! | `subject` | the ID of the resource, if it has one |
//! | `level`, `account`, `resourcetype` | extensions, so that a broker can route without looking into the data |
//! | `data` | the stored record (contract 1.1) |

use contract::Record;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::{Notification, Rendered};

const SPECVERSION: &str = "1.0";
const DATA_CONTENT_TYPE: &str = "application/json";

/// Everything in one JSON object.
#[derive(Serialize)]
struct Structured {
    specversion: &'static str,
    #[serde(flatten)]
    attributes: Attributes,
    datacontenttype: &'static str,
    data: Record,
}

/// Those that an event gives.
#[derive(Serialize)]
struct Attributes {
    id: String,
    source: String,
    r#type: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    level: &'static str,
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resourcetype: Option<String>,
}

/// Structured mode.
pub(super) fn render(notification: &Notification) -> Rendered {
    let event = Structured {
        specversion: SPECVERSION,
        attributes: Attributes::of(notification),
        datacontenttype: DATA_CONTENT_TYPE,
        data: Record::from(notification.stored()),
    };
    Rendered::json("application/cloudevents+json", &event)
}

/// Binary mode: attributes as headers, the data alone as the body.
pub(super) fn render_binary(notification: &Notification) -> Rendered {
    let mut rendered = Rendered::json(DATA_CONTENT_TYPE, &Record::from(notification.stored()));
    let mut insert = |name, text: &str| rendered.headers.insert(HeaderName::from_static(name), header_value(text));
    let attributes = Attributes::of(notification);
    insert("ce-specversion", SPECVERSION);
    insert("ce-id", &attributes.id);
    insert("ce-source", &attributes.source);
    insert("ce-type", &attributes.r#type);
    insert("ce-time", &attributes.time);
    insert("ce-level", attributes.level);
    insert("ce-account", &attributes.account);
    for (name, text) in [("ce-subject", attributes.subject), ("ce-resourcetype", attributes.resourcetype)] {
        if let Some(text) = text {
            insert(name, &text);
        }
    }
    rendered
}

impl Attributes {
    fn of(notification: &Notification) -> Self {
        let event = &notification.event;
        Self {
            id: event.id.to_string(),
            source: source(event.source.host_id.as_deref(), event.source.service.as_deref()),
            r#type: event.event_type.clone(),
            time: event.occurred_at.to_string(),
            subject: event.resource.id.clone(),
            level: event.level.as_str(),
            account: event.resource.account.to_string(),
            resourcetype: event.resource.resource_type.clone(),
        }
    }
}

/// A reference without a scheme (RFC 3986, 4.2): whoever knows both parts knows who it was, and nobody takes it for an
/// address to connect to.
fn source(host: Option<&str>, service: Option<&str>) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let part = |text: Option<&str>| percent_encoded(text.unwrap_or_default(), is_unreserved);
    match host {
        Some(_) => format!("//{}/{}", part(host), part(service)),
        None => format!("/{}", part(service)),
    }
}

/// The HTTP binding, 3.1.3.2: what is not printable ASCII, and blank, quote and percent sign.
fn header_value(text: &str) -> HeaderValue {
    let text = percent_encoded(text, |byte| byte.is_ascii_graphic() && !b"\"%".contains(&byte));
    HeaderValue::from_str(&text).expect("what is left is printable ASCII")
}

fn percent_encoded(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let encode = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_a_reference_whatever_the_names_are() {
        assert_eq!(source(Some("dockerhostid-localhost"), Some("catalog")), "//dockerhostid-localhost/catalog");
        assert_eq!(source(Some("my host:80/é"), None), "//my%20host%3A80%2F%C3%A9/");
        assert_eq!(source(None, Some("backup@night")), "/backup%40night");
        assert_eq!(source(None, None), "/");
    }

    #[test]
    fn headers_carry_any_text() {
        let check = |text: &str, expected: &str| assert_eq!(header_value(text), expected);
        check("registry.example.com:5000/a/b@sha256:00", "registry.example.com:5000/a/b@sha256:00");
        check("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80");
        check("a\"b%c\r\nX: y", "a%22b%25c%0D%0AX:%20y");
    }
}
