//! The list `services.policy_engine.feeds`.

use std::path::PathBuf;

use outbound::CaCertificates;
use secrecy::{ExposeSecret, SecretString};
use service::config::Section;

use crate::{FeedKind, FeedName, FeedUrl, GroupId, GroupName};

/// A feed, and what of it is synced.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    pub name: FeedName,
    pub kind: FeedKind,
    pub url: FeedUrl,
    /// At least one.
    pub groups: Vec<GroupName>,
    /// From the settings beside the address, or from the address.
    pub credentials: Option<Credentials>,
    pub ca_certificates: Option<CaCertificates>,
}

#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: SecretString,
}

impl FeedConfig {
    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> {
        self.groups.iter().map(|group| GroupId { feed: self.name.clone(), group: group.clone() })
    }
}

pub(super) fn read_feeds(section: &mut Section) -> Vec<FeedConfig> {
    let mut feeds: Vec<FeedConfig> = Vec::new();
    for mut item in section.sections("feeds") {
        let name = read_name(&mut item, &feeds);
        let has_kind = item.has("kind");
        let kind: Option<FeedKind> = item.parse("kind");
        if !has_kind {
            item.refuse("kind", "missing, expected `alpine_secdb`, `osv` or `debian_tracker`");
        }
        let public = kind.map(|kind| kind.public_url().parse().expect("a public address is an address"));
        let url: Option<FeedUrl> = match public {
            Some(public) => Some(item.parse_or("url", public)),
            None => item.parse("url"),
        };
        let groups = item.texts("groups");
        let groups = kind.map(|kind| check_groups(&item, kind, groups.unwrap_or_default()));
        let credentials = read_credentials(&mut item, url.as_ref());
        let ca_certificates = read_ca_file(&mut item);
        item.finish();
        if let (Some(name), Some(kind), Some(url), Some(groups)) = (name, kind, url, groups) {
            feeds.push(FeedConfig { name, kind, url, groups, credentials, ca_certificates });
        }
    }
    feeds
}

fn read_name(item: &mut Section, feeds: &[FeedConfig]) -> Option<FeedName> {
    let is_named = item.has("name");
    let name: Option<FeedName> = item.parse("name");
    match &name {
        None if !is_named => item.refuse("name", "missing, expected a name such as `alpine`"),
        Some(name) if feeds.iter().any(|feed| feed.name == *name) => {
            item.refuse("name", format!("`{name}` is the name of another feed already"));
            return None;
        }
        Some(_) | None => {}
    }
    name
}

fn check_groups(item: &Section, kind: FeedKind, texts: Vec<String>) -> Vec<GroupName> {
    let example = kind.group_example();
    if !kind.has_groups() {
        if texts.iter().any(|text| text != example) {
            item.refuse("groups", format!("a {kind} is one document, which has no groups to choose; leave it out"));
        }
        return vec![example.parse().expect("an example is a name")];
    }
    if texts.is_empty() {
        item.refuse("groups", format!("missing, expected a list such as `[{example}]`"));
    }
    let mut groups: Vec<GroupName> = Vec::new();
    for text in texts {
        match text.parse::<GroupName>() {
            Err(error) => item.refuse("groups", error),
            Ok(group) if !kind.takes_group(&group) => {
                item.refuse(
                    "groups",
                    format!("`{group}` is no group of the kind {kind}, expected one such as `{example}`"),
                );
            }
            Ok(group) if groups.contains(&group) => item.refuse("groups", format!("`{group}` is listed twice")),
            Ok(group) => groups.push(group),
        }
    }
    groups
}

fn read_credentials(item: &mut Section, url: Option<&FeedUrl>) -> Option<Credentials> {
    let in_url = url.and_then(FeedUrl::user_info);
    let has_source = ["password", "password_env", "password_file"].iter().any(|key| item.has(key));
    if item.has("password") {
        // Taken out, so that it is refused once and for this reason, and never shown.
        item.masked_text("password");
        item.refuse("password", "must not stand in this file, expected `password_env` or `password_file` in its place");
    }
    let username = item.text("username");
    let password = item.secret_elsewhere("password_env", "password_file");
    match (username, password, in_url) {
        (Some(_), _, Some(_)) => {
            item.refuse("username", "the address has a user name too, expected one of them");
            None
        }
        (Some(username), _, None) if username.contains(':') => {
            // RFC 7617, section 2: the first colon ends the name.
            item.refuse("username", "contains `:`, which a user name cannot have here");
            None
        }
        (Some(_), Some(password), None) if password.expose_secret().is_empty() => {
            item.refuse("password_file", "the password is empty");
            None
        }
        (Some(username), Some(password), None) => Some(Credentials { username, password }),
        (Some(_), None, None) => {
            // A source that gave nothing was refused while it was read.
            if !has_source {
                item.refuse("username", "has no password beside it, expected `password_env` or `password_file`");
            }
            None
        }
        (None, Some(_), _) => {
            item.refuse("username", "missing, a password needs one");
            None
        }
        (None, None, in_url) => {
            in_url.map(|(username, password)| Credentials { username: username.to_owned(), password: password.clone() })
        }
    }
}

fn read_ca_file(item: &mut Section) -> Option<CaCertificates> {
    let file: PathBuf = item.text("ca_file")?.into();
    match CaCertificates::read(&file) {
        Ok(certificates) => Some(certificates),
        Err(error) => {
            item.refuse("ca_file", format!("`{}` {error}", file.display()));
            None
        }
    }
}
