//! Compares what was done with what is listed.

use std::collections::{HashMap, HashSet};
use std::fmt;

use event::{EventId, Timestamp};

use crate::content;
use crate::history::{History, Place};

/// Findings of one kind that are shown.
const SHOWN_MAX: usize = 5;

/// An event as it was listed.
#[derive(Debug, Clone)]
pub struct ListedEvent {
    pub id: EventId,
    /// Which event it says it is.
    pub place: Place,
    pub occurred_at: Timestamp,
    /// Whether its content is to the letter what was published.
    pub is_intact: bool,
}

/// Everything that is wrong, each as a line for people.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Reported as durable, not deleted, and not listed.
    pub lost: Vec<String>,
    /// One ID listed twice, or one event listed under two IDs.
    pub duplicated: Vec<String>,
    /// Listed before an earlier event of its source.
    pub reordered: Vec<String>,
    /// Listed although deleted.
    pub resurrected: Vec<String>,
    /// Listed, and not what was published.
    pub damaged: Vec<String>,
    /// Listed, and never published.
    pub invented: Vec<String>,
}

impl Verdict {
    /// `listed` is in the order of the list, newest first, each account after the other.
    pub fn of(history: &History, listed: &[ListedEvent], sources: &[String]) -> Self {
        let mut verdict = Self::default();
        verdict.check_lost(history, listed, sources);
        verdict.check_duplicated(listed, sources);
        verdict.check_reordered(history, listed, sources);
        for event in listed {
            let line = describe(event.id, event.place, sources);
            if history.deleted.contains(&event.id) {
                verdict.resurrected.push(line.clone());
            }
            if !history.was_tried(event.place) {
                verdict.invented.push(line.clone());
            }
            if !event.is_intact {
                verdict.damaged.push(line);
            }
        }
        verdict
    }

    fn check_lost(&mut self, history: &History, listed: &[ListedEvent], sources: &[String]) {
        let listed: HashSet<EventId> = listed.iter().map(|event| event.id).collect();
        let mut lost: Vec<(Place, EventId)> = missing(history, &listed).map(|(id, place)| (place, id)).collect();
        lost.sort_unstable();
        self.lost.extend(lost.into_iter().map(|(place, id)| describe(id, place, sources)));
    }

    fn check_duplicated(&mut self, listed: &[ListedEvent], sources: &[String]) {
        let mut ids = HashSet::new();
        let mut places: HashMap<Place, EventId> = HashMap::new();
        for event in listed {
            let line = describe(event.id, event.place, sources);
            if !ids.insert(event.id) {
                self.duplicated.push(format!("{line}, twice"));
            } else if let Some(other) = places.insert(event.place, event.id) {
                self.duplicated.push(format!("{line}, also as {other}"));
            }
        }
    }

    fn check_reordered(&mut self, history: &History, listed: &[ListedEvent], sources: &[String]) {
        let mut newer: HashMap<usize, &ListedEvent> = HashMap::new();
        for event in listed {
            let Place { source, sequence } = event.place;
            // The same number again is a duplicate, and told as such.
            let Some(before) = newer.insert(source, event) else { continue };
            // What a clock that was set back says is older is older.
            let is_explained = history.set_back.contains(&source) && before.occurred_at > event.occurred_at;
            if before.place.sequence < sequence && !is_explained {
                let line = describe(event.id, event.place, sources);
                self.reordered.push(format!("{line} is listed as older than number {}", before.place.sequence));
            }
        }
    }

    fn findings(&self) -> [(&'static str, &[String]); 6] {
        [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("reordered", &self.reordered),
            ("resurrected", &self.resurrected),
            ("damaged", &self.damaged),
            ("invented", &self.invented),
        ]
    }

    pub fn is_good(&self) -> bool {
        self.findings().iter().all(|(_, lines)| lines.is_empty())
    }

    /// `0 lost, 0 duplicated, ...`
    pub fn summary(&self) -> String {
        let counts = self.findings().map(|(name, lines)| format!("{} {name}", lines.len()));
        counts.join(", ")
    }
}

/// What has to be listed and is not.
pub fn missing<'a>(history: &'a History, listed: &'a HashSet<EventId>) -> impl Iterator<Item = (EventId, Place)> + 'a {
    history.durable.iter().map(|(id, place)| (*id, *place)).filter(|(id, place)| {
        let may_be_gone = history.deleted.contains(id)
            || history.perhaps_deleted.contains(id)
            || history.perhaps_purged.contains(&(place.source, content::part(place.sequence)));
        !may_be_gone && !listed.contains(id)
    })
}

fn describe(id: EventId, place: Place, sources: &[String]) -> String {
    let source = sources.get(place.source).map_or("?", String::as_str);
    format!("{source} number {} ({id})", place.sequence)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, lines) in self.findings().into_iter().filter(|(_, lines)| !lines.is_empty()) {
            for line in lines.iter().take(SHOWN_MAX) {
                writeln!(f, "  {name}: {line}")?;
            }
            if lines.len() > SHOWN_MAX {
                writeln!(f, "  {name}: and {} more", lines.len() - SHOWN_MAX)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [&str; 2] = ["a", "b"];

    fn id(sequence: u64) -> EventId {
        content::published_id(7, "a", sequence)
    }

    /// Ten durable events of one source.
    fn history() -> History {
        let mut history = History::default();
        for sequence in 1..=10 {
            let place = Place { source: 0, sequence };
            history.tries(place);
            history.durable.insert(id(sequence), place);
        }
        history
    }

    /// As the store would list them, newest first.
    fn listed(sequences: impl DoubleEndedIterator<Item = u64>) -> Vec<ListedEvent> {
        let event = |sequence| {
            let (place, occurred_at) = (Place { source: 0, sequence }, content::published_at(sequence));
            ListedEvent { id: id(sequence), place, occurred_at, is_intact: true }
        };
        sequences.rev().map(event).collect()
    }

    #[track_caller]
    fn check(history: &History, listed: &[ListedEvent], expected: &str) {
        let verdict = Verdict::of(history, listed, &SOURCES.map(str::to_owned));
        let nonzero: Vec<String> =
            verdict.summary().split(", ").filter(|count| !count.starts_with("0 ")).map(str::to_owned).collect();
        assert_eq!(nonzero.join(", "), expected, "{verdict}");
        assert_eq!(verdict.is_good(), expected.is_empty());
    }

    #[test]
    fn a_full_list_is_good() {
        check(&history(), &listed(1..=10), "");
    }

    #[test]
    fn an_event_that_is_not_listed_is_lost() {
        check(&history(), &listed([1, 2, 3, 5, 6, 7, 8, 9, 10].into_iter()), "1 lost");
    }

    #[test]
    fn an_event_that_was_only_tried_may_be_there_or_not() {
        let mut history = history();
        history.durable.remove(&id(10));
        check(&history, &listed(1..=10), "");
        check(&history, &listed(1..=9), "");
    }

    #[test]
    fn an_id_that_is_listed_twice_is_a_duplicate() {
        check(&history(), &listed([1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10].into_iter()), "1 duplicated");
    }

    #[test]
    fn two_ids_of_one_event_are_a_duplicate() {
        let mut listed = listed(1..=10);
        let mut again = listed[0].clone();
        again.id = id(99);
        listed.insert(0, again);
        check(&history(), &listed, "1 duplicated");
    }

    #[test]
    fn an_event_listed_before_an_earlier_one_is_reordered() {
        check(&history(), &listed([1, 2, 3, 5, 4, 6, 7, 8, 9, 10].into_iter()), "1 reordered");
    }

    #[test]
    fn a_clock_that_was_set_back_explains_an_older_time_and_nothing_else() {
        let mut history = history();
        let mut listed = listed([1, 2, 3, 4, 5, 6, 7, 10, 8, 9].into_iter());
        // Number 10 has an older time than 8 and 9.
        listed[2].occurred_at = content::published_at(1);
        check(&history, &listed, "1 reordered");
        history.set_back.insert(0);
        check(&history, &listed, "");
        listed[2].occurred_at = listed[1].occurred_at;
        check(&history, &listed, "1 reordered");
    }

    #[test]
    fn an_event_that_is_listed_after_its_deletion_is_resurrected() {
        let mut history = history();
        history.deleted.insert(id(4));
        check(&history, &listed(1..=10), "1 resurrected");
        check(&history, &listed([1, 2, 3, 5, 6, 7, 8, 9, 10].into_iter()), "");
    }

    #[test]
    fn what_a_broken_call_may_have_deleted_may_be_there_or_not() {
        let mut history = history();
        history.perhaps_deleted.insert(id(4));
        check(&history, &listed(1..=10), "");
        check(&history, &listed([1, 2, 3, 5, 6, 7, 8, 9, 10].into_iter()), "");
        history.perhaps_purged.insert((0, content::part(1)));
        check(&history, &listed([].into_iter()), "");
    }

    #[test]
    fn changed_content_is_damage() {
        let mut listed = listed(1..=10);
        listed[3].is_intact = false;
        check(&history(), &listed, "1 damaged");
    }

    #[test]
    fn what_nobody_published_is_invented() {
        check(&history(), &listed(1..=11), "1 invented");
    }
}
