//! Which tags are to be looked up next: new ones first, then whatever else there is, each once.

use std::collections::{HashSet, VecDeque};

use oci_registry::TagName;

#[derive(Debug, Default)]
pub(crate) struct LookupQueue {
    urgent: VecDeque<TagName>,
    rest: VecDeque<TagName>,
    queued: HashSet<TagName>,
}

impl LookupQueue {
    /// Puts a tag before all that are not urgent.
    pub(crate) fn push_urgent(&mut self, tag: TagName) {
        // One that waits in the rest is passed over there.
        self.queued.insert(tag.clone());
        if !self.urgent.contains(&tag) {
            self.urgent.push_back(tag);
        }
    }

    pub(crate) fn push(&mut self, tag: TagName) {
        if self.queued.insert(tag.clone()) {
            self.rest.push_back(tag);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<TagName> {
        while let Some(tag) = self.urgent.pop_front().or_else(|| self.rest.pop_front()) {
            if self.queued.remove(&tag) {
                return Some(tag);
            }
        }
        None
    }

    /// Takes out those that are not there any more.
    pub(crate) fn retain(&mut self, is_there: impl Fn(&TagName) -> bool) {
        self.queued.retain(|tag| is_there(tag));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_tags_come_first_and_each_comes_once() {
        let tag = |text: &str| text.parse::<TagName>().unwrap();
        let mut queue = LookupQueue::default();
        for text in ["a", "b", "a", "c", "d"] {
            queue.push(tag(text));
        }
        queue.push_urgent(tag("c"));
        queue.push_urgent(tag("c"));
        queue.push_urgent(tag("new"));
        queue.retain(|known| *known != tag("b"));
        let order: Vec<String> = std::iter::from_fn(|| queue.pop()).map(|tag| tag.to_string()).collect();
        assert_eq!(order, ["c", "new", "a", "d"]);
        assert!(queue.is_empty());
    }
}
