//! A message for people in a channel: an incoming webhook of Slack, which Mattermost takes too.
//!
//! Both read `text` and attachments with fields; blocks are Slack's alone. Whoever publishes an event writes into this
//! channel, so nothing of it may ring a bell, hide a link or break out: what both servers take for markup is defused,
//! and every text has a bound.

use cause::truncated;
use event::{Json, Level};
use serde::Serialize;

use crate::reply::one_line;
use crate::{Notification, Rendered};

/// Longest text of a field, in bytes before escaping. Mattermost takes 16,383 characters in all.
const FIELD_BYTES_MAX: usize = 1024;
/// Longest text of the headline's parts.
const HEADLINE_BYTES_MAX: usize = 300;

#[derive(Serialize)]
struct Message {
    text: String,
    /// Slack formats nothing; Mattermost always does.
    mrkdwn: bool,
    attachments: [Attachment; 1],
}

#[derive(Serialize)]
struct Attachment {
    color: &'static str,
    /// What a notification on a telephone shows.
    fallback: String,
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    title: &'static str,
    value: String,
    /// Whether another may stand beside it.
    short: bool,
}

pub(super) fn render(notification: &Notification) -> Rendered {
    let text = headline(notification);
    let color = match notification.event.level {
        Level::Error => "#c62828",
        Level::Info => "#1565c0",
    };
    let attachment = Attachment { color, fallback: text.clone(), fields: fields(notification) };
    Rendered::json("application/json", &Message { text, mrkdwn: false, attachments: [attachment] })
}

/// "ERROR: Failed to list tags in repository: registry.example.com/a/b".
fn headline(notification: &Notification) -> String {
    let event = &notification.event;
    let message = plain(&event.message, HEADLINE_BYTES_MAX);
    let message = message.trim_end_matches('.');
    match &event.resource.id {
        Some(resource) => format!("{}: {message}: {}", event.level, plain(resource, HEADLINE_BYTES_MAX)),
        None => format!("{}: {message}", event.level),
    }
}

fn fields(notification: &Notification) -> Vec<Field> {
    let event = &notification.event;
    let explanation = Explanation::of(&event.details.tree());
    let from = [event.source.service.as_deref(), event.source.host_id.as_deref()];
    let from = from.into_iter().flatten().collect::<Vec<_>>().join(" on ");
    let long = |title, value: Option<String>| (title, value, false);
    let short = |title, value: Option<String>| (title, value, true);
    let fields = [
        long("Why", explanation.summary),
        long("What to do", explanation.hint),
        short("Type", Some(event.event_type.clone())),
        short("From", Some(from)),
        short("Time", Some(event.occurred_at.to_string())),
        short("Account", Some(event.resource.account.to_string())),
        long("Event", Some(event.id.to_string())),
    ];
    let field = |(title, value, short): (_, Option<String>, _)| {
        let value = plain(&value?, FIELD_BYTES_MAX);
        (!value.is_empty()).then_some(Field { title, value, short })
    };
    fields.into_iter().filter_map(field).collect()
}

/// What the details say to a person.
#[derive(Default)]
struct Explanation {
    summary: Option<String>,
    hint: Option<String>,
}

impl Explanation {
    /// From details of our own emitters (`cause`, `msg`), or from an error object of the old ones (contract 2.2): one
    /// member named as the error's class, with `msg` and `cause` inside.
    fn of(details: &Json) -> Self {
        let cause = member(details, "cause");
        let own = Self { summary: text(details, "msg"), hint: cause.and_then(|cause| text(cause, "hint")) };
        if own.summary.is_some() || cause.is_some() {
            return Self { summary: own.summary.or_else(|| text(details, "cause")), ..own };
        }
        let Json::Object(members) = details else { return Self::default() };
        let errors = members.iter().filter(|(_, value)| matches!(value, Json::Object(_)));
        let told = errors.filter_map(|(class, error)| {
            let parts = ["msg", "cause", "stderr"].map(|key| text(error, key));
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| format!("{class}: {}", parts.join(": ")))
        });
        Self { summary: told.take(1).next(), hint: None }
    }
}

fn member<'a>(json: &'a Json, key: &str) -> Option<&'a Json> {
    let Json::Object(members) = json else { return None };
    members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn text(json: &Json, key: &str) -> Option<String> {
    match member(json, key) {
        Some(Json::String(text)) if !text.trim().is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// `text` in one line, within a bound, and without a meaning of its own.
fn plain(text: &str, bytes_max: usize) -> String {
    let text = truncated(&one_line(text), bytes_max);
    let mut plain = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        match character {
            // Slack's control characters; both servers show what they stand for.
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            // `@channel` calls everybody in Mattermost. Within a word, as in a digest, it calls nobody.
            '@' if !before.is_alphanumeric() => plain.push_str("@\u{200b}"),
            // `[text](address)` is a link or an image there.
            '(' if before == ']' => plain.push_str("\u{200b}("),
            other => plain.push(other),
        }
        before = character;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_means_anything() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text, 200), expected);
        check("a <!channel> & <https://x|y>", "a &lt;!channel&gt; &amp; &lt;https://x|y&gt;");
        check("@channel x @all, a@b (@here)", "@\u{200b}channel x @\u{200b}all, a@b (@\u{200b}here)");
        check("![i](https://x/y.png) f(x) [a] (b)", "![i]\u{200b}(https://x/y.png) f(x) [a] (b)");
        check("two\r\nlines\u{202e}\0", "two lines");
        check("registry.example.com/a@sha256:00", "registry.example.com/a@sha256:00");
        let long = plain(&"<".repeat(999), 200);
        assert!(long.ends_with("...(truncated)") && long.len() <= 4 * 200, "{long}");
    }

    fn check(details: &str, summary: Option<&str>, hint: Option<&str>) {
        let explanation = Explanation::of(&Json::parse(details).unwrap());
        assert_eq!((explanation.summary.as_deref(), explanation.hint.as_deref()), (summary, hint), "{details}");
    }

    #[test]
    fn details_are_explained_whoever_wrote_them() {
        check(r#"{"cause":{"code":"dns","hint":"h"},"msg":"m"}"#, Some("m"), Some("h"));
        check(r#"{"cause":"no heartbeat","sync_feed_types":"all"}"#, Some("no heartbeat"), None);
        check(r#"{"msg":"m"}"#, Some("m"), None);
        check(
            r#"{"SkopeoError":{"cmd":"c","msg":"m","stderr":"denied","stdout":null}}"#,
            Some("SkopeoError: m: denied"),
            None,
        );
        check(r#"{"CatalogClientError":{"cause":"c","msg":"m"}}"#, Some("CatalogClientError: m: c"), None);
        check(r#"{"result":{"count":3}}"#, None, None);
        check(r#"{"cause":{"hint":" "},"msg":3}"#, None, None);
        check("{}", None, None);
    }
}
