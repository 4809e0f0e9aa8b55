//! Programs of others, from PyPI: each in an environment of its own below the build's directory, which goes with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::run;

/// Downloading takes its time.
const INSTALL_DEADLINE: Duration = Duration::from_mins(10);

/// What an environment holds: packages with what they need, and then one without.
pub struct Python {
    pub name: &'static str,
    pub packages: &'static [&'static str],
    /// Installed as it is, whatever versions it asks for: those no longer build.
    pub without_dependencies: Option<&'static str>,
}

impl Python {
    /// The program of that name in this environment, which is made when it is first asked for.
    #[track_caller]
    pub fn program(&self, program: &str) -> PathBuf {
        static MADE: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().expect("another test could not make an environment");
        let folder = made.entry(self.name).or_insert_with(|| self.make());
        folder.join("bin").join(program)
    }

    fn make(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{}", self.name));
        let content = format!("{:?} {:?}", self.packages, self.without_dependencies);
        let finished = folder.join("finished");
        if std::fs::read_to_string(&finished).is_ok_and(|found| found == content) {
            return folder;
        }
        step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let pip = || {
            let mut command = Command::new(folder.join("bin/pip"));
            command.args(["install", "--quiet", "--disable-pip-version-check"]);
            command
        };
        step(pip().args(self.packages));
        if let Some(package) = self.without_dependencies {
            step(pip().args(["--no-deps", "--no-build-isolation", package]));
        }
        std::fs::write(finished, content).expect("a file of our own");
        folder
    }
}

#[track_caller]
fn step(command: &mut Command) {
    run(command, b"", INSTALL_DEADLINE).ok();
}
