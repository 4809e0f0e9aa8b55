//! A real registry (Debian's docker-registry) on a free port, with its files in a directory of its own.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::certificates::Identity;
use crate::eventually::DEADLINE;
use crate::observed::{PASSWORD, USERNAME};

const PROGRAM: &str = "/usr/bin/docker-registry";

/// The user `puller` with the password `right-password`, by bcrypt, which is all this registry takes.
const HTPASSWD: &str = "puller:$2b$05$abcdefghijklmnopqrstuuBO.kmgTJhdt40M5ZyHgFmcpBdUb9aS.\n";

/// `{}`, the configuration of an image that has nothing, and its digest.
const CONFIG: &str = "{}";
const CONFIG_DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

pub struct RegistryFixture {
    pub address: SocketAddr,
    directory: TempDir,
    child: Option<Child>,
    has_password: bool,
}

impl RegistryFixture {
    /// `None`, and a word about it, where the program is not installed.
    pub async fn start(has_password: bool, identity: Option<&Identity>) -> Self {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is not installed; `cargo xtask test` installs it");
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
            path("data")
        );
        if has_password {
            std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
            writeln!(config, "auth: {{htpasswd: {{realm: test, path: '{}'}}}}", path("htpasswd")).unwrap();
        }
        writeln!(config, "http:\n  addr: {address}").unwrap();
        if let Some(identity) = identity {
            std::fs::write(path("cert.pem"), &identity.certificate_pem).unwrap();
            std::fs::write(path("key.pem"), &identity.key_pem).unwrap();
            writeln!(config, "  tls: {{certificate: '{}', key: '{}'}}", path("cert.pem"), path("key.pem")).unwrap();
        }
        std::fs::write(path("config.yml"), config).unwrap();
        let mut fixture = Self { address, directory, child: None, has_password };
        fixture.restart().await;
        fixture
    }

    pub fn registry(&self) -> String {
        self.address.to_string()
    }

    pub fn repository(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// Kills it; its port refuses connections when this returns.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Starts it where it was, and waits until it takes connections.
    pub async fn restart(&mut self) {
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let child = Command::new(PROGRAM)
            .arg("serve")
            .arg(self.directory.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let started = tokio::time::timeout(DEADLINE, async {
            while TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        assert!(started.await.is_ok(), "the registry does not start: {}", log());
    }

    /// Puts an empty image under each of `tags`; by plain HTTP.
    pub async fn push(&self, path: &str, tags: &[&str]) {
        // Without roots, which a machine need not have: nothing here is TLS.
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let request = |method: reqwest::Method, url: String| {
            let request = client.request(method, url);
            if self.has_password { request.basic_auth(USERNAME, Some(PASSWORD)) } else { request }
        };
        let base = format!("http://{}/v2/{path}", self.address);
        let begun = request(reqwest::Method::POST, format!("{base}/blobs/uploads/")).send().await.unwrap();
        assert_eq!(begun.status(), 202);
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        let upload = request(reqwest::Method::PUT, format!("{location}&digest={CONFIG_DIGEST}")).body(CONFIG);
        assert_eq!(upload.send().await.unwrap().status(), 201);
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": CONFIG_DIGEST,
                "size": CONFIG.len(),
            },
            "layers": [],
        });
        for tag in tags {
            let put = request(reqwest::Method::PUT, format!("{base}/manifests/{tag}"));
            let put = put.header("content-type", media_type).body(manifest.to_string()).send().await.unwrap();
            assert_eq!(put.status(), 201, "{:?}", put.text().await);
        }
    }
}
