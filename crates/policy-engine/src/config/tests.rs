use std::io::Write;

use secrecy::ExposeSecret;
use service::config::{Document, Environment, Reading};

use super::*;
use crate::FeedKind;

/// The section as it was read, or every problem.
fn read(yaml: &str) -> Result<(Config, Reading), String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    let environment = Environment([("PASS".to_owned(), "pass-from-env".to_owned())].into());
    let mut document = Document::load(Some(file.path()), environment).unwrap();
    let mut services = document.root().section("services");
    let mut section = services.section("policy_engine");
    let config = Config::read(&mut section);
    section.finish();
    services.finish();
    let reading = document.finish().map_err(|problems| problems.to_string())?;
    Ok((config, reading))
}

#[test]
fn an_empty_section_gives_the_defaults() {
    let (config, _) = read("").unwrap();
    assert_eq!((config.address.port, config.address.is_loopback()), (8232, true));
    assert_eq!((config.feed_sync, config.stale_after, config.reminder_interval), (6 * HOUR, 2 * DAY, DAY));
    assert_eq!(config.limits.download_bytes_max, 1 << 30);
    assert!(config.feeds.is_empty());
}

#[test]
fn the_design_s_example_is_read() {
    let yaml = "
services:
  policy_engine:
    port: 8233
    cycle_timers: {feed_sync: 21600, feed_sync_checker: 3600}
    feeds:
      - {name: alpine, kind: alpine_secdb, url: 'https://secdb.alpinelinux.org/', groups: [v3.20/main]}
      - {name: osv, kind: osv, groups: ['Debian:12', npm]}
      - {name: debian, kind: debian_tracker}
";
    let (config, reading) = read(yaml).unwrap();
    let groups: Vec<String> =
        config.feeds.iter().flat_map(FeedConfig::group_ids).map(|group| group.to_string()).collect();
    assert_eq!(groups, ["alpine/v3.20/main", "osv/Debian:12", "osv/npm", "debian/all"]);
    assert_eq!(config.feeds[1].url.to_string(), format!("{}/", FeedKind::Osv.public_url()));
    assert_eq!(reading.ignored, ["services.policy_engine.cycle_timers.feed_sync_checker"]);
}

#[test]
fn a_stale_limit_follows_the_cycle_where_it_is_not_given() {
    let (config, _) = read("services: {policy_engine: {cycle_timers: {feed_sync: 3d}}}").unwrap();
    assert_eq!(config.stale_after, 6 * DAY);
}

#[test]
fn no_secret_is_shown() {
    let yaml = "
services:
  policy_engine:
    feeds:
      - {name: a, kind: osv, url: 'http://user:pass-in-url@h/', groups: [npm]}
      - {name: b, kind: osv, url: 'https://h/?sig=pass-in-query', groups: [npm], username: u, password_env: PASS}
";
    let (config, reading) = read(yaml).unwrap();
    let passwords: Vec<&str> = config
        .feeds
        .iter()
        .filter_map(|feed| feed.credentials.as_ref())
        .map(|credentials| credentials.password.expose_secret())
        .collect();
    assert_eq!(passwords, ["pass-in-url", "pass-from-env"]);
    let warnings = config.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("`a` has an http:// address"), "{warnings:?}");
    let shown = format!("{config:?} {:?} {warnings:?}", reading.resolved);
    assert!(!shown.contains("pass-"), "{shown}");
}

#[test]
fn every_problem_is_named() {
    let yaml = "
services:
  policy_engine:
    cycle_timers: {feed_sync: 0}
    stale_after: 5h
    download_rate_min: fast
    feeds:
      - {kind: rss}
      - {name: a/b, kind: osv, url: 'ftp://u:secret-1@h', groups: [npm]}
      - {name: alpine, kind: alpine_secdb, groups: [v3.20, v3.20/main, v3.20/main]}
      - {name: alpine, kind: osv, groups: [a/b]}
      - {name: debian, kind: debian_tracker, groups: [bookworm]}
      - {name: osv, kind: osv, username: u}
      - {name: more, kind: osv, groups: [npm], url: 'https://u:secret-2@h', username: v, password: secret-3, ca_file: /no}
      - {name: last, kind: osv, groups: [npm], password_env: PASS, grups: [x]}
";
    let problems = read(yaml).unwrap_err();
    for expected in [
        "cycle_timers.feed_sync: expected seconds or a duration such as `30s`, from 1s to 30d, got `0`",
        "stale_after: 5h is shorter than cycle_timers.feed_sync (6h)",
        "download_rate_min: expected a whole number from 0 to 1073741824, got `fast`",
        "feeds[0].name: missing, expected a name such as `alpine`",
        "feeds[0].kind: unknown kind `rss`, expected `alpine_secdb`, `osv` or `debian_tracker`",
        "feeds[1].name: `a/b` is no name of a feed",
        "feeds[1].url: neither http:// nor https://, expected an address such as",
        "feeds[2].groups: `v3.20` is no group of the kind alpine_secdb, expected one such as `v3.20/main`",
        "feeds[2].groups: `v3.20/main` is listed twice",
        "feeds[3].name: `alpine` is the name of another feed already",
        "feeds[3].groups: `a/b` is no group of the kind osv",
        "feeds[4].groups: a debian_tracker is one document, which has no groups to choose",
        "feeds[5].groups: missing, expected a list such as `[Debian:12]`",
        "feeds[5].username: has no password beside it",
        "feeds[6].password: must not stand in this file",
        "feeds[6].username: the address has a user name too",
        "feeds[6].ca_file: `/no` cannot be read",
        "feeds[7].username: missing, a password needs one",
        "feeds[7].grups: unknown key, did you mean `groups`?",
    ] {
        assert!(problems.contains(&format!("services.policy_engine.{expected}")), "{expected}: {problems}");
    }
    assert!(!problems.contains("secret-"), "{problems}");
}
