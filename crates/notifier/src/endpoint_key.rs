//! The identity of an endpoint.

use std::fmt;

use event::AccountName;

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Names one endpoint among those of all accounts: `name` for one of every account, `account/name` for an account's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointKey(String);

/// A text that is no name of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of an endpoint, expected 1 to {NAME_BYTES_MAX} lower-case letters, digits, `-` and `_`, the first \
     a letter or digit"
)]
pub struct NameError(String);

/// # Errors
/// A text that no endpoint may be called.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let starts_well = name.bytes().next().is_some_and(is_plain);
    if starts_well && name.len() <= NAME_BYTES_MAX && name.bytes().all(|byte| is_plain(byte) || b"-_".contains(&byte)) {
        Ok(())
    } else {
        Err(NameError(name.chars().take(NAME_BYTES_MAX).collect()))
    }
}

impl EndpointKey {
    pub fn new(account: Option<&AccountName>, name: &str) -> Self {
        Self(account.map_or_else(|| name.to_owned(), |account| format!("{account}/{name}")))
    }

    /// A key as the tables have it.
    pub(crate) fn stored(key: String) -> Self {
        Self(key)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    /// `None` for an endpoint of every account.
    pub fn account(&self) -> Option<AccountName> {
        self.0.rsplit_once('/').and_then(|(account, _)| account.parse().ok())
    }
}

impl fmt::Display for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_account_and_its_name() {
        let alice: AccountName = "alice".parse().unwrap();
        let key = EndpointKey::new(Some(&alice), "ops");
        assert_eq!((key.as_str(), key.account(), key.name()), ("alice/ops", Some(alice), "ops"));
        let key = EndpointKey::new(None, "ops");
        assert_eq!((key.as_str(), key.account(), key.name()), ("ops", None, "ops"));
    }

    #[test]
    fn names_are_plain() {
        for name in ["ops", "0", "event_update", "a-b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "Ops", "-a", "a/b", "a b", "é", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
