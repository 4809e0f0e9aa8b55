//! A small disk of its own, that can be filled: a tmpfs, which only root may mount.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Room for files that hold nothing yet.
const BYTES_EMPTY: u64 = 32 << 20;
/// Room for an event: in a queue, in a table, and in their write-ahead logs.
const BYTES_OF_EVENT: u64 = 8 << 10;

/// Unmounted when dropped.
pub struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// Mounts one at `directory`, which is made, with room for `events`.
    pub fn mount(directory: PathBuf, events: u64) -> Result<Self> {
        std::fs::create_dir(&directory)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={}", BYTES_EMPTY + events * BYTES_OF_EVENT), "chaos"])
            .arg(&directory);
        let output = mount.output().context("cannot start `mount`")?;
        ensure!(output.status.success(), "cannot mount a tmpfs: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(Self { directory })
    }

    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Takes every byte that is free.
    pub fn fill(&self) -> Result<()> {
        let mut filler = File::create(self.filler())?;
        // From large to small, until not even a byte fits.
        for size in [1 << 20, 1 << 12, 1] {
            let chunk = vec![0xa5; size];
            while filler.write_all(&chunk).is_ok() {}
        }
        Ok(())
    }

    pub fn free(&self) {
        // It is not there when the disk was never filled.
        let _ = std::fs::remove_file(self.filler());
    }

    pub fn copy_to(&self, directory: &Path) -> Result<()> {
        let copied = Command::new("cp").arg("-a").arg(&self.directory).arg(directory).status()?;
        ensure!(copied.success(), "cannot copy `{}`", self.directory.display());
        Ok(())
    }

    fn filler(&self) -> PathBuf {
        self.directory.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a process that was just killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.directory).status();
    }
}
