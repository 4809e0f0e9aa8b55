//! The `services.policy_engine` section.

mod feed;
mod limits;

use std::time::Duration;

use service::config::{Section, format_span};
use service::door::ListenAddress;

pub use self::feed::{Credentials, FeedConfig};
pub use self::limits::Limits;

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8232;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What the policy-engine syncs, and how.
#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
    /// How often each group is synced.
    pub feed_sync: Duration,
    /// The age at which the state of a group is stale.
    pub stale_after: Duration,
    /// After how long a failure, or a state that is stale, becomes an event again.
    pub reminder_interval: Duration,
    pub limits: Limits,
    pub feeds: Vec<FeedConfig>,
}

impl Config {
    /// Reads `services.policy_engine`.
    pub fn read(section: &mut Section) -> Self {
        section.ignore(&["enabled", "require_auth", "endpoint_hostname", "cycle_timer_seconds"]);
        let mut timers = section.section("cycle_timers");
        let feed_sync = timers.span("feed_sync", 6 * HOUR, SECOND..=30 * DAY);
        timers.ignore(&["feed_sync_checker", "grypedb_sync"]);
        timers.finish();
        let stale_after = section.span("stale_after", (2 * DAY).max(2 * feed_sync), SECOND..=365 * DAY);
        if stale_after < feed_sync {
            let (stale_after, feed_sync) = (format_span(stale_after), format_span(feed_sync));
            section.refuse(
                "stale_after",
                format!(
                    "{stale_after} is shorter than cycle_timers.feed_sync ({feed_sync}), so every group would be stale \
                     between two syncs, expected a longer one"
                ),
            );
        }
        Self {
            address: ListenAddress::read(section, PORT),
            feed_sync,
            stale_after,
            reminder_interval: section.span("reminder_interval", DAY, 60 * SECOND..=365 * DAY),
            limits: Limits::read(section),
            feeds: feed::read_feeds(section),
        }
    }

    /// What is allowed and still not likely to be meant.
    pub fn warnings(&self) -> Vec<String> {
        let is_open = |feed: &&FeedConfig| feed.credentials.is_some() && feed.url.as_url().scheme() == "http";
        let warn = |feed: &FeedConfig| {
            format!(
                "services.policy_engine.feeds: `{}` has an http:// address, so its password travels unencrypted",
                feed.name
            )
        };
        self.feeds.iter().filter(is_open).map(warn).collect()
    }
}

#[cfg(test)]
mod tests;
