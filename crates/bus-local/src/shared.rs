//! What the bus, its consumers and the writer see of one another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bus::{ConsumerSpec, Topic};
use database::sea_orm::sqlx::SqlitePool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::local_notes::LocalNotes;
use crate::log_file::LogFile;
use crate::progress::Progress;

/// The bus in memory.
pub(crate) struct Shared {
    pub(crate) file: LogFile,
    pub(crate) readers: SqlitePool,
    /// Position of the newest message. So a consumer that is up to date asks no database.
    newest: AtomicI64,
    consumers: Mutex<BTreeMap<String, Arc<ConsumerState>>>,
    /// Consumers that are going to be opened, sooner or later.
    expected: Vec<String>,
    /// Wakes every waiting fetch: a message was added, or a settlement made room or asked for a retry.
    pub(crate) stirred: Notify,
    /// Set when the bus is closed.
    pub(crate) closing: CancellationToken,
    pub(crate) notes: LocalNotes,
}

/// One consumer in memory, shared by all openings of its name.
pub(crate) struct ConsumerState {
    pub(crate) name: String,
    progress: Mutex<Progress>,
    /// Whether it was opened since the start.
    is_open: AtomicBool,
    /// What it reads; everything unless it was opened for one topic.
    reads: Mutex<Option<Topic>>,
    /// Held from planning a delivery to noting it, so that two openings never read the same messages.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Shared {
    pub(crate) fn new(file: LogFile, newest: i64, consumers: Vec<(String, i64)>, expected: Vec<String>) -> Self {
        let states = consumers.into_iter().map(|(name, position)| (name.clone(), ConsumerState::new(name, position)));
        Self {
            readers: file.readers(),
            file,
            newest: AtomicI64::new(newest),
            consumers: Mutex::new(states.collect()),
            expected,
            stirred: Notify::new(),
            closing: CancellationToken::new(),
            notes: LocalNotes::default(),
        }
    }

    pub(crate) fn newest(&self) -> i64 {
        self.newest.load(Ordering::Acquire)
    }

    pub(crate) fn added_through(&self, position: i64) {
        self.newest.fetch_max(position, Ordering::AcqRel);
        self.stirred.notify_waiters();
    }

    pub(crate) fn consumer(&self, name: &str) -> Option<Arc<ConsumerState>> {
        self.lock().get(name).cloned()
    }

    /// The consumer `name`, which the file has by now.
    pub(crate) fn consumer_or_new(&self, name: &str) -> Arc<ConsumerState> {
        self.lock().entry(name.to_owned()).or_insert_with(|| ConsumerState::new(name.to_owned(), 0)).clone()
    }

    pub(crate) fn consumers(&self) -> Vec<Arc<ConsumerState>> {
        self.lock().values().cloned().collect()
    }

    /// Whether nobody reads `consumer` in this process, and nobody is going to.
    pub(crate) fn is_absent(&self, consumer: &ConsumerState) -> bool {
        !consumer.is_open.load(Ordering::Acquire) && !self.expected.contains(&consumer.name)
    }

    /// Everything up to here is settled by every consumer that is not absent. `None` when there is none.
    pub(crate) fn settled_by_present(&self) -> Option<i64> {
        let consumers = self.lock();
        let present = consumers.values().filter(|consumer| !self.is_absent(consumer));
        present.map(|consumer| consumer.progress().stored_through()).min()
    }

    /// Forgets those absent consumers that `is_gone` names. Returns them.
    pub(crate) fn forget_absent(&self, is_gone: impl Fn(&ConsumerState) -> bool) -> Vec<Arc<ConsumerState>> {
        let mut consumers = self.lock();
        let gone: Vec<_> =
            consumers.values().filter(|consumer| self.is_absent(consumer) && is_gone(consumer)).cloned().collect();
        for consumer in &gone {
            consumers.remove(&consumer.name);
        }
        gone
    }

    /// Everything up to here is settled by every consumer, and stored as such. `None` when there is no consumer.
    pub(crate) fn settled_by_all(&self) -> Option<i64> {
        self.lock().values().map(|consumer| consumer.progress().stored_through()).min()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ConsumerState>>> {
        self.consumers.lock().expect("nothing panics while it holds the consumers")
    }
}

impl ConsumerState {
    fn new(name: String, settled_through: i64) -> Arc<Self> {
        let progress = Mutex::new(Progress::stored_at(settled_through));
        let is_open = AtomicBool::new(false);
        Arc::new(Self { name, progress, is_open, reads: Mutex::new(None), turn: tokio::sync::Mutex::new(()) })
    }

    /// The newest opening's settings count.
    pub(crate) fn configure(&self, spec: &ConsumerSpec) {
        self.is_open.store(true, Ordering::Release);
        *self.reads.lock().expect("nothing panics while it holds a consumer's topic") = spec.reads;
        self.progress().configure(spec);
    }

    /// The subjects it reads: from the first one, to below the second one.
    pub(crate) fn subjects(&self) -> (String, String) {
        match *self.reads.lock().expect("nothing panics while it holds a consumer's topic") {
            // A slash comes right after a dot.
            Some(topic) => (format!("{}.", topic.prefix()), format!("{}/", topic.prefix())),
            // Around every subject: they are visible ASCII. What was emptied has none.
            None => ("!".to_owned(), "\u{7f}".to_owned()),
        }
    }

    /// Whether it reads messages of `subject`.
    pub(crate) fn reads(&self, subject: &str) -> bool {
        let topic = *self.reads.lock().expect("nothing panics while it holds a consumer's topic");
        topic.is_none_or(|topic| topic.holds(subject))
    }

    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("nothing panics while it holds a consumer's progress")
    }
}
