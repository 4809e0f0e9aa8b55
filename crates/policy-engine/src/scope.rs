//! What a run syncs.

use serde_json::{Value, json};

use crate::config::FeedConfig;
use crate::{FeedName, GroupId, GroupName};

/// Groups, by their feeds.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// In the order of the configuration; each has at least one group.
    pub(crate) feeds: Vec<(FeedName, Vec<GroupName>)>,
    /// What it is called: `None` for everything that is configured.
    called: Option<Vec<String>>,
    /// Whether a feed may lose more records than is believed otherwise.
    pub(crate) accept_drop: bool,
}

/// Something that is not configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScopeError {
    #[error("no feed is configured, name some in services.policy_engine.feeds")]
    Nothing,
    #[error("no feed `{0}` is configured, expected one of {1}")]
    Feed(String, String),
    #[error("the feed `{0}` has no group `{1}`, expected one of {2}")]
    Group(String, String, String),
}

impl Scope {
    /// Everything, or a feed, or a group of it.
    pub(crate) fn asked(feeds: &[FeedConfig], feed: &str, group: &str, accept_drop: bool) -> Result<Self, ScopeError> {
        if feeds.is_empty() {
            return Err(ScopeError::Nothing);
        }
        if feed.is_empty() {
            let feeds = feeds.iter().map(|feed| (feed.name.clone(), feed.groups.clone())).collect();
            return Ok(Self { feeds, called: None, accept_drop });
        }
        let found = feeds.iter().find(|known| known.name.as_str() == feed);
        let names = feeds.iter().map(|feed| feed.name.as_str());
        let found = found.ok_or_else(|| ScopeError::Feed(shown(feed), list(names)))?;
        if group.is_empty() {
            let feeds = vec![(found.name.clone(), found.groups.clone())];
            return Ok(Self { feeds, called: Some(vec![found.name.to_string()]), accept_drop });
        }
        let groups = found.groups.iter().map(GroupName::as_str);
        let known = found.groups.iter().find(|known| known.as_str() == group);
        let known = known.ok_or_else(|| ScopeError::Group(found.name.to_string(), shown(group), list(groups)))?;
        let called = Some(vec![format!("{}/{known}", found.name)]);
        Ok(Self { feeds: vec![(found.name.clone(), vec![known.clone()])], called, accept_drop })
    }

    /// The groups that are `due`; `None` when there is none.
    pub(crate) fn due(feeds: &[FeedConfig], is_due: impl Fn(&GroupId) -> bool) -> Option<Self> {
        let due_of = |feed: &FeedConfig| {
            let groups: Vec<GroupName> = feed.group_ids().filter(&is_due).map(|id| id.group).collect();
            (!groups.is_empty()).then(|| (feed.name.clone(), groups))
        };
        let due: Vec<_> = feeds.iter().filter_map(due_of).collect();
        let count = |feeds: &[(FeedName, Vec<GroupName>)]| feeds.iter().map(|(_, groups)| groups.len()).sum::<usize>();
        let is_all = count(&due) == feeds.iter().map(|feed| feed.groups.len()).sum::<usize>();
        let names = || due.iter().flat_map(|(feed, groups)| groups.iter().map(move |group| format!("{feed}/{group}")));
        let called = (!is_all).then(|| names().collect());
        (!due.is_empty()).then_some(Self { feeds: due, called, accept_drop: false })
    }

    /// Without the feeds that somebody else is syncing.
    pub(crate) fn retain(&mut self, taken: &[FeedName]) {
        self.feeds.retain(|(feed, _)| taken.contains(feed));
    }

    pub(crate) fn feed_names(&self) -> Vec<FeedName> {
        self.feeds.iter().map(|(feed, _)| feed.clone()).collect()
    }

    pub(crate) fn group_ids(&self) -> Vec<GroupId> {
        let id = |feed: &FeedName, group: &GroupName| GroupId { feed: feed.clone(), group: group.clone() };
        self.feeds.iter().flat_map(|(feed, groups)| groups.iter().map(move |group| id(feed, group))).collect()
    }

    /// `sync_feed_types` of the contract (section 2): a list, or the text `all`.
    pub(crate) fn sync_feed_types(&self) -> Value {
        self.called.as_ref().map_or_else(|| json!("all"), |names| json!(names))
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A text of somebody else in a message.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(64).collect()
}
