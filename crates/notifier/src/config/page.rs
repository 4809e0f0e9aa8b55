//! The product page's sections: `webhooks`, and `services.catalog.event_log.notification` that turns them on.
//!
//! `event_update`, else `event_log`, the name that old files use, else `general`: exactly one of them gets the events,
//! and one without a URL counts as absent. What a section says of credentials and verification always holds for it
//! (contract 5.3).

use std::time::Duration;

use event::Level;
use secrecy::{ExposeSecret, SecretString};
use service::config::{Section, format_span};
use webhook::Settings;

use super::checked;
use crate::endpoint::{Endpoint, EndpointDraft, SPAN_MAX};
use crate::schedule::Schedule;

/// The sections, the first that has a URL is the endpoint.
pub const SECTION_NAMES: [&str; 3] = ["event_update", "event_log", "general"];
/// Of other notifications than events; nothing here sends them.
const OTHER_SECTIONS: [&str; 5] = ["analysis_update", "error_event", "policy_eval", "tag_update", "vuln_update"];

const ENABLED: &str = "services.catalog.event_log.notification.enabled";
const LEVEL: &str = "services.catalog.event_log.notification.level";

/// `services.catalog.event_log.notification`.
#[derive(Debug, Clone, Default)]
pub struct Notification {
    is_enabled: bool,
    /// `None`: every level.
    levels: Option<Vec<Level>>,
}

/// One section of `webhooks`.
struct Webhook {
    name: &'static str,
    url: Option<SecretString>,
    user: Option<String>,
    password: Option<SecretString>,
    /// `None`: as the defaults say.
    ssl_verify: Option<bool>,
    /// Whether anything stands in it.
    is_given: bool,
}

impl Notification {
    /// Reads it from `services.catalog.event_log`.
    pub fn read(event_log: &mut Section) -> Self {
        let mut section = event_log.section("notification");
        let is_enabled = section.flag("enabled", false);
        let levels = section.texts("level").map(|texts| {
            let parse = |text: &String| text.parse().map_err(|error| section.refuse("level", error)).ok();
            texts.iter().filter_map(parse).collect()
        });
        section.finish();
        Self { is_enabled, levels }
    }
}

/// Reads `webhooks` from the root of the configuration. What is configured and leads to nothing is said in `notices`.
pub fn read_webhooks(root: &mut Section, notification: &Notification, notices: &mut Vec<String>) -> Option<Endpoint> {
    let mut section = root.section("webhooks");
    let defaults = read_webhook("webhooks", &mut section);
    let span = read_span(&mut section, notices);
    let mut webhooks = Vec::new();
    for name in SECTION_NAMES {
        let mut given = section.section(name);
        webhooks.push(Webhook { url: given.masked_text("url"), ..read_webhook(name, &mut given) });
        given.finish();
    }
    section.ignore(&OTHER_SECTIONS);
    let used = webhooks.iter().position(|webhook| webhook.url.is_some());
    notices.extend(notices_of(&webhooks, used, notification));
    let endpoint = used.and_then(|used| checked_endpoint(&webhooks[used], &defaults, notification, span, &section));
    section.finish();
    endpoint.filter(|_| notification.is_enabled && notification.levels.as_ref().is_none_or(|levels| !levels.is_empty()))
}

fn read_webhook(name: &'static str, section: &mut Section) -> Webhook {
    let is_given = ["url", "webhook_user", "webhook_pass", "ssl_verify"].iter().any(|key| section.has(key));
    let says_verify = section.has("ssl_verify");
    let user = section.text("webhook_user");
    let password = section.secret("webhook_pass", "webhook_pass_env", "webhook_pass_file");
    let ssl_verify = section.flag("ssl_verify", true);
    Webhook { name, url: None, user, password, ssl_verify: says_verify.then_some(ssl_verify), is_given }
}

/// The old system gave a notification up after this time, 30 seconds if nothing was said. Ours tries for a day, unless
/// the file says otherwise.
fn read_span(section: &mut Section, notices: &mut Vec<String>) -> Duration {
    let is_given = section.has("notification_retry_timeout");
    let default = Schedule::default().span;
    let span = section.span("notification_retry_timeout", default, Duration::from_secs(1)..=SPAN_MAX);
    if is_given && span < default {
        notices.push(format!(
            "webhooks.notification_retry_timeout: what is not taken within {} is given up and kept in the dead letter; \
             without this setting it is tried for {}",
            format_span(span),
            format_span(default)
        ));
    }
    span
}

fn checked_endpoint(
    webhook: &Webhook,
    defaults: &Webhook,
    notification: &Notification,
    span: Duration,
    section: &Section,
) -> Option<Endpoint> {
    let path = format!("webhooks.{}", webhook.name);
    let url = webhook.url.as_ref()?;
    let draft = EndpointDraft {
        name: webhook.name.to_owned(),
        url: url.expose_secret().to_owned(),
        levels: notification.levels.clone().unwrap_or_default(),
        user: webhook.user.clone().or_else(|| defaults.user.clone()),
        password: webhook.password.clone().or_else(|| defaults.password.clone()),
        skips_verification: !webhook.ssl_verify.or(defaults.ssl_verify).unwrap_or(true),
        retry: Schedule { span, ..Schedule::default() },
        settings: Settings { insecure: Some(format!("an `http://` address at {path}.url")), ..Settings::default() },
        configured_at: Some(path),
        ..EndpointDraft::default()
    };
    checked(draft, section, |field| match (field, webhook.name) {
        ("url", "event_update") => "event_update.url",
        ("url", "event_log") => "event_log.url",
        ("url", _) => "general.url",
        _ => "webhook_user",
    })
}

fn notices_of(webhooks: &[Webhook], used: Option<usize>, notification: &Notification) -> Vec<String> {
    let mut notices = Vec::new();
    match used.map(|used| webhooks[used].name) {
        None if notification.is_enabled => notices.push(format!(
            "{ENABLED} is true, but no section of `webhooks` has a url: nothing is sent. Set webhooks.event_update.url, or \
             webhooks.general.url"
        )),
        Some(name) if !notification.is_enabled => notices.push(format!(
            "webhooks.{name}.url is set, but {ENABLED} is false: nothing is sent there. Set it to true"
        )),
        _ => {}
    }
    if notification.is_enabled && notification.levels.as_ref().is_some_and(Vec::is_empty) {
        notices.push(format!(
            "{LEVEL} is an empty list, which no event is in: nothing is sent. List `info` or `error`, or leave the key out \
             for every level"
        ));
    }
    let has_url = |webhook: &Webhook| webhook.url.is_some();
    for (index, webhook) in webhooks.iter().enumerate() {
        let name = webhook.name;
        match used.map(|used| (used, webhooks[used].name)) {
            Some((used, taker)) if index > used && has_url(webhook) && notification.is_enabled => {
                notices.push(format!(
                    "webhooks.{name} gets nothing: webhooks.{taker} comes first, and exactly one gets an event"
                ));
            }
            _ if webhook.is_given && !has_url(webhook) && !is_only_a_url(webhook) => {
                notices.push(format!("webhooks.{name} has settings and no url: it counts as absent"));
            }
            _ => {}
        }
    }
    notices
}

/// `general: {url: ""}` is how an empty section looks in shipped files.
fn is_only_a_url(webhook: &Webhook) -> bool {
    webhook.user.is_none() && webhook.password.is_none() && webhook.ssl_verify.is_none()
}
