//! The kinds of feeds, and what each of them calls its groups.

use std::fmt;
use std::str::FromStr;

use crate::GroupName;

/// How a feed is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedKind {
    /// Alpine's security database: a JSON document for each repository of each branch.
    AlpineSecdb,
    /// OSV: for each ecosystem an archive with a JSON document per record, and a list of changes.
    Osv,
    /// Debian's security tracker: one JSON document.
    DebianTracker,
}

impl FeedKind {
    pub const ALL: [Self; 3] = [Self::AlpineSecdb, Self::Osv, Self::DebianTracker];

    /// The one group of a feed that is a single document.
    pub const WHOLE_GROUP: &str = "all";

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlpineSecdb => "alpine_secdb",
            Self::Osv => "osv",
            Self::DebianTracker => "debian_tracker",
        }
    }

    /// Where its publisher has it.
    pub const fn public_url(self) -> &'static str {
        match self {
            Self::AlpineSecdb => "https://secdb.alpinelinux.org",
            Self::Osv => "https://osv-vulnerabilities.storage.googleapis.com",
            Self::DebianTracker => "https://security-tracker.debian.org/tracker/data/json",
        }
    }

    /// Whether the feed has parts to choose from.
    pub const fn has_groups(self) -> bool {
        !matches!(self, Self::DebianTracker)
    }

    /// A name of a group, for somebody who has to write one.
    pub const fn group_example(self) -> &'static str {
        match self {
            Self::AlpineSecdb => "v3.20/main",
            Self::Osv => "Debian:12",
            Self::DebianTracker => Self::WHOLE_GROUP,
        }
    }

    /// Whether the feed can have a group of that name: groups become parts of an address.
    pub fn takes_group(self, group: &GroupName) -> bool {
        let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().any(|byte| byte != b'.');
        let segments: Vec<&str> = group.as_str().split('/').collect();
        match self {
            Self::AlpineSecdb => segments.len() == 2 && segments.into_iter().all(is_segment),
            Self::Osv => segments.len() == 1 && segments.into_iter().all(is_segment),
            Self::DebianTracker => group.as_str() == Self::WHOLE_GROUP,
        }
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind `{0}`, expected `alpine_secdb`, `osv` or `debian_tracker`")]
pub struct FeedKindError(String);

impl FromStr for FeedKind {
    type Err = FeedKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| FeedKindError(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_parts_of_an_address_and_nothing_else() {
        let check = |kind: FeedKind, group: &str, expected: bool| {
            assert_eq!(kind.takes_group(&group.parse().unwrap()), expected, "{kind} {group}");
        };
        check(FeedKind::AlpineSecdb, "v3.20/main", true);
        check(FeedKind::AlpineSecdb, "edge/community", true);
        check(FeedKind::AlpineSecdb, "v3.20", false);
        check(FeedKind::AlpineSecdb, "v3.20/main/x", false);
        check(FeedKind::AlpineSecdb, "../main", false);
        check(FeedKind::Osv, "Debian:12", true);
        check(FeedKind::Osv, "GitHub Actions", true);
        check(FeedKind::Osv, "..", false);
        check(FeedKind::Osv, "a/b", false);
        check(FeedKind::DebianTracker, "all", true);
        check(FeedKind::DebianTracker, "bookworm", false);
    }

    #[test]
    fn public_addresses_are_addresses() {
        for kind in FeedKind::ALL {
            assert!(kind.public_url().parse::<crate::FeedUrl>().is_ok());
            assert!(kind.takes_group(&kind.group_example().parse().unwrap()));
        }
    }
}
