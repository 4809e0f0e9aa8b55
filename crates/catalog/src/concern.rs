//! In which respect something fails, and whose failure that is: the keys under which failures are kept.

use std::fmt;

use event::AccountName;
use oci_registry::{RegistryName, TagName};
use uuid::Uuid;

/// Whose failure it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Watch(Uuid),
    /// A registry, as one account sees it: what it does to one repository it does to all.
    Registry(RegistryName, AccountName),
}

/// In which respect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Concern {
    /// The list of tags.
    Listing,
    /// Looking up what tags mean, whichever.
    Lookup,
    /// What one tag means.
    Tag(TagName),
    /// The registry wants fewer requests.
    Rate,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch(id) => id.as_simple().fmt(f),
            Self::Registry(registry, account) => write!(f, "{registry} {account}"),
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listing => f.write_str("listing"),
            Self::Lookup => f.write_str("lookup"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::Rate => f.write_str("rate"),
        }
    }
}

impl Concern {
    /// `None` for a text that none of them prints.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "listing" => Some(Self::Listing),
            "lookup" => Some(Self::Lookup),
            "rate" => Some(Self::Rate),
            other => other.strip_prefix("tag ")?.parse().ok().map(Self::Tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concern_reads_as_it_was_written() {
        for concern in [Concern::Listing, Concern::Lookup, Concern::Rate, Concern::Tag("1.0".parse().unwrap())] {
            assert_eq!(Concern::parse(&concern.to_string()), Some(concern));
        }
        assert_eq!(Concern::parse("tag "), None);
    }
}
