//! Debian's docker-registry, with its files in a directory of its own.

use std::fmt::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{DEADLINE, Identity, Process, eventually, free_port};

/// Who may come in, where a password is asked for.
pub const REGISTRY_USER: &str = "puller";
pub const REGISTRY_PASSWORD: &str = "rosebud";

/// Both of them, by bcrypt, which is all this registry takes.
const HTPASSWD: &str = "puller:$2b$04$abcdefghijklmnopqrstuu5vI3ZRTjKCPRqBc8t0Ueb2foafP8H66\n";

const PORTS_TRIED_MAX: usize = 20;

/// Ends with the test.
pub struct Registry {
    port: u16,
    _process: Process,
    directory: TempDir,
}

impl Registry {
    /// With an `identity` it speaks TLS.
    pub fn start(wants_password: bool, identity: Option<&Identity>) -> Self {
        let directory = tempfile::Builder::new().prefix("registry-").tempdir().expect("a temporary directory");
        for _ in 0..PORTS_TRIED_MAX {
            let port = free_port();
            configure(directory.path(), port, wants_password, identity);
            let mut command = Command::new(program());
            command.arg("serve").arg(directory.path().join("config.yml")).env_clear().current_dir(directory.path());
            let mut process = Process::start(&mut command, directory.path(), "registry");
            let answers = eventually(DEADLINE, || match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                _ if process.ended().is_some() => Ok(false),
                Ok(_) => Ok(true),
                Err(error) => Err(error.to_string()),
            });
            if answers {
                return Self { port, _process: process, directory };
            }
        }
        panic!("docker-registry does not start");
    }

    /// As the configuration names it: `127.0.0.1:<port>`.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes `repository` one that has the tag. The registry reads its directories when it lists.
    pub fn add_tag(&self, repository: &str, tag: &str) {
        let tags = format!("data/docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current");
        let current = self.directory.path().join(tags);
        std::fs::create_dir_all(&current).expect("a directory of our own");
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        std::fs::write(current.join("link"), digest).expect("a file of our own");
    }
}

fn configure(directory: &Path, port: u16, wants_password: bool, identity: Option<&Identity>) {
    let write = |name: &str, text: &str| {
        let file = directory.join(name);
        std::fs::write(&file, text).expect("a file of our own");
        file.display().to_string()
    };
    let data = directory.join("data").display().to_string();
    let mut config =
        format!("version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: '{data}'}}}}\n");
    let mut add = |line: String| writeln!(config, "{line}").expect("a String can be written to");
    if wants_password {
        add(format!("auth: {{htpasswd: {{realm: acceptance, path: '{}'}}}}", write("htpasswd", HTPASSWD)));
    }
    add(format!("http:\n  addr: 127.0.0.1:{port}"));
    if let Some(identity) = identity {
        let certificate = write("certificate.pem", &identity.certificate_pem);
        add(format!("  tls: {{certificate: '{certificate}', key: '{}'}}", write("key.pem", &identity.key_pem)));
    }
    write("config.yml", &config);
}

/// # Panics
/// When it is not installed: a test without its server must not pass.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")]);
    let programs = folders.map(|folder| folder.join("docker-registry"));
    let found = programs.into_iter().find(|program| program.is_file());
    found.expect("`docker-registry` is not installed; `cargo xtask test` installs it")
}
