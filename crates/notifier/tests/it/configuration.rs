//! The product page's sections, and ours.

use crate::house::{config, try_config};

/// Where one endpoint of ours is.
const AT: &str = "services.notifier.endpoints[0]";
const ENABLED: &str = "services: {catalog: {event_log: {notification: {enabled: true, level: [error]}}}}\n";

/// The name and the URL of what is sent to, and what is said of the rest.
fn check(yaml: &str, expected: Option<&str>, notices: &[&str]) {
    let config = config(yaml);
    let found: Vec<&str> = config.endpoints.iter().map(notifier::Endpoint::name).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{yaml}");
    assert_eq!(config.notices.len(), notices.len(), "{yaml}: {:?}", config.notices);
    for (notice, part) in config.notices.iter().zip(notices) {
        assert!(notice.contains(part), "{notice}");
    }
}

fn enabled(webhooks: &str) -> String {
    format!("{ENABLED}webhooks: {webhooks}\n")
}

#[test]
fn exactly_one_section_gets_the_events() {
    const A: &str = "{url: 'https://a.example.com/<userId>'}";
    const B: &str = "{url: 'https://b.example.com/'}";
    check("webhooks: {}", None, &[]);
    check("webhooks: {general: {url: ''}, event_update: {url: ''}}", None, &[]);
    check(&enabled(&format!("{{event_update: {A}}}")), Some("event_update"), &[]);
    check(&enabled(&format!("{{event_log: {A}}}")), Some("event_log"), &[]);
    check(&enabled(&format!("{{general: {A}}}")), Some("general"), &[]);
    check(&enabled(&format!("{{event_log: {{}}, event_update: {{url: null}}, general: {A}}}")), Some("general"), &[]);
    let both = enabled(&format!("{{event_update: {A}, general: {B}}}"));
    check(&both, Some("event_update"), &["webhooks.general gets nothing: webhooks.event_update comes first"]);
}

#[test]
fn what_leads_to_nothing_is_said() {
    const GENERAL: &str = "webhooks: {general: {url: 'https://a.example.com/'}}\n";
    check(ENABLED, None, &["enabled is true, but no section of `webhooks` has a url"]);
    check(
        GENERAL,
        None,
        &["webhooks.general.url is set, but services.catalog.event_log.notification.enabled is false"],
    );
    let empty = "services: {catalog: {event_log: {notification: {enabled: true, level: []}}}}\n";
    check(&format!("{GENERAL}{empty}"), None, &["level is an empty list"]);
    check(
        &enabled("{event_update: {webhook_user: u}, general: {url: 'https://a.example.com/'}}"),
        Some("general"),
        &["webhooks.event_update has settings and no url"],
    );
    check(&enabled("{general: {url: 'http://127.0.0.1:9/'}}"), Some("general"), &["webhooks.general.url: `127.0.0.1`"]);
    check(
        &enabled("{notification_retry_timeout: 30, general: {url: 'https://a.example.com/'}}"),
        Some("general"),
        &["what is not taken within 30s is given up and kept in the dead letter"],
    );
}

#[test]
fn wrong_settings_are_refused_by_their_path() {
    let refused = |endpoint: &str, expected: &str| {
        let problems = try_config(&format!("services: {{notifier: {{endpoints: [{endpoint}]}}}}")).unwrap_err();
        assert!(problems.contains(expected), "{problems}");
    };
    refused("{url: 'https://a.example.com/'}", &format!("{AT}.name: missing"));
    refused("{name: ops}", &format!("{AT}.url: missing"));
    refused("{name: general, url: 'https://a.example.com/'}", &format!("{AT}.name: `general` is a section"));
    refused("{name: ops, url: 'ftp://a'}", &format!("{AT}.url: "));
    refused("{name: ops, url: 'https://a.example.com/', secret: x}", &format!("{AT}.secret: unknown key"));
    refused(
        "{name: ops, url: 'https://a.example.com/', filter: {level: [loud]}}",
        &format!("{AT}.filter.level: unknown level"),
    );
    refused(
        "{name: ops, url: 'https://a.example.com/', format: teams}",
        &format!("{AT}.format: unknown format `teams`"),
    );
    refused("{name: ops, url: 'https://a.example.com/', timeout: 2m}", &format!("{AT}.timeout: expected seconds"));
    let twice = "{name: ops, url: 'https://a.example.com/'}, {name: ops, url: 'https://b.example.com/'}";
    refused(twice, "services.notifier.endpoints[1].name: `ops` is the name of another endpoint");
    let signed =
        "services: {notifier: {endpoints: [{name: ops, url: 'https://a.example.com/', secret_env: OPS_SECRET}]}}";
    assert_eq!(config(signed).endpoints[0].trust(), ["signed (v1)"]);
}
