//! Against Debian's docker-registry: with a password, and with tokens.

use std::time::Duration;

use fixtures::{Pusher, REGISTRY_PASSWORD, REGISTRY_USER, RegistryAccess, RegistryServer, TokenServer};
use oci_registry::{Credentials, RegistryConfig};
use proto::analyzer::v1::State;

use crate::observed::{Observed, Settings, details};
use crate::served_image::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, PATH, ServedImage, TAG};
use crate::tar_builder::TarBuilder;

fn push(pusher: &Pusher<'_>) {
    let database = "P:musl\nV:1.2.4-r2\nA:x86_64\n\n";
    let archive =
        TarBuilder::new().file("etc/os-release", "ID=alpine\nVERSION_ID=3.20.0").file("lib/apk/db/installed", database);
    let image = ServedImage::of(&[archive.finish()]);
    for layer in &image.layers {
        pusher.push_blob(PATH, &layer.bytes, OCI_LAYER);
    }
    pusher.push_blob(PATH, &image.config_part().bytes, OCI_CONFIG);
    pusher.push_manifest(PATH, TAG, OCI_MANIFEST, &image.manifest());
}

fn settings(registry: &RegistryServer, password: Option<&str>) -> Settings {
    let credentials = password
        .map(|password| Credentials { username: REGISTRY_USER.to_owned(), password: password.to_owned().into() });
    let registry = RegistryConfig {
        registry: registry.registry().parse().unwrap(),
        credentials,
        ca_certificates: None,
        requests_per_minute: None,
    };
    Settings { registries: vec![registry], request_timeout: Duration::from_secs(30), ..Settings::default() }
}

async fn analyse(registry: &RegistryServer, password: Option<&str>) -> Result<String, (String, String)> {
    let observed = Observed::start(settings(registry, password)).await;
    let (image, events) = observed.analyse(&format!("{}/{PATH}:{TAG}", registry.registry())).await;
    observed.stop().await;
    assert_eq!(events.len(), 1);
    let details = details(&events[0]);
    let shown = format!("{details}{image:?}");
    for secret in [REGISTRY_PASSWORD, "wrong-password"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    if image.state() == State::Analyzed {
        return Ok(format!("{} {}", details["distribution"]["id"], details["packages"]));
    }
    let cause = &details["cause"];
    Err((cause["code"].as_str().unwrap().to_owned(), cause["hint"].as_str().unwrap().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_password() {
    let registry = RegistryServer::start(RegistryAccess::Password);
    push(&registry.pusher());
    assert_eq!(analyse(&registry, Some(REGISTRY_PASSWORD)).await.unwrap(), "\"alpine\" {\"apk\":1,\"total\":1}");
    let (code, hint) = analyse(&registry, Some("wrong-password")).await.unwrap_err();
    assert!(code == "auth" && hint.contains("password_env"), "{code} {hint}");
    let (code, hint) = analyse(&registry, None).await.unwrap_err();
    assert!(code == "auth" && hint.contains("services.catalog.registries"), "{code} {hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens() {
    let tokens = TokenServer::start();
    let registry = RegistryServer::start(RegistryAccess::token(&tokens));
    push(&registry.pusher_with(&tokens));
    assert_eq!(analyse(&registry, Some(REGISTRY_PASSWORD)).await.unwrap(), "\"alpine\" {\"apk\":1,\"total\":1}");
    let (code, hint) = analyse(&registry, Some("wrong-password")).await.unwrap_err();
    assert!(code == "auth" && hint.contains("password_env"), "{code} {hint}");
}
