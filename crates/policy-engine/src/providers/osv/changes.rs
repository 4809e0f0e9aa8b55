//! The list of changes of an ecosystem: a line `<modified>,<ID>` for each record, the newest first.
//!
//! Its beginning is all that is read: it ends for us where it comes to what we have.

use cause::{Cause, CauseCode};
use event::Timestamp;
use outbound::Answer;

/// Most changes that are asked for one by one; of more the archive is less work for both sides.
pub(crate) const CHANGES_MAX: usize = 200;
/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 1024;

/// What the list says about the time since the last sync.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// The IDs of these records have changed, the newest first.
    Of(Vec<Change>),
    /// More than are worth asking for one by one.
    TooMany,
    /// The list is not in order, so it cannot be relied on.
    Unordered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) modified: Timestamp,
    pub(crate) id: String,
}

/// Reads lines until one is older than `since`. Those of the same time are told: they may be others.
///
/// # Errors
/// The list does not arrive, or is none.
pub(crate) async fn read(answer: &mut Answer, since: Timestamp) -> Result<(Changes, u64), Cause> {
    let mut list = List { since, changes: Vec::new(), ended: None };
    let mut unread = Vec::new();
    let mut bytes = 0;
    while list.ended.is_none() {
        let chunk = answer.chunk().await?;
        bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        match chunk {
            Some(chunk) => unread.extend_from_slice(&chunk),
            // The last line may end without a line break.
            None if unread.is_empty() => break,
            None => unread.push(b'\n'),
        }
        let lines_end = unread.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in unread[..lines_end].split(|byte| *byte == b'\n') {
            list.add(line)?;
        }
        unread.drain(..lines_end);
        if unread.len() > LINE_BYTES_MAX {
            return Err(no_list(&unread));
        }
    }
    Ok((list.ended.unwrap_or(Changes::Of(list.changes)), bytes))
}

struct List {
    since: Timestamp,
    changes: Vec<Change>,
    /// Set when no more lines are needed.
    ended: Option<Changes>,
}

impl List {
    fn add(&mut self, line: &[u8]) -> Result<(), Cause> {
        let text = std::str::from_utf8(line).map_err(|_| no_list(line))?.trim();
        if text.is_empty() || self.ended.is_some() {
            return Ok(());
        }
        let (modified, id) = text.split_once(',').ok_or_else(|| no_list(line))?;
        let modified: Timestamp = modified.parse().map_err(|_| no_list(line))?;
        let is_id = !id.is_empty() && !id.contains(['/', '\\', ',']) && !id.starts_with('.');
        if !is_id {
            return Err(no_list(line));
        }
        if self.changes.last().is_some_and(|newer| newer.modified < modified) {
            self.ended = Some(Changes::Unordered);
        } else if modified < self.since {
            self.ended = Some(Changes::Of(std::mem::take(&mut self.changes)));
        } else if self.changes.len() == CHANGES_MAX {
            self.ended = Some(Changes::TooMany);
        } else {
            self.changes.push(Change { modified, id: id.to_owned() });
        }
        Ok(())
    }
}

fn no_list(line: &[u8]) -> Cause {
    let hint = "Check `kind` and `url` of the feed in services.policy_engine.feeds; a line of the list of changes is \
                `<time>,<ID>`.";
    Cause::new(CauseCode::Parse, "the list of changes (modified_id.csv) cannot be understood", hint)
        .with_evidence("body", String::from_utf8_lossy(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expected: Result<Changes, &str>) {
        let mut list = List { since: "2026-11-20T00:00:00Z".parse().unwrap(), changes: Vec::new(), ended: None };
        let added = lines.lines().try_for_each(|line| list.add(line.as_bytes()));
        let read = added.map(|()| list.ended.unwrap_or(Changes::Of(list.changes)));
        match (read, expected) {
            (Ok(read), expected) => assert_eq!(Ok(read), expected),
            (Err(cause), Err(part)) => assert!(format!("{cause:?}").contains(part), "{cause:?}"),
            (Err(cause), Ok(_)) => panic!("{cause:?}"),
        }
    }

    fn changes(ids: &[(&str, &str)]) -> Changes {
        let change =
            |(modified, id): &(&str, &str)| Change { modified: modified.parse().unwrap(), id: (*id).to_owned() };
        Changes::Of(ids.iter().map(change).collect())
    }

    #[test]
    fn only_what_is_not_older_counts() {
        check("", Ok(changes(&[])));
        check("2026-11-19T00:00:00Z,A", Ok(changes(&[])));
        check(
            "2026-11-22T10:00:00.5Z,GHSA-a\r\n2026-11-20T00:00:00Z,B\n\n2026-11-19T23:59:59Z,C\nno line at all",
            Ok(changes(&[("2026-11-22T10:00:00.5Z", "GHSA-a"), ("2026-11-20T00:00:00Z", "B")])),
        );
        check(&"2026-11-22T10:00:00Z,A\n".repeat(CHANGES_MAX + 1), Ok(Changes::TooMany));
        check("2026-11-22T10:00:00Z,A\n2026-11-23T10:00:00Z,B\n", Ok(Changes::Unordered));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for line in ["<html>", "yesterday,A", "2026-11-22T10:00:00Z,../../etc/passwd", "2026-11-22T10:00:00Z,"] {
            check(line, Err("cannot be understood"));
        }
    }
}
