//! What the tests start, and is not ours: real servers, the tools that make real images, and what the libraries run in that
//! check our webhooks. Found, or installed where that can be done, or asked for.

use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use crate::run::Command;

/// A program that the tests need.
struct Needed {
    /// Its name.
    program: &'static str,
    /// Its package in Debian.
    package: &'static str,
    /// Where to get it elsewhere.
    elsewhere: &'static str,
    /// Arguments with which it must end well, where being there is not enough.
    probe: &'static [&'static str],
}

const NEEDED: [Needed; 11] = [
    Needed {
        program: "nats-server",
        package: "nats-server",
        elsewhere: "NATS server 2.9.10 or newer, from the releases page of nats-io/nats-server",
        probe: &[],
    },
    Needed {
        program: "postgres",
        package: "postgresql",
        elsewhere: "PostgreSQL 13 or newer, from your distribution or postgresql.org",
        probe: &[],
    },
    Needed {
        program: "docker-registry",
        package: "docker-registry",
        elsewhere: "Distribution 2.8 or newer as `docker-registry` (`registry` in its releases), from distribution/distribution",
        probe: &[],
    },
    Needed { program: "skopeo", package: "skopeo", elsewhere: "skopeo, from your distribution", probe: &[] },
    Needed {
        program: "debootstrap",
        package: "debootstrap",
        elsewhere: "debootstrap, from your distribution",
        probe: &[],
    },
    Needed {
        program: "rpmbuild",
        package: "rpm",
        elsewhere: "rpm 4.16 or newer with rpmbuild, from your distribution",
        probe: &[],
    },
    Needed {
        program: "python3",
        package: "python3-venv",
        elsewhere: "Python 3.10 or newer with its modules venv and ensurepip, from your distribution or python.org",
        probe: &["-c", "import ensurepip, venv"],
    },
    Needed {
        program: "pip3",
        package: "python3-pip",
        elsewhere: "pip, which comes with Python (`python3 -m ensurepip`)",
        probe: &[],
    },
    Needed {
        program: "node",
        package: "nodejs",
        elsewhere: "Node.js 18 or newer, from your distribution or nodejs.org",
        probe: &[],
    },
    Needed {
        program: "script",
        package: "bsdutils",
        elsewhere: "`script` of util-linux, from your distribution",
        probe: &[],
    },
    Needed { program: "npm", package: "npm", elsewhere: "npm, which comes with Node.js", probe: &[] },
];

impl Needed {
    fn is_there(&self) -> bool {
        let ends_well =
            |file| process::Command::new(file).args(self.probe).output().is_ok_and(|output| output.status.success());
        find(self.program).is_some_and(|file| self.probe.is_empty() || ends_well(file))
    }

    fn how_to_get(&self) -> String {
        format!("  {}: on Debian the package `{}`; elsewhere {}", self.program, self.package, self.elsewhere)
    }
}

/// Makes sure that every program is there.
///
/// # Errors
/// On a machine where nothing can be installed: what is missing, and how to get it.
pub fn find_or_install() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|needed| needed.package).collect();
    install(&packages).with_context(|| {
        let lines: Vec<String> = missing.iter().map(|needed| needed.how_to_get()).collect();
        format!("these programs are missing:\n{}\n", lines.join("\n"))
    })?;
    match self::missing().first() {
        None => Ok(()),
        Some(needed) => {
            bail!("`{}` is still missing after its package `{}` was installed", needed.program, needed.package)
        }
    }
}

/// Installs packages of Debian.
///
/// # Errors
/// On a machine where nothing can be installed.
pub fn install(packages: &[&str]) -> Result<()> {
    if !(Path::new("/usr/bin/apt-get").exists() && is_root()) {
        bail!(
            "only root on Debian can have it installed here: sudo apt-get install --no-install-recommends {}",
            packages.join(" ")
        );
    }
    let apt = || Command::new("apt-get").environment("DEBIAN_FRONTEND", "noninteractive");
    apt().with(&["update", "--quiet"]).run()?;
    apt().with(&["install", "--quiet", "--yes", "--no-install-recommends"]).with(packages).run()
}

fn missing() -> Vec<&'static Needed> {
    NEEDED.iter().filter(|needed| !needed.is_there()).collect()
}

/// Looks on the PATH, where Debian keeps daemons, and where it keeps PostgreSQL's.
pub fn find(program: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a developer's tool, not a service")]
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

pub fn is_root() -> bool {
    // The owner of this process's entry is the user it runs as.
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}
