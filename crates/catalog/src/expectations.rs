//! Tags of which a registry has told that they were pushed. Distribution tells so a moment before the tag means what was
//! pushed, so one that does not mean it yet is looked up again a little later.

use std::collections::HashMap;
use std::time::Duration;

use oci_registry::{Digest, TagName};
use tokio::time::Instant;

/// When a tag is looked up again that does not mean yet what it was said to: after that, its turn comes with the others'.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

#[derive(Debug, Default)]
pub(crate) struct Expectations(HashMap<TagName, Expectation>);

#[derive(Debug)]
struct Expectation {
    /// `None`: the registry has not said what the tag means; then it is looked up once more and no oftener.
    digest: Option<Digest>,
    /// `None` while it is being looked up.
    at: Option<Instant>,
    looks: usize,
}

impl Expectations {
    /// The tag is to be looked up now, and is said to mean `digest`.
    pub(crate) fn expect(&mut self, tag: TagName, digest: Option<Digest>, now: Instant) {
        self.0.insert(tag, Expectation { digest, at: Some(now), looks: 0 });
    }

    pub(crate) fn contains(&self, tag: &TagName) -> bool {
        self.0.contains_key(tag)
    }

    /// The tags whose time has come, each once.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<TagName> {
        let is_due = |expectation: &Expectation| expectation.at.is_some_and(|at| at <= now);
        let due = self.0.iter_mut().filter(|(_, expectation)| is_due(expectation));
        let take = |(tag, expectation): (&TagName, &mut Expectation)| {
            expectation.at = None;
            tag.clone()
        };
        due.map(take).collect()
    }

    /// When there is something to look up.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.0.values().filter_map(|expectation| expectation.at).min()
    }

    /// Notes what the tag was found to mean; `None`: it is not there.
    pub(crate) fn looked_up(&mut self, tag: &TagName, digest: Option<&Digest>, now: Instant) {
        let Some(expectation) = self.0.get_mut(tag) else { return };
        let is_met = digest.is_some() && digest == expectation.digest.as_ref();
        let looks_max = if expectation.digest.is_some() { AGAIN_AFTER.len() } else { 1 };
        if is_met || expectation.looks >= looks_max {
            self.0.remove(tag);
        } else {
            expectation.at = Some(now + AGAIN_AFTER[expectation.looks]);
            expectation.looks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks whenever it is time. Returns after how many seconds.
    fn looks(expected: Option<&Digest>, finds: impl Fn(u64) -> Option<Digest>) -> Vec<u64> {
        let tag: TagName = "1".parse().unwrap();
        let (mut expectations, begun) = (Expectations::default(), Instant::now());
        expectations.expect(tag.clone(), expected.cloned(), begun);
        let mut looks = Vec::new();
        while let Some(at) = expectations.next_at() {
            assert_eq!(expectations.take_due(at), std::slice::from_ref(&tag));
            let second = (at - begun).as_secs();
            looks.push(second);
            expectations.looked_up(&tag, finds(second).as_ref(), at);
        }
        assert!(!expectations.contains(&tag));
        looks
    }

    #[test]
    fn a_tag_is_looked_up_until_it_means_what_was_said() {
        let (old, new) = (Digest::sha256(b"old"), Digest::sha256(b"new"));
        assert_eq!(looks(Some(&new), |_| Some(new.clone())), [0]);
        assert_eq!(looks(Some(&new), |second| Some(if second < 1 { old.clone() } else { new.clone() })), [0, 1]);
        assert_eq!(looks(Some(&new), |_| None), [0, 1, 6, 31]);
        assert_eq!(looks(None, |_| Some(new.clone())), [0, 1]);
    }
}
