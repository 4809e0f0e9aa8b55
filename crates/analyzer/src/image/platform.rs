//! Which image of an index is looked into.

use std::fmt;
use std::str::FromStr;

use oci_registry::{ImageIndex, IndexEntry, Platform};

/// The platform whose images are analysed: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformChoice(Platform);

/// A text that is no platform, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform, expected such as `linux/amd64` or `linux/arm/v7`")]
pub struct PlatformError(String);

impl PlatformChoice {
    /// The first entry for the platform. A choice without a variant takes any; an entry without a platform is taken
    /// where it is the only one.
    pub fn of<'a>(&self, index: &'a ImageIndex) -> Option<&'a IndexEntry> {
        let mut fitting =
            index.entries.iter().filter(|entry| entry.platform.as_ref().is_some_and(|platform| self.takes(platform)));
        fitting.next().or_else(|| match &index.entries[..] {
            [only] if only.platform.is_none() => Some(only),
            _ => None,
        })
    }

    fn takes(&self, platform: &Platform) -> bool {
        let Platform { os, architecture, variant } = &self.0;
        *os == platform.os
            && *architecture == platform.architecture
            && variant.as_ref().is_none_or(|variant| Some(variant) == platform.variant.as_ref())
    }
}

impl Default for PlatformChoice {
    fn default() -> Self {
        Self(Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None })
    }
}

impl FromStr for PlatformChoice {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PlatformError(text.chars().take(64).collect());
        let is_word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let parts: Vec<&str> = text.split('/').filter(is_word).collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err(refused()),
        };
        if parts.join("/") != text {
            return Err(refused());
        }
        Ok(Self(Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant }))
    }
}

impl fmt::Display for PlatformChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use oci_registry::{Descriptor, Digest};

    use super::*;

    fn index(platforms: &[&str]) -> ImageIndex {
        let entry = |platform: &&str| IndexEntry {
            descriptor: Descriptor {
                media_type: (*platform).to_owned(),
                digest: Digest::sha256(platform.as_bytes()),
                size: 1,
            },
            platform: platform.parse::<PlatformChoice>().ok().map(|choice| choice.0),
        };
        ImageIndex { entries: platforms.iter().map(entry).collect() }
    }

    #[test]
    fn the_first_image_for_the_platform_is_chosen() {
        let check = |choice: &str, platforms: &[&str], expected: Option<&str>| {
            let index = index(platforms);
            let chosen = choice.parse::<PlatformChoice>().unwrap();
            let chosen = chosen.of(&index).map(|entry| entry.descriptor.media_type.as_str());
            assert_eq!(chosen, expected, "{choice} {platforms:?}");
        };
        check("linux/amd64", &["linux/arm64/v8", "linux/amd64", "unknown/unknown"], Some("linux/amd64"));
        check("linux/arm64", &["linux/arm64/v8"], Some("linux/arm64/v8"));
        check("linux/arm/v7", &["linux/arm/v6", "linux/arm/v7"], Some("linux/arm/v7"));
        check("linux/amd64", &["linux/arm64/v8", "windows/amd64"], None);
        check("linux/amd64", &[""], Some(""));
        check("linux/amd64", &["", ""], None);
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/", "a/b/c/d", "linux/amd 64", "linux//amd64"] {
            assert!(text.parse::<PlatformChoice>().is_err(), "{text}");
        }
        assert_eq!("linux/arm/v7".parse::<PlatformChoice>().unwrap().to_string(), "linux/arm/v7");
    }
}
