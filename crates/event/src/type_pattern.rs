//! Which event types a filter means.

use std::str::FromStr;

use crate::catalogue;

/// A pattern for event types: a type's flat or dotted name, where each `*` stands for any run of characters, also none
/// (contract 3.2). Case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypePattern(String);

/// A text that is no type pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no event type pattern, expected 1 to {max} of `a-z 0-9 - _ .` and `*` for any run of them",
    max = TypePattern::BYTES_MAX
)]
pub struct TypePatternError(String);

impl TypePattern {
    /// Longest pattern, in bytes.
    pub const BYTES_MAX: usize = 256;

    /// The pattern in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn has_wildcard(&self) -> bool {
        self.0.contains('*')
    }

    /// Whether the pattern means `event_type`, by this name or by its other one.
    pub fn matches(&self, event_type: &str) -> bool {
        let event_type = event_type.to_ascii_lowercase();
        match catalogue::lookup(&event_type) {
            Some(kind) => kind.names().any(|name| wildcard_match(&self.0, name)),
            None => wildcard_match(&self.0, &event_type),
        }
    }

    /// The one canonical name that a pattern without a wildcard means.
    pub fn exact_name(&self) -> Option<String> {
        (!self.has_wildcard()).then(|| catalogue::canonical_name(&self.0))
    }

    /// The canonical names of the known types that this pattern means by either name. Beside these it means every
    /// other type whose own text it matches.
    pub fn known_names(&self) -> Vec<&'static str> {
        let meant = catalogue::kinds().iter().filter(|kind| kind.names().any(|name| wildcard_match(&self.0, name)));
        meant.map(catalogue::EventKind::name).collect()
    }
}

impl FromStr for TypePattern {
    type Err = TypePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
        if text.is_empty() || text.len() > Self::BYTES_MAX || !text.bytes().all(allowed) {
            return Err(TypePatternError(text.chars().take(64).collect()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Whether `pattern`, whose only special character is `*`, matches all of `text`. Linear in practice: on a mismatch it
/// goes back to the last `*` only, which is enough because earlier ones have matched as little as they can.
fn wildcard_match(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            last_star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, taken_to)) = last_star {
            p = star + 1;
            t = taken_to + 1;
            last_star = Some((star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, event_type: &str, expected: bool) {
        let pattern: TypePattern = pattern.parse().unwrap();
        assert_eq!(pattern.matches(event_type), expected, "{pattern:?} on {event_type}");
        let name = catalogue::canonical_name(event_type);
        let by_name = match pattern.exact_name() {
            Some(exact) => exact == name,
            None => pattern.known_names().contains(&name.as_str()) || wildcard_match(pattern.as_str(), &name),
        };
        assert_eq!(by_name, expected, "{pattern:?} by canonical name on {event_type}");
    }

    #[test]
    fn either_name_of_a_type_is_meant() {
        check("list_tags_fail", "list_tags_fail", true);
        check("system.repository.list_tags_fail", "list_tags_fail", true);
        check("list_tags_fail", "system.repository.list_tags_fail", true);
        check("LIST_TAGS_FAIL", "list_tags_fail", true);
        check("list_tags", "list_tags_fail", false);
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        check("system.*", "list_tags_fail", true);
        check("*.list_tags_fail", "list_tags_fail", true);
        check("*feeds*", "feed_sync_start", true);
        check("feed_*", "system.feeds.sync.started", true);
        check("user.*", "list_tags_fail", false);
        check("*", "my.own-type", true);
        check("my*type", "my.own-type", true);
        check("my*typ", "my.own-type", false);
        check("a*b*c", "aXbXbc", true);
        check("a_b*", "axbc", false);
    }

    #[test]
    fn other_characters_are_refused() {
        for text in ["", "a b", "a%b", "é", "a;b"] {
            assert!(text.parse::<TypePattern>().is_err(), "{text}");
        }
    }
}
