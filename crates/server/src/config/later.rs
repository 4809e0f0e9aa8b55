//! Settings of services that this release does not have yet: read and checked, so that a file written for them is not
//! refused, and named at start, so that nobody believes they work.

use std::time::Duration;

use event::Level;
use service::config::Section;

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// `services.catalog.event_log.notification`.
pub fn read_notification(event_log: &mut Section) -> Option<String> {
    let mut notification = event_log.section("notification");
    let is_enabled = notification.flag("enabled", false);
    for level in notification.texts("level").unwrap_or_default() {
        if let Err(error) = level.parse::<Level>() {
            notification.refuse("level", error);
        }
    }
    let path = notification.path_of("enabled");
    notification.finish();
    is_enabled.then(|| format!("{path}: this release has no notifier, nothing is sent"))
}

/// The `webhooks` section of the product page.
pub fn read_webhooks(root: &mut Section) -> Option<String> {
    let is_given = root.has("webhooks");
    let mut webhooks = root.section("webhooks");
    read_webhook_defaults(&mut webhooks);
    webhooks.span("notification_retry_timeout", Duration::from_secs(30), SECOND..=DAY);
    let mut has_url = false;
    for name in ["general", "event_update", "event_log"] {
        let mut endpoint = webhooks.section(name);
        read_webhook_defaults(&mut endpoint);
        has_url |= endpoint.text("url").is_some();
        endpoint.finish();
    }
    webhooks.ignore(&["analysis_update", "error_event", "policy_eval", "tag_update", "vuln_update"]);
    webhooks.finish();
    (is_given && has_url).then(|| "webhooks: this release has no notifier, nothing is sent".to_owned())
}

fn read_webhook_defaults(section: &mut Section) {
    section.text("webhook_user");
    section.secret("webhook_pass", "webhook_pass_env", "webhook_pass_file");
    section.flag("ssl_verify", true);
}

/// The rest of `services.notifier`.
pub fn read_notifier(notifier: &mut Section) -> Vec<String> {
    let mut later = Vec::new();
    notifier.texts("allow_private_networks");
    for mut endpoint in notifier.sections("endpoints") {
        endpoint.text("name");
        endpoint.text("url");
        endpoint.text("format");
        endpoint.secret_elsewhere("secret_env", "secret_file");
        let mut filter = endpoint.section("filter");
        filter.texts("level");
        for key in ["type", "service", "host", "resource", "resource_type"] {
            filter.text(key);
        }
        filter.finish();
        later.push(format!("{}: this release has no notifier, nothing is sent", endpoint.path_of("url")));
        endpoint.finish();
    }
    later
}

/// The rest of `services.policy_engine`.
pub fn read_policy_engine(policy_engine: &mut Section) -> Vec<String> {
    let mut later = Vec::new();
    let mut timers = policy_engine.section("cycle_timers");
    timers.span("feed_sync", Duration::from_hours(6), SECOND..=30 * DAY);
    timers.ignore(&["feed_sync_checker", "grypedb_sync"]);
    timers.finish();
    for mut feed in policy_engine.sections("feeds") {
        feed.text("name");
        feed.text("kind");
        feed.text("url");
        feed.texts("groups");
        later.push(format!("{}: this release has no policy-engine, nothing is synced", feed.path_of("url")));
        feed.finish();
    }
    later
}
