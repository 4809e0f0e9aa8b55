//! What feeds and their groups are called.

use std::fmt;
use std::str::FromStr;

/// Longest name of a feed, in bytes.
const FEED_NAME_BYTES_MAX: usize = 64;
/// Longest name of a group, in bytes.
const GROUP_NAME_BYTES_MAX: usize = 128;

/// The name of a feed, as the configuration gives it: `alpine`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedName(String);

/// The name of a group within its feed: `v3.20/main`, `Debian:12`, `npm`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(String);

/// A group of all feeds; prints as events name it: `alpine/v3.20/main`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId {
    pub feed: FeedName,
    pub group: GroupName,
}

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "`{0}` is no name of a feed, expected 1 to {FEED_NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`, the first \
         one no punctuation"
    )]
    Feed(String),
    #[error("`{0}` is no name of a group, expected 1 to {GROUP_NAME_BYTES_MAX} bytes on one line")]
    Group(String),
}

impl FeedName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl GroupName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FeedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins_well && text.len() <= FEED_NAME_BYTES_MAX && text.bytes().all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Feed(text.chars().take(FEED_NAME_BYTES_MAX).collect()))
        }
    }
}

/// What a group may be called beyond that is up to the kind of its feed.
impl FromStr for GroupName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_one_line = !text.chars().any(char::is_control) && text.trim() == text;
        if is_one_line && (1..=GROUP_NAME_BYTES_MAX).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            let shown: String = text.chars().filter(|character| !character.is_control()).collect();
            Err(NameError::Group(shown.chars().take(GROUP_NAME_BYTES_MAX).collect()))
        }
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.feed, self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_on_one_line() {
        let feed = |text: &str, accepted: bool| assert_eq!(text.parse::<FeedName>().is_ok(), accepted, "{text}");
        let group = |text: &str, accepted: bool| assert_eq!(text.parse::<GroupName>().is_ok(), accepted, "{text}");
        for text in ["alpine", "osv.dev", "a_b-c", "9"] {
            feed(text, true);
        }
        for text in ["", "a/b", "-a", "a b", "é", &"a".repeat(65)] {
            feed(text, false);
        }
        for text in ["v3.20/main", "Debian:12", "GitHub Actions", "Rocky Linux:9"] {
            group(text, true);
        }
        for text in ["", " npm", "a\nb", &"a".repeat(129)] {
            group(text, false);
        }
    }
}
