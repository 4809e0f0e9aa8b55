//! The container engine that the compose test needs: found, or installed and started where that can be done.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::run::Command;
use crate::servers;

/// What docker-compose.yml and deploy/Dockerfile take from elsewhere; programs that are built here need no compiler there.
const IMAGES: [&str; 4] = ["nats:2.10-alpine", "postgres:15", "registry:2", "gcr.io/distroless/cc-debian12:nonroot"];

/// Names a program that makes images where no registry can be reached, and the plugins of the engine's client:
/// `PROGRAM --plugins IMAGE...`.
const MAKER_VARIABLE: &str = "EVENT_LOG_OFFLINE_IMAGES";
/// Where it is looked for otherwise, from the root of the repository.
const MAKER: &str = "../shared/tools/offline-images";

const START_DEADLINE: Duration = Duration::from_mins(1);
/// Seconds for one image.
const PULL_DEADLINE: &str = "180";

/// An engine that answers, with all that the compose test asks of it. One that was started here ends with this value.
pub struct Engine {
    daemon: Option<Child>,
}

impl Engine {
    /// # Errors
    /// Why there is none, for a person.
    pub fn find_or_start() -> Result<Self> {
        if servers::find("docker").is_none() {
            servers::install(&["docker.io"]).context("there is no `docker`")?;
        }
        let engine = Self { daemon: if answers() { None } else { Some(start()?) } };
        let has_plugins = docker(&["compose", "version"]).succeeds() && docker(&["buildx", "version"]).succeeds();
        let missing: Vec<&str> = IMAGES.into_iter().filter(|image| !is_there(image)).collect();
        if !has_plugins || !missing.is_empty() {
            make(&missing).with_context(|| missing_text(has_plugins, &missing))?;
        }
        Ok(engine)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        // In good order: it has containers and mounts of its own to clear away.
        Command::new("kill").with(&[daemon.id().to_string()]).succeeds();
        let _ = daemon.wait();
    }
}

fn docker(arguments: &[&str]) -> Command {
    Command::new("docker").with(arguments)
}

fn answers() -> bool {
    docker(&["info"]).succeeds()
}

/// Starts the engine's server, as root can.
fn start() -> Result<Child> {
    let program =
        servers::find("dockerd").context("no container engine answers, and there is no `dockerd` to start")?;
    if !servers::is_root() {
        bail!("no container engine answers, and only root can start one");
    }
    let log = root()?.join("target/dockerd.log");
    let mut command = process::Command::new(program);
    command.stdin(Stdio::null()).stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
    let mut daemon = command.spawn().context("`dockerd` cannot be started")?;
    let end = Instant::now() + START_DEADLINE;
    while !answers() {
        if let Some(status) = daemon.try_wait()? {
            bail!("`dockerd` ended with {status}, see {}", log.display());
        }
        if Instant::now() > end {
            let _ = daemon.kill();
            let _ = daemon.wait();
            bail!("`dockerd` does not answer within {} s, see {}", START_DEADLINE.as_secs(), log.display());
        }
        thread::sleep(Duration::from_millis(500));
    }
    Ok(daemon)
}

/// Whether the image is here, or can be pulled.
fn is_there(image: &str) -> bool {
    let pull = || Command::new("timeout").with(&[PULL_DEADLINE, "docker", "pull", "--quiet", image]).succeeds();
    docker(&["image", "inspect", image]).succeeds() || pull()
}

/// Has the rest made on this machine.
fn make(images: &[&str]) -> Result<()> {
    let maker = maker()?.with_context(|| format!("and {MAKER_VARIABLE} names no program that makes them"))?;
    if servers::find("debootstrap").is_none() {
        servers::install(&["debootstrap"])?;
    }
    Command::new(maker).with(&["--plugins"]).with(images).run()
}

fn maker() -> Result<Option<PathBuf>> {
    #[expect(clippy::disallowed_methods, reason = "a developer's tool, not a service")]
    let named = std::env::var(MAKER_VARIABLE).ok().map(PathBuf::from);
    let program = named.map_or_else(|| Ok(root()?.join(MAKER)), anyhow::Ok)?;
    Ok(Some(program).filter(|program| program.is_file()))
}

fn root() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?)
}

fn missing_text(has_plugins: bool, images: &[&str]) -> String {
    let plugins = if has_plugins { "" } else { "the plugins `compose` and `buildx` of docker are missing; " };
    match images {
        [] => format!("{plugins}all images are there"),
        images => format!("{plugins}these images are neither here nor can they be pulled: {}", images.join(", ")),
    }
}
