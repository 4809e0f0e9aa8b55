//! Settings of services that this release does not have yet: read and checked, so that a file written for them is not
//! refused, and named at start, so that nobody believes they work.

use std::time::Duration;

use service::config::Section;

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

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

/// The rest of `services.analyzer`.
pub fn read_analyzer(analyzer: &mut Section) {
    analyzer.number("max_jobs", 1, 1..=64);
}
