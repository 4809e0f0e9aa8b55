//! What is watched: a repository, or one tag of it, for an account.

use std::fmt;

use event::AccountName;
use oci_registry::{ImageReference, Repository, RepositoryName, TagName};

/// What tells one watch from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchKey {
    /// Who owns the events about it.
    pub account: AccountName,
    pub repository: RepositoryName,
    /// The one tag that is watched; `None`: all of them.
    pub tag: Option<TagName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub key: WatchKey,
    /// Plain HTTP.
    pub insecure: bool,
    /// It stands in the configuration.
    pub is_configured: bool,
}

impl WatchKey {
    /// The full name of one of its tags, as it is the resource of an event.
    pub(crate) fn tag_name(&self, tag: &TagName) -> String {
        format!("{}:{tag}", self.repository)
    }
}

impl Watch {
    /// Where it is, for requests.
    pub(crate) fn repository(&self) -> Repository {
        Repository { name: self.key.repository.clone(), insecure: self.insecure }
    }
}

/// `registry/repository`, and the tag where it is only one.
impl fmt::Display for WatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = ImageReference { repository: self.repository.clone(), tag: self.tag.clone(), digest: None };
        reference.fmt(f)
    }
}
