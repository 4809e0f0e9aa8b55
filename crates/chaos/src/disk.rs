//! A small disk of its own, that can be filled, or hang. Only root may mount one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Room for files that hold nothing yet.
const BYTES_EMPTY: u64 = 32 << 20;
/// Room for an event: in a queue, in a table, and in their write-ahead logs.
const BYTES_OF_EVENT: u64 = 8 << 10;

/// What is to happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskKind {
    /// It is filled: a tmpfs will do.
    Full,
    /// It hangs: a file system in a file, which can be frozen.
    Hanging,
}

/// Unmounted when dropped.
pub struct Disk {
    directory: PathBuf,
    kind: DiskKind,
}

impl Disk {
    /// Mounts one at `directory`, which is made, with room for `events`.
    pub fn mount(directory: PathBuf, kind: DiskKind, events: u64) -> Result<Self> {
        std::fs::create_dir(&directory)?;
        let bytes = BYTES_EMPTY + events * BYTES_OF_EVENT;
        match kind {
            DiskKind::Full => {
                run(Command::new("mount")
                    .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "chaos"])
                    .arg(&directory))?;
            }
            DiskKind::Hanging => {
                let image = directory.with_extension("image");
                File::create(&image)?.set_len(bytes)?;
                run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image))?;
                run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&directory))?;
            }
        }
        Ok(Self { directory, kind })
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

    /// From here on every write waits, and cannot even be killed.
    pub fn hang(&self) -> Result<()> {
        ensure!(self.kind == DiskKind::Hanging, "this disk cannot hang");
        run(Command::new("fsfreeze").arg("--freeze").arg(&self.directory))
    }

    /// Writes go on. Does nothing to a disk that does not hang.
    pub fn recover(&self) {
        if self.kind == DiskKind::Hanging {
            let _ = run(Command::new("fsfreeze").arg("--unfreeze").arg(&self.directory));
        }
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
        self.recover();
        // Lazily, because a process that was just killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.directory).status();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
