//! How far one consumer is: what it has settled, what it holds, what it must be given again. Pure; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus::{ConsumerSpec, Verdict};
use tokio::time::Instant;

/// Longer than any wait that means something, and short enough to be added to any instant.
const WAIT_MAX: Duration = Duration::from_hours(365 * 24);

/// Every message up to `delivered_through` was delivered at least once since the start, or settled before it. Those of
/// them that are not in `unsettled` are settled, so the position that may be stored follows from the two, in whatever
/// order the settlements come.
#[derive(Debug)]
pub(crate) struct Progress {
    delivered_through: i64,
    unsettled: BTreeMap<i64, Delivery>,
    /// The same deliveries by when they are due: a consumer may hold many, and looks each time that anything stirs.
    due: BTreeSet<(Instant, i64)>,
    /// The position that is on the disk.
    stored_through: i64,
    ack_wait: Duration,
    unsettled_max: usize,
}

#[derive(Debug)]
struct Delivery {
    attempt: u32,
    /// When it is delivered again: the end of `ack_wait`, or of the delay that the consumer asked for.
    due_at: Instant,
}

/// What the next delivery may contain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Messages to deliver again, in order.
    pub(crate) again: Vec<i64>,
    /// New messages begin after this position,
    pub(crate) new_after: i64,
    /// and may be this many.
    pub(crate) new_max: usize,
}

impl Progress {
    pub(crate) fn stored_at(position: i64) -> Self {
        Self {
            delivered_through: position,
            unsettled: BTreeMap::new(),
            due: BTreeSet::new(),
            stored_through: position,
            ack_wait: WAIT_MAX,
            unsettled_max: 0,
        }
    }

    /// The newest opening's settings count; they hold from the next delivery on.
    pub(crate) fn configure(&mut self, spec: &ConsumerSpec) {
        self.ack_wait = spec.ack_wait.min(WAIT_MAX);
        self.unsettled_max = spec.unsettled_max;
    }

    pub(crate) fn plan(&self, now: Instant, max: usize) -> Plan {
        let due = self.due.range(..=(now, i64::MAX)).map(|(_, position)| *position);
        let mut again: Vec<i64> = due.collect();
        again.sort_unstable();
        again.truncate(max);
        let room = self.unsettled_max.saturating_sub(self.unsettled.len());
        Plan { new_max: room.min(max - again.len()), again, new_after: self.delivered_through }
    }

    /// Notes a delivery and counts it. `None` when the message was settled since the plan was made.
    pub(crate) fn deliver(&mut self, position: i64, now: Instant) -> Option<u32> {
        let due_at = now + self.ack_wait;
        if position > self.delivered_through {
            self.delivered_through = position;
            self.unsettled.insert(position, Delivery { attempt: 1, due_at });
            self.due.insert((due_at, position));
            return Some(1);
        }
        let delivery = self.unsettled.get_mut(&position)?;
        delivery.attempt = delivery.attempt.saturating_add(1);
        let attempt = delivery.attempt;
        self.put_off(position, due_at);
        Some(attempt)
    }

    fn put_off(&mut self, position: i64, due_at: Instant) {
        if let Some(delivery) = self.unsettled.get_mut(&position) {
            self.due.remove(&(delivery.due_at, position));
            delivery.due_at = due_at;
            self.due.insert((due_at, position));
        }
    }

    /// There is nothing up to `position` that was not delivered.
    pub(crate) fn skip_to(&mut self, position: i64) {
        self.delivered_through = self.delivered_through.max(position);
    }

    /// A message that is settled already, or of an earlier start, is left as it is.
    ///
    /// The work is done whichever delivery it was done for, so `Ack` and `Reject` of an older one count; its `Retry`
    /// does not, because a newer one is under way.
    pub(crate) fn settle(&mut self, position: i64, attempt: u32, verdict: Verdict, now: Instant) {
        let Some(delivery) = self.unsettled.get(&position) else { return };
        match verdict {
            Verdict::Ack | Verdict::Reject => self.forget(position),
            Verdict::Retry { after } if delivery.attempt == attempt => {
                self.put_off(position, now + after.min(WAIT_MAX));
            }
            Verdict::Retry { .. } => {}
        }
    }

    /// The message is not in the file any more, or settled.
    pub(crate) fn forget(&mut self, position: i64) {
        if let Some(delivery) = self.unsettled.remove(&position) {
            self.due.remove(&(delivery.due_at, position));
        }
    }

    /// Whether the message at `position` was settled.
    pub(crate) fn is_settled(&self, position: i64) -> bool {
        position <= self.delivered_through && !self.unsettled.contains_key(&position)
    }

    /// How many messages up to `newest` are not settled; those of topics that it does not read count until it comes by.
    pub(crate) fn behind(&self, newest: i64) -> u64 {
        let new = u64::try_from(newest - self.delivered_through).unwrap_or_default();
        new + self.unsettled.len() as u64
    }

    /// Everything up to here is settled.
    pub(crate) fn settled_through(&self) -> i64 {
        self.unsettled.keys().next().map_or(self.delivered_through, |position| position - 1)
    }

    pub(crate) fn stored_through(&self) -> i64 {
        self.stored_through
    }

    /// The position to store, if it is ahead of the stored one.
    pub(crate) fn to_store(&self) -> Option<i64> {
        let settled_through = self.settled_through();
        (settled_through > self.stored_through).then_some(settled_through)
    }

    pub(crate) fn stored(&mut self, position: i64) {
        self.stored_through = self.stored_through.max(position);
    }

    /// When the next message is due again.
    pub(crate) fn next_due_at(&self) -> Option<Instant> {
        self.due.first().map(|(due_at, _)| *due_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK_WAIT: Duration = Duration::from_secs(30);

    fn progress(unsettled_max: usize) -> Progress {
        let mut progress = Progress::stored_at(10);
        progress.configure(&ConsumerSpec { name: "reader", reads: None, ack_wait: ACK_WAIT, unsettled_max });
        progress
    }

    #[test]
    fn the_position_advances_when_the_oldest_is_settled() {
        let (mut progress, now) = (progress(8), Instant::now());
        // Positions may have gaps: 13 was rolled back.
        for position in [11, 12, 14] {
            assert_eq!(progress.deliver(position, now), Some(1));
        }
        assert_eq!(progress.to_store(), None);
        progress.settle(14, 1, Verdict::Ack, now);
        progress.settle(12, 1, Verdict::Reject, now);
        assert_eq!(progress.to_store(), None);
        progress.settle(11, 1, Verdict::Ack, now);
        assert_eq!(progress.to_store(), Some(14));
        progress.stored(14);
        assert_eq!(progress.to_store(), None);
    }

    #[test]
    fn what_is_due_comes_again_before_what_is_new() {
        let (mut progress, now) = (progress(3), Instant::now());
        for position in [11, 12, 13] {
            progress.deliver(position, now);
        }
        assert_eq!(progress.plan(now, 10), Plan { again: vec![], new_after: 13, new_max: 0 });
        progress.settle(12, 1, Verdict::Retry { after: Duration::from_secs(5) }, now);
        progress.settle(11, 1, Verdict::Ack, now);
        let later = now + Duration::from_secs(5);
        assert_eq!(progress.next_due_at(), Some(later));
        assert_eq!(progress.plan(later, 10), Plan { again: vec![12], new_after: 13, new_max: 1 });
        assert_eq!(progress.plan(now + ACK_WAIT, 1), Plan { again: vec![12], new_after: 13, new_max: 0 });
        assert_eq!(progress.deliver(12, later), Some(2));
    }

    #[test]
    fn an_older_delivery_may_still_be_acknowledged_but_not_retried() {
        let (mut progress, now) = (progress(8), Instant::now());
        progress.deliver(11, now);
        assert_eq!(progress.deliver(11, now + ACK_WAIT), Some(2));
        progress.settle(11, 1, Verdict::Retry { after: Duration::ZERO }, now + ACK_WAIT);
        assert_eq!(progress.plan(now + ACK_WAIT, 8).again, Vec::<i64>::new());
        progress.settle(11, 1, Verdict::Ack, now + ACK_WAIT);
        assert_eq!(progress.settled_through(), 11);
        assert_eq!(progress.deliver(11, now + ACK_WAIT), None);
    }
}
