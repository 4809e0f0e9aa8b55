//! What is in an image: its distribution and its packages, and what should have said so and did not.

mod apk;
mod dpkg;
mod os_release;
mod paragraphs;
mod rpm;
mod rpm_header;
mod sqlite;

use std::collections::BTreeSet;

use cause::CauseCode;
use serde::{Deserialize, Serialize};

use crate::bounds::{PACKAGES_MAX, UNKNOWNS_MAX};
use crate::rootfs::{Found, KeptFile, OS_RELEASE, Tree};

/// Longest text that is taken from a database, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// What an image holds, as its own files tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    pub distribution: Option<Distribution>,
    /// In the order of their databases.
    pub packages: Vec<Package>,
    /// What should have been read and was not; the first [`UNKNOWNS_MAX`] of them.
    pub unknowns: Vec<Unknown>,
    /// How many more there are.
    pub unknowns_omitted: usize,
}

/// `os-release`, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// `debian`, `alpine`; `linux` where the file does not say (os-release(5)).
    pub id: String,
    pub version: Option<String>,
    /// For people: `Debian GNU/Linux 12 (bookworm)`.
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageManager {
    Dpkg,
    Apk,
    Rpm,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub manager: PackageManager,
    pub name: String,
    /// As the package manager prints it; for rpm with epoch and release: `1:2.3-4`.
    pub version: String,
    pub architecture: Option<String>,
}

/// A file that should have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    pub path: String,
    /// A code as causes have.
    pub code: String,
    /// What is wrong, as a fragment.
    pub reason: String,
}

/// Why a file, or a part of it, is unknown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    code: CauseCode,
    reason: String,
}

impl Problem {
    pub(crate) fn parse(reason: impl Into<String>) -> Self {
        Self { code: CauseCode::Parse, reason: reason.into() }
    }

    pub(crate) fn unsupported(reason: impl Into<String>) -> Self {
        Self { code: CauseCode::Unsupported, reason: reason.into() }
    }

    pub(crate) fn too_large(reason: impl Into<String>) -> Self {
        Self { code: CauseCode::TooLarge, reason: reason.into() }
    }
}

/// The content is ours and in memory or in a temporary file: what fails there is the disk.
impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self { code: CauseCode::Disk, reason: format!("cannot be read back: {error}") }
    }
}

impl PackageManager {
    pub const ALL: [Self; 3] = [Self::Dpkg, Self::Apk, Self::Rpm];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
        }
    }
}

impl Inventory {
    /// Reads what `tree` has.
    pub fn read(tree: &Tree) -> Self {
        let mut reading = Reading { tree, inventory: Self::default(), read: BTreeSet::new() };
        reading.distribution();
        dpkg::read(&mut reading);
        apk::read(&mut reading);
        rpm::read(&mut reading);
        reading.inventory
    }

    pub fn count(&self, manager: PackageManager) -> usize {
        self.packages.iter().filter(|package| package.manager == manager).count()
    }
}

/// An inventory in the making.
pub(crate) struct Reading<'a> {
    pub(crate) tree: &'a Tree,
    inventory: Inventory,
    /// Files that were read, behind all links: two names of one database are one database.
    read: BTreeSet<String>,
}

impl Reading<'_> {
    /// The first file that is there counts; one that cannot be read is said, and then the next one is tried.
    fn distribution(&mut self) {
        for path in OS_RELEASE {
            if let Some(file) = self.open(path) {
                match os_release::parse(&file) {
                    Ok(distribution) => {
                        self.inventory.distribution = Some(distribution);
                        return;
                    }
                    Err(problem) => self.unknown(path, &problem),
                }
            }
        }
    }

    /// The file that `path` leads to, unless it was opened before. What is there and cannot be read is unknown.
    pub(crate) fn open(&mut self, path: &str) -> Option<KeptFile> {
        let (place, found) = self.tree.find(path);
        let problem = match found {
            Found::File(_) if !self.read.insert(place.clone()) => return None,
            Found::File(file) => return Some(file),
            Found::Unreadable(why) => Problem::parse(why),
            // A link that leads nowhere was meant to lead somewhere.
            Found::Missing if self.tree.has(path) => Problem::parse(format!("leads to `{place}`, which is not read")),
            Found::Missing => return None,
        };
        self.unknown(path, &problem);
        None
    }

    /// As [`Self::open`], for a file of which all is needed.
    pub(crate) fn open_whole(&mut self, path: &str) -> Option<KeptFile> {
        let file = self.open(path)?;
        if file.is_whole() {
            return Some(file);
        }
        let reason = format!("is larger than {} bytes, which is the most that is read", file.bytes());
        self.unknown(path, &Problem::too_large(reason));
        None
    }

    /// # Errors
    /// There are too many.
    pub(crate) fn add(&mut self, package: Package) -> Result<(), Problem> {
        if self.inventory.packages.len() >= PACKAGES_MAX {
            return Err(Problem::too_large(format!("more than {PACKAGES_MAX} packages")));
        }
        self.inventory.packages.push(package);
        Ok(())
    }

    pub(crate) fn unknown(&mut self, path: &str, problem: &Problem) {
        if self.inventory.unknowns.len() >= UNKNOWNS_MAX {
            self.inventory.unknowns_omitted += 1;
            return;
        }
        let unknown = Unknown {
            path: text(path),
            code: problem.code.as_str().to_owned(),
            reason: cause::truncated(&problem.reason, 2 * TEXT_BYTES_MAX),
        };
        self.inventory.unknowns.push(unknown);
    }

    /// What a database gives, its problem noted.
    pub(crate) fn note(&mut self, path: &str, result: Result<(), Problem>) {
        if let Err(problem) = result {
            self.unknown(path, &problem);
        }
    }
}

/// A text of an image: bounded, and of one line.
pub(crate) fn text(text: &str) -> String {
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    cause::truncated(&text.trim().chars().map(plain).collect::<String>(), TEXT_BYTES_MAX)
}
