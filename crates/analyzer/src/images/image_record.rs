//! An image as the tables keep it.

use std::collections::BTreeMap;

use event::{AccountName, EventId, Timestamp};
use oci_registry::{Digest, RepositoryName, TagName};
use serde::{Deserialize, Serialize};

use crate::Analysis;
use crate::inventory::{Distribution, PackageManager, Unknown};

#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// That of the job that first asked for it.
    pub id: EventId,
    pub account: AccountName,
    pub repository: RepositoryName,
    /// `None` until its tag was looked up.
    pub digest: Option<Digest>,
    /// Under which it was met, the first one first.
    pub tags: Vec<TagName>,
    /// Plain HTTP.
    pub insecure: bool,
    pub state: State,
    pub requested_at: Timestamp,
    /// When it got its state.
    pub changed_at: Timestamp,
    /// Ever begun.
    pub attempts: u32,
    /// In a row.
    pub failures: u32,
    /// When it is, or can be, taken by a worker; while it is analysed, the end of the lease.
    pub due_at: Option<Timestamp>,
    /// Of an analysed image.
    pub summary: Option<Summary>,
    /// The last one, unless it was analysed since.
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Queued,
    Analyzing,
    Analyzed,
    /// Tried again by itself where it has a time for that.
    Failed,
    /// It keeps ending the processes that analyse it; left alone until somebody asks for it again.
    PutAside,
}

/// What was found in an image, without the list of its packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Of the image of this platform, which differs from the digest of an index.
    pub manifest_digest: String,
    pub platform: String,
    pub distribution: Option<Distribution>,
    /// By package manager; those without are left out.
    pub packages: BTreeMap<String, usize>,
    pub layers: usize,
    /// How many layers are compressed how.
    pub compressions: BTreeMap<String, usize>,
    /// As the registry has them.
    pub compressed_bytes: u64,
    pub unpacked_bytes: u64,
    pub entries: u64,
    pub duration_ms: u64,
    pub unknowns: Vec<Unknown>,
    /// How many more there are.
    pub unknowns_omitted: usize,
}

/// Why an image was not analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code of the cause.
    pub code: String,
    /// What happened.
    pub summary: String,
    /// What to do next.
    pub hint: String,
    /// When it first failed in this row of failures, in microseconds since 1970.
    pub since_micros: i64,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Queued, Self::Analyzing, Self::Analyzed, Self::Failed, Self::PutAside];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Analyzing => "analyzing",
            Self::Analyzed => "analyzed",
            Self::Failed => "failed",
            Self::PutAside => "put_aside",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Summary {
    pub fn of(analysis: &Analysis, duration_ms: u64) -> Self {
        let inventory = &analysis.inventory;
        let counts = PackageManager::ALL.map(|manager| (manager.as_str().to_owned(), inventory.count(manager)));
        Self {
            manifest_digest: analysis.manifest_digest.to_string(),
            platform: analysis.platform.clone(),
            distribution: inventory.distribution.clone(),
            packages: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
            layers: analysis.layers,
            compressions: analysis.compressions.clone(),
            compressed_bytes: analysis.compressed_bytes,
            unpacked_bytes: analysis.unpacked_bytes,
            entries: analysis.entries,
            duration_ms,
            unknowns: inventory.unknowns.clone(),
            unknowns_omitted: inventory.unknowns_omitted,
        }
    }
}
