//! The section `services.catalog`.

use std::time::Duration;

use oci_registry::{ImageReference, RegistryConfig, read_registries};
use secrecy::SecretString;
use service::config::Section;
use service::door::ListenAddress;

use crate::{Watch, WatchKey};

/// The port unless another is configured (design 3.2).
const PORT: u16 = 8231;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What the catalog watches, and how.
#[derive(Debug, Clone)]
pub struct Config {
    pub address: ListenAddress,
    /// How often the tags of a repository are listed.
    pub repo_watcher: Duration,
    /// How often the digests behind watched tags are looked up.
    pub image_watcher: Duration,
    /// After how long a failure that lasts becomes an event again.
    pub reminder_interval: Duration,
    /// How long one request to a registry may take.
    pub request_timeout: Duration,
    pub repositories: Vec<Watch>,
    pub registries: Vec<RegistryConfig>,
    /// What a registry shows that tells what was pushed to it.
    pub notification_token: Option<SecretString>,
}

impl Config {
    /// Reads `services.catalog`. The key `event_log` stays for its owners, and so does the end of the section.
    pub fn read(section: &mut Section) -> Self {
        section.ignore(&["enabled", "require_auth", "endpoint_hostname", "cycle_timer_seconds"]);
        let mut timers = section.section("cycle_timers");
        let repo_watcher = timers.span("repo_watcher", 60 * SECOND, SECOND..=7 * DAY);
        let image_watcher = timers.span("image_watcher", HOUR, SECOND..=30 * DAY);
        // Timers of anchore-engine 0.2.3 to 1.1.0 for work that is done elsewhere here, or not at all.
        timers.ignore(&[
            "analyzer_queue",
            "archive_tasks",
            "events_gc",
            "image_gc",
            "k8s_image_watcher",
            "notifications",
            "policy_bundle_sync",
            "policy_eval",
            "resource_metrics",
            "service_watcher",
            "vulnerability_scan",
        ]);
        timers.finish();
        Self {
            address: ListenAddress::read(section, PORT),
            repo_watcher,
            image_watcher,
            reminder_interval: section.span("reminder_interval", DAY, 60 * SECOND..=365 * DAY),
            request_timeout: section.span("request_timeout", 30 * SECOND, SECOND..=600 * SECOND),
            repositories: read_repositories(section),
            registries: read_registries(section),
            notification_token: read_notifications(section),
        }
    }

    /// What is watched from the start.
    pub(crate) fn watches(&self) -> Vec<Watch> {
        self.repositories.clone()
    }

    /// What is allowed and still not likely to be meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for registry in &self.registries {
            let name = &registry.registry;
            let mut repositories = self.repositories.iter().filter(|watch| watch.key.repository.registry() == name);
            let plain = repositories.find(|watch| watch.insecure && !name.is_loopback());
            if let (Some(watch), true) = (plain, registry.credentials.is_some()) {
                warnings.push(format!(
                    "services.catalog.repositories: `{}` is insecure, so the password for `{name}` travels unencrypted",
                    watch.key
                ));
            }
        }
        warnings
    }
}

fn read_repositories(section: &mut Section) -> Vec<Watch> {
    let mut repositories: Vec<Watch> = Vec::new();
    for mut item in section.sections("repositories") {
        let is_named = item.has("name");
        let name: Option<ImageReference> = item.parse("name");
        let account = item.parse_or("account", "admin".parse().expect("`admin` is an account name"));
        let insecure = item.flag("insecure", false);
        if let Some(ImageReference { repository, tag, digest }) = name {
            let key = WatchKey { account, repository, tag };
            if digest.is_some() {
                item.refuse("name", format!("`{key}` with a digest, which never changes, expected it without"));
            } else if repositories.iter().any(|other| other.key == key) {
                item.refuse("name", format!("`{key}` is watched for the account `{}` already", key.account));
            } else {
                repositories.push(Watch { key, insecure, is_configured: true });
            }
        } else if !is_named {
            item.refuse("name", "missing, expected a repository such as `docker.io/library/alpine`, or a tag of one");
        }
        item.finish();
    }
    repositories
}

/// `notifications: {token_env, token_file}`.
fn read_notifications(section: &mut Section) -> Option<SecretString> {
    let mut notifications = section.section("notifications");
    let token = notifications.secret_elsewhere("token_env", "token_file");
    notifications.finish();
    token
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use service::config::{Document, Environment};

    use super::*;

    /// The section as it was read, the ignored keys, or every problem.
    fn read(yaml: &str) -> Result<(Config, Vec<String>), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(yaml.as_bytes()).unwrap();
        let environment = Environment([("PASS".to_owned(), "p".to_owned())].into());
        let mut document = Document::load(Some(file.path()), environment).unwrap();
        let mut services = document.root().section("services");
        let mut section = services.section("catalog");
        let config = Config::read(&mut section);
        section.section("event_log").section("notification").flag("enabled", false);
        section.finish();
        services.finish();
        let reading = document.finish().map_err(|problems| problems.to_string())?;
        Ok((config, reading.ignored))
    }

    #[test]
    fn an_empty_section_gives_the_defaults() {
        let (config, ignored) = read("").unwrap();
        assert_eq!((config.address.port, config.address.is_loopback()), (8231, true));
        assert_eq!((config.repo_watcher, config.image_watcher), (60 * SECOND, HOUR));
        assert_eq!((config.reminder_interval, config.request_timeout), (DAY, 30 * SECOND));
        assert!(config.repositories.is_empty() && config.registries.is_empty() && ignored.is_empty());
    }

    #[test]
    fn a_full_section_is_read_and_old_keys_are_named() {
        let yaml = "
services:
  catalog:
    enabled: true
    require_auth: true
    endpoint_hostname: localhost
    listen: 0.0.0.0
    port: 8082
    cycle_timer_seconds: 1
    cycle_timers: {notifications: 30, service_watcher: 15, repo_watcher: 5m, image_watcher: 7200, policy_bundle_sync: 300}
    reminder_interval: 2h
    event_log: {notification: {enabled: false}}
    repositories:
      - {name: 'registry.example.com:5000/team/app', account: alice, insecure: true}
      - {name: alpine}
      - {name: 'alpine:3.20'}
    registries:
      - {registry: 'Registry.example.com:5000', username: u, password_env: PASS, ca_file: null, requests_per_minute: 7}
    notifications: {token_env: PASS}
";
        let (config, ignored) = read(yaml).unwrap();
        assert_eq!(config.repo_watcher, 300 * SECOND);
        let seen: Vec<_> = config
            .repositories
            .iter()
            .map(|watch| (watch.key.to_string(), watch.key.account.to_string(), watch.insecure))
            .collect();
        let expected = [
            ("registry.example.com:5000/team/app", "alice", true),
            ("docker.io/library/alpine", "admin", false),
            ("docker.io/library/alpine:3.20", "admin", false),
        ];
        assert_eq!(seen, expected.map(|(name, account, insecure)| (name.to_owned(), account.to_owned(), insecure)));
        assert_eq!(config.registries[0].requests_per_minute.map(u16::from), Some(7));
        assert!(config.notification_token.is_some());
        assert_eq!(config.registries[0].registry.as_str(), "registry.example.com:5000");
        assert!(config.registries[0].credentials.is_some());
        assert!(ignored.contains(&"services.catalog.cycle_timers.notifications".to_owned()), "{ignored:?}");
        assert_eq!(ignored.len(), 7, "{ignored:?}");
        assert_eq!(
            config.warnings(),
            ["services.catalog.repositories: `registry.example.com:5000/team/app` is insecure, so the password for \
              `registry.example.com:5000` travels unencrypted"]
        );
    }

    #[test]
    fn every_problem_is_named() {
        let yaml = "
services:
  catalog:
    cycle_timers: {repo_watchr: 60, image_watcher: 0}
    repositories:
      - {name: 'alpine:3.20/x'}
      - {name: docker.io/a/b}
      - {name: a/b, account: admin}
      - {name: a/b, account: alice}
      - {account: admin}
      - {name: c, acount: x}
    registries:
      - {registry: 'https://r.example'}
      - {registry: r.example, username: u}
      - {registry: r.example, username: u, password_env: NOT_SET}
      - {registry: s.example, password_env: PASS}
      - {registry: t.example, username: u, password: p}
      - {registry: u.example, ca_file: /no/such/file}
      - {username: u, password_env: PASS}
";
        let problems = read(yaml).unwrap_err();
        let expected = [
            "services.catalog.cycle_timers.image_watcher: expected seconds or a duration such as `30s`, from 1s to 30d, \
             got `0`",
            "services.catalog.cycle_timers.repo_watchr: unknown key, did you mean `repo_watcher`?",
            "services.catalog.repositories[0].name: `alpine:3.20/x` is at no registry: `alpine:3.20` is no registry, \
             expected host and port without `https://`, such as `registry.example.com:5000`",
            "services.catalog.repositories[2].name: `docker.io/a/b` is watched for the account `admin` already",
            "services.catalog.repositories[4].name: missing, expected a repository such as `docker.io/library/alpine`, or \
             a tag of one",
            "services.catalog.repositories[5].acount: unknown key, did you mean `account`?",
            "services.catalog.registries[0].registry: `https://r.example` is no registry, expected host and port without \
             `https://`, such as `registry.example.com:5000`",
            "services.catalog.registries[1].username: has no password beside it, expected `password_env` or \
             `password_file`",
            "services.catalog.registries[2].password_env: the environment variable `NOT_SET` is not set",
            "services.catalog.registries[2].registry: `r.example` has an entry already",
            "services.catalog.registries[3].username: missing, a password needs one",
            "services.catalog.registries[4].password: must not stand in this file, expected `password_env` or \
             `password_file` in its place",
            "services.catalog.registries[5].ca_file: `/no/such/file` cannot be read: No such file or directory (os error \
             2)",
            "services.catalog.registries[6].registry: missing, expected a registry such as `registry.example.com:5000`",
        ];
        assert_eq!(problems.lines().collect::<Vec<_>>(), expected);
    }
}
