//! Putting images into a registry (OCI distribution specification, "Push").

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use outbound::{Answer, Client, ClientConfig, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One repository of a registry that lets anybody write.
pub struct Repository {
    client: Client,
    /// `http://registry:5000/v2/team/app/`
    base: Url,
}

impl Repository {
    pub fn new(registry: &Url, path: &str) -> anyhow::Result<Self> {
        let base = registry.join(&format!("/v2/{path}/"))?;
        Ok(Self { client: Client::new(ClientConfig::default())?, base })
    }

    /// Puts an image of one layer under each of `tags`.
    pub async fn push(&self, tags: &[&str], layer: Vec<u8>) -> anyhow::Result<()> {
        let diff_id = digest(&layer);
        let layer = self.push_blob(layer, LAYER).await?;
        let config = json!({
            "os": "linux", "architecture": "amd64", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        });
        let config = self.push_blob(config.to_string().into_bytes(), CONFIG).await?;
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let manifest = manifest.to_string().into_bytes();
        for tag in tags {
            let url = self.base.join(&format!("manifests/{tag}"))?;
            self.send(Method::PUT, &url, MANIFEST, manifest.clone(), StatusCode::CREATED).await?;
        }
        Ok(())
    }

    /// Returns the descriptor of the blob.
    async fn push_blob(&self, content: Vec<u8>, media_type: &str) -> anyhow::Result<Value> {
        let (digest, size) = (digest(&content), content.len());
        let uploads = self.base.join("blobs/uploads/")?;
        let begun = self.send(Method::POST, &uploads, media_type, Vec::new(), StatusCode::ACCEPTED).await?;
        let mut upload = uploads.join(begun.header("location").context("an upload without an address")?)?;
        upload.query_pairs_mut().append_pair("digest", &digest);
        self.send(Method::PUT, &upload, "application/octet-stream", content, StatusCode::CREATED).await?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": size}))
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        content_type: &str,
        body: Vec<u8>,
        expected: StatusCode,
    ) -> anyhow::Result<Answer> {
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_str(content_type)?)]);
        let answer = self.client.send(method.clone(), url, headers, Bytes::from(body)).await;
        let answer = answer.map_err(|cause| anyhow::anyhow!("{method} {url}: {}", cause.summary()))?;
        ensure!(answer.status() == expected, "{method} {url}: {}, expected {expected}", answer.status());
        Ok(answer)
    }
}

/// `sha256:` and 64 hex digits.
fn digest(content: &[u8]) -> String {
    let hex: Vec<String> = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}
