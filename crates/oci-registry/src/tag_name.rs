//! The name of a tag.

use std::fmt;
use std::str::FromStr;

/// A tag, as the distribution specification's grammar has it: `3.20`, `latest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagName(String);

/// A text that is no tag, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tag, expected 1 to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`")]
pub struct TagNameError(String);

/// Longest tag (distribution specification).
const TAG_BYTES_MAX: usize = 128;

impl TagName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TagName {
    type Err = TagNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let is_tag =
            (1..=TAG_BYTES_MAX).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(is_inner);
        if is_tag { Ok(Self(text.to_owned())) } else { Err(TagNameError(text.chars().take(160).collect())) }
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_grammar() {
        for text in ["latest", "3.20", "_x", "A-b.C_d", &"a".repeat(128)] {
            assert!(text.parse::<TagName>().is_ok(), "{text}");
        }
        for text in ["", ".a", "-a", "a/b", "a:b", "a b", "é", "a\n", &"a".repeat(129)] {
            assert!(text.parse::<TagName>().is_err(), "{text}");
        }
    }
}
