//! In what respects one watch fails at present, and what of that is not kept in the database yet.

use std::collections::BTreeMap;
use std::time::Duration;

use cause::Cause;
use event::Timestamp;

use crate::concern::Concern;
use crate::recurrence::{Failing, Recurrence, Signature, Success};

/// How often the count of a lasting failure is kept anew.
const KEPT_EVERY: Duration = Duration::from_mins(5);

#[derive(Debug, Default)]
pub(crate) struct Ailments(BTreeMap<Concern, Ailment>);

#[derive(Debug, Default)]
struct Ailment {
    recurrence: Recurrence,
    /// Whether what is kept says something else than what is true.
    is_changed: bool,
    kept_at: Option<Timestamp>,
}

impl Ailments {
    /// Takes over what was kept. What has been seen since this process began counts for more once it was told.
    pub(crate) fn remember(&mut self, kept: Vec<(Concern, Failing)>) {
        for (concern, failing) in kept {
            let ailment = self.0.entry(concern).or_default();
            let is_told = ailment.recurrence.failing().is_some_and(|failing| failing.reported_at.is_some());
            if !is_told {
                let kept_at = Some(failing.last_at);
                *ailment = Ailment { recurrence: Recurrence::remembered(failing), is_changed: false, kept_at };
            }
        }
    }

    pub(crate) fn failing(&self, concern: &Concern) -> Option<&Failing> {
        self.0.get(concern)?.recurrence.failing()
    }

    /// Whether the same failure was told in this respect.
    pub(crate) fn is_told(&self, concern: &Concern, signature: Signature) -> bool {
        self.failing(concern).is_some_and(|failing| failing.signature == signature && failing.reported_at.is_some())
    }

    /// Counts a failure. Returns the run it belongs to.
    pub(crate) fn failed(
        &mut self,
        concern: &Concern,
        cause: &Cause,
        http_status: Option<u16>,
        now: Timestamp,
    ) -> &Failing {
        let ailment = self.0.entry(concern.clone()).or_default();
        let known = ailment.recurrence.failing().map(|failing| failing.signature);
        let failing = ailment.recurrence.failed(cause, http_status, now);
        ailment.is_changed |= known != Some(failing.signature);
        failing
    }

    /// Notes that the failure became an event, and whether that is kept.
    pub(crate) fn told(&mut self, concern: &Concern, now: Timestamp, is_kept: bool) {
        if let Some(ailment) = self.0.get_mut(concern) {
            ailment.recurrence.reported(now);
            ailment.is_changed = !is_kept;
            ailment.kept_at = Some(now);
        }
    }

    pub(crate) fn succeeded(&mut self, concern: &Concern) -> Success {
        let ailment = self.0.entry(concern.clone()).or_default();
        let success = ailment.recurrence.succeeded();
        ailment.is_changed |= matches!(success, Success::Again(_));
        success
    }

    /// Forgets a respect in which nothing can be looked at any more, or that was just kept as cured.
    pub(crate) fn forget(&mut self, concern: &Concern) {
        self.0.remove(concern);
    }

    /// What has to be kept, each with what is true.
    pub(crate) fn to_keep(&self, now: Timestamp) -> Vec<(Concern, Option<Failing>)> {
        let has_lasted = |ailment: &Ailment| match (ailment.kept_at, ailment.recurrence.failing()) {
            (Some(kept_at), Some(failing)) => failing.last_at > kept_at && now >= kept_at.plus(KEPT_EVERY),
            _ => false,
        };
        let is_due = |ailment: &Ailment| ailment.is_changed || has_lasted(ailment);
        let due = self.0.iter().filter(|(_, ailment)| is_due(ailment));
        due.map(|(concern, ailment)| (concern.clone(), ailment.recurrence.failing().cloned())).collect()
    }

    /// Notes that what [`Self::to_keep`] named is kept.
    pub(crate) fn kept(&mut self, concerns: impl IntoIterator<Item = Concern>, now: Timestamp) {
        for concern in concerns {
            if let Some(ailment) = self.0.get_mut(&concern) {
                ailment.is_changed = false;
                ailment.kept_at = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cause::CauseCode;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        "2018-06-30T00:00:00Z".parse::<Timestamp>().unwrap().plus(Duration::from_secs(seconds))
    }

    fn keep(ailments: &mut Ailments, now: Timestamp) -> Vec<Option<u64>> {
        let due = ailments.to_keep(now);
        ailments.kept(due.iter().map(|(concern, _)| concern.clone()), now);
        due.into_iter().map(|(_, failing)| failing.map(|failing| failing.failures)).collect()
    }

    #[test]
    fn what_changes_is_kept_at_once_and_what_lasts_now_and_then() {
        let mut ailments = Ailments::default();
        let cause = Cause::new(CauseCode::Connect, "s", "h");
        ailments.failed(&Concern::Listing, &cause, None, at(0));
        assert_eq!(keep(&mut ailments, at(0)), [Some(1)]);
        for second in 1..300 {
            ailments.failed(&Concern::Listing, &cause, None, at(second));
            assert!(keep(&mut ailments, at(second)).is_empty(), "{second}");
        }
        ailments.failed(&Concern::Listing, &cause, None, at(300));
        assert_eq!(keep(&mut ailments, at(300)), [Some(301)]);
        ailments.failed(&Concern::Listing, &cause, Some(500), at(301));
        assert_eq!(keep(&mut ailments, at(301)), [Some(302)]);
        ailments.succeeded(&Concern::Listing);
        assert_eq!(keep(&mut ailments, at(302)), [None]);
        ailments.succeeded(&Concern::Listing);
        assert!(keep(&mut ailments, at(303)).is_empty());
    }

    #[test]
    fn what_was_told_before_the_database_was_there_is_not_forgotten() {
        let (mut before, mut after) = (Ailments::default(), Ailments::default());
        let cause = Cause::new(CauseCode::Connect, "s", "h");
        before.failed(&Concern::Listing, &cause, None, at(0));
        let kept = vec![(Concern::Listing, before.failing(&Concern::Listing).unwrap().clone())];
        after.failed(&Concern::Listing, &cause, None, at(9));
        after.told(&Concern::Listing, at(9), false);
        after.remember(kept);
        assert_eq!(after.failing(&Concern::Listing).unwrap().reported_at, Some(at(9)));
        assert_eq!(keep(&mut after, at(10)), [Some(1)]);
    }
}
