//! How far a run has come, for whoever follows it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::GroupId;

/// A run at a glance.
#[derive(Debug, Clone)]
pub(crate) struct RunView {
    /// In the order in which they are synced.
    pub(crate) groups: Vec<(GroupId, GroupView)>,
    /// Once the run has ended.
    pub(crate) summary: Option<Summary>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupView {
    pub(crate) phase: Phase,
    pub(crate) downloaded_bytes: u64,
    pub(crate) announced_bytes: Option<u64>,
    pub(crate) records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Downloading,
    Reading,
    /// With a result, which its row tells.
    Ended,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) synced: u64,
    pub(crate) failed: u64,
}

/// Changes what a run shows.
#[derive(Clone)]
pub(crate) struct RunProgress(Arc<watch::Sender<RunView>>);

/// Changes what a run shows of one group.
pub(crate) struct GroupProgress {
    run: RunProgress,
    index: usize,
}

impl RunProgress {
    pub(crate) fn new(groups: Vec<GroupId>) -> Self {
        let waiting = GroupView { phase: Phase::Waiting, downloaded_bytes: 0, announced_bytes: None, records: 0 };
        let groups = groups.into_iter().map(|group| (group, waiting)).collect();
        Self(Arc::new(watch::Sender::new(RunView { groups, summary: None })))
    }

    pub(crate) fn follow(&self) -> watch::Receiver<RunView> {
        self.0.subscribe()
    }

    pub(crate) fn group(&self, id: &GroupId) -> GroupProgress {
        let index = self.0.borrow().groups.iter().position(|(group, _)| group == id);
        GroupProgress { run: self.clone(), index: index.unwrap_or(usize::MAX) }
    }

    pub(crate) fn ended(&self, summary: Summary) {
        self.0.send_modify(|view| view.summary = Some(summary));
    }
}

impl GroupProgress {
    pub(crate) fn downloading(&self, announced_bytes: Option<u64>) {
        self.change(|view| {
            view.phase = Phase::Downloading;
            view.announced_bytes = announced_bytes;
        });
    }

    pub(crate) fn downloaded(&self, bytes: usize) {
        self.change(|view| view.downloaded_bytes += bytes as u64);
    }

    pub(crate) fn read(&self, records: u64) {
        self.change(|view| {
            view.phase = Phase::Reading;
            view.records += records;
        });
    }

    pub(crate) fn ended(&self) {
        self.change(|view| view.phase = Phase::Ended);
    }

    pub(crate) fn downloaded_bytes(&self) -> u64 {
        let view = self.run.0.borrow();
        view.groups.get(self.index).map_or(0, |(_, view)| view.downloaded_bytes)
    }

    fn change(&self, change: impl FnOnce(&mut GroupView)) {
        self.run.0.send_modify(|view| {
            if let Some((_, view)) = view.groups.get_mut(self.index) {
                change(view);
            }
        });
    }
}

/// The runs of this process that go on.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Vec<watch::Receiver<RunView>>>>);

impl Board {
    pub(crate) fn add(&self, run: watch::Receiver<RunView>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|run| run.borrow().summary.is_none());
        runs.push(run);
    }

    /// How far each group is that is in a run and has not ended.
    pub(crate) fn groups(&self) -> Vec<(GroupId, GroupView)> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let views = runs.iter().map(|run| run.borrow().clone()).filter(|view| view.summary.is_none());
        views.flat_map(|view| view.groups).filter(|(_, view)| view.phase != Phase::Ended).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_shows_what_goes_on() {
        let id = GroupId { feed: "a".parse().unwrap(), group: "g".parse().unwrap() };
        let run = RunProgress::new(vec![id.clone()]);
        let board = Board::default();
        board.add(run.follow());
        let progress = run.group(&id);
        progress.downloading(Some(10));
        progress.downloaded(7);
        progress.read(3);
        let view = board.groups()[0].1;
        assert_eq!(
            (view.phase, view.downloaded_bytes, view.announced_bytes, view.records),
            (Phase::Reading, 7, Some(10), 3)
        );
        progress.ended();
        assert!(board.groups().is_empty());
        run.ended(Summary::default());
        board.add(RunProgress::new(Vec::new()).follow());
        assert_eq!(board.0.lock().unwrap().len(), 1, "what has ended is forgotten");
    }
}
