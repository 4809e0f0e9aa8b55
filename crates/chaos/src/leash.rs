//! What this program starts must not outlive it, not even when it is killed.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Waits for a line, or for the end of the pipe, which is the end of this program. Without the line it cleans up. An
/// interrupt at the terminal reaches the whole group, and must not end this before its work is done.
const WATCH: &str = r#"trap "" INT TERM HUP; read -r released || "#;

/// Does something when this program ends without having dropped it.
pub struct Leash {
    watcher: Child,
}

impl Leash {
    /// Ends a process that we started.
    pub fn to_process(pid: u32) -> Result<Self> {
        Self::tie(r#"kill -9 "$1""#, &pid.to_string())
    }

    /// Unmounts what is mounted below a directory of ours, thawed if it was frozen, and removes it.
    pub fn to_directory(directory: &str) -> Result<Self> {
        Self::tie(
            r#"{ for disk in "$1"/disk-*; do fsfreeze -u "$disk" 2>/dev/null; done; sleep 1;
                 for disk in "$1"/disk-*; do umount -l "$disk" 2>/dev/null; done; rm -rf "$1"; }"#,
            directory,
        )
    }

    /// Removes network namespaces of ours, whose names begin alike.
    pub fn to_namespaces(prefix: &str) -> Result<Self> {
        Self::tie(
            r#"for name in $(ip netns list | cut -d " " -f 1); do
                 case "$name" in "$1"*) ip netns delete "$name";; esac; done"#,
            prefix,
        )
    }

    fn tie(otherwise: &str, argument: &str) -> Result<Self> {
        let watcher = Command::new("sh")
            .args(["-c", &format!("{WATCH}{otherwise}"), "leash", argument])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a shell")?;
        Ok(Self { watcher })
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.watcher.stdin.take() {
            // A watcher that is gone needs no word.
            let _ = writeln!(stdin, "released");
        }
        let _ = self.watcher.wait();
    }
}
