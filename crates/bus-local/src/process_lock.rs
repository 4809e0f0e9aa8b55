//! One bus file serves one process: positions and deliveries are known in that process's memory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bus::BusError;
use tokio::time::{Instant, sleep};

/// How long a process waits for another one that is just ending, as in a restart.
const LOCK_WAIT: Duration = Duration::from_secs(3);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Held as long as the bus is open. The operating system releases it when the process ends, however it ends.
pub(crate) struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    /// Locks a file beside `file`: SQLite locks ranges of its own file, which must not be disturbed.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when another process has it, or when the lock file cannot be created.
    pub(crate) async fn acquire(file: &Path) -> Result<Self, BusError> {
        let path = lock_path(file);
        let mut lock =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        BusError::unavailable(format!("`{}`: {error}", path.display()))
                    }
                    _ => BusError::Misconfigured(format!("cannot open `{}`: {error}", path.display())),
                }
            })?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOCK_POLL).await,
                Err(TryLockError::WouldBlock) => return Err(in_use(file, &mut lock)),
                Err(TryLockError::Error(error)) => {
                    return Err(BusError::Misconfigured(format!("cannot lock `{}`: {error}", path.display())));
                }
            }
        }
        // The number only makes the refusal above more helpful, so failing to write it does no harm.
        let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| write!(lock, "{}", std::process::id()));
        Ok(Self { _file: lock })
    }
}

fn lock_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn in_use(file: &Path, lock: &mut File) -> BusError {
    let mut owner = String::new();
    // An owner that has not written its number yet is named without it.
    let _ = lock.take(20).read_to_string(&mut owner);
    let owner = if owner.is_empty() { String::new() } else { format!(" (process {owner})") };
    BusError::Misconfigured(format!(
        "`{}` is in use by another process{owner}: one file serves one process; stop the other one, or give this one \
         another data directory, or use the bus `nats`",
        file.display()
    ))
}
