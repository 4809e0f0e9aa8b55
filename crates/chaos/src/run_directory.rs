//! Where the files of one run lie.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::leash::Leash;

/// Removed at the end, also when this program is killed; unless somebody is to look at it.
pub struct RunDirectory {
    path: PathBuf,
    /// Neither of them once it is kept.
    temporary: Option<TempDir>,
    leash: Option<Leash>,
}

impl RunDirectory {
    pub fn new() -> Result<Self> {
        let temporary = tempfile::Builder::new().prefix("chaos-").tempdir()?;
        let path = temporary.path().to_owned();
        let leash = Leash::to_directory(&path.to_string_lossy())?;
        Ok(Self { path, temporary: Some(temporary), leash: Some(leash) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn keep(&mut self) {
        self.leash = None;
        if let Some(temporary) = self.temporary.take() {
            // The path is known.
            let _ = temporary.keep();
        }
    }
}
