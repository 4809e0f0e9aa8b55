//! Receivers that nobody here wrote: the libraries of the Standard Webhooks project and the SDKs of CloudEvents, each
//! given a request as it arrived.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use event::SystemClock;
use fixtures::{NodePackages, PythonPackages, Received, Receiver};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use webhook::{Credentials, Format, Notification, Secret, Sender, SenderConfig};

use crate::example::{config, notification, send, vetting};

pub const PYTHON: [&str; 3] = ["standardwebhooks==1.1.0", "cloudevents==2.2.0", "cryptography>=42"];
pub const NODE: [&str; 2] = ["standardwebhooks@1.1.1", "cloudevents@10.0.0"];

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD3f3pSZ7sMjM=";
const FOREIGN: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// RFC 8032, 7.1, tests 1 and 2.
const ASYMMETRIC: [&str; 2] =
    ["whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", "whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs="];

pub fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/verifiers").join(name)
}

async fn received(notification: &Notification, change: impl FnOnce(&mut SenderConfig)) -> Received {
    let receiver = Receiver::always(200);
    let mut config = config(&receiver.url());
    change(&mut config);
    let sender = Sender::new(config, vetting("127.0.0.0/8"), Arc::new(SystemClock)).unwrap();
    let attempt = sender.send(notification).await;
    assert!(attempt.outcome.is_delivered(), "{attempt:?}");
    receiver.request()
}

/// With both secrets of an exchange and both kinds of them.
async fn signed() -> (Received, Vec<String>) {
    let secrets: Vec<Secret> = [OLD, NEW].iter().chain(&ASYMMETRIC).map(|text| text.parse().unwrap()).collect();
    let public_keys = secrets.iter().filter_map(Secret::public_key).collect();
    (received(&notification(), |config| config.secrets = secrets).await, public_keys)
}

fn as_json(request: &Received) -> Value {
    let headers: serde_json::Map<_, _> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({ "headers": headers, "body": request.text() })
}

async fn signed_as_json() -> String {
    let (request, public_keys) = signed().await;
    let mut given = as_json(&request);
    given["secrets"] = json!([OLD, NEW]);
    given["wrong_secrets"] = json!([FOREIGN]);
    given["public_keys"] = public_keys.into();
    given.to_string()
}

#[tokio::test]
async fn standard_webhooks_for_rust_verifies() {
    let (request, _) = signed().await;
    let header = |(name, value): &(String, String)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    let headers: HeaderMap = request.headers.iter().map(header).collect();
    let verify = |secret: &str, body: &[u8]| standardwebhooks::Webhook::new(secret).unwrap().verify(body, &headers);
    for secret in [OLD, NEW] {
        verify(secret, &request.body).unwrap();
        assert!(verify(secret, b"{}").is_err());
    }
    assert!(verify(FOREIGN, &request.body).is_err());
}

#[tokio::test]
async fn standard_webhooks_for_python_verifies() {
    let packages = PythonPackages::install(cache(), &PYTHON);
    assert_eq!(packages.run(&script("standard_webhooks.py"), &signed_as_json().await), "4\n");
}

#[tokio::test]
async fn standard_webhooks_for_node_verifies() {
    let packages = NodePackages::install(cache(), &NODE);
    assert_eq!(packages.run(&script("standard_webhooks.js"), &signed_as_json().await), "4\n");
}

/// What an SDK reads, in either mode.
async fn check_cloud_events(read: impl Fn(&str) -> String, time: &str) {
    for format in [Format::CloudEvents, Format::CloudEventsBinary] {
        let request = received(&notification(), |config| config.format = format).await;
        let event: Value = serde_json::from_str(&read(&as_json(&request).to_string())).unwrap();
        let record: Value = serde_json::from_slice(&webhook::render(Format::Event, &notification()).body).unwrap();
        let expected = json!({
            "specversion": "1.0",
            "id": "d77736ac78a043a9b84b3a1b8171aa44",
            "source": "//dockerhostid-localhost/catalog",
            "type": "list_tags_fail",
            "subject": "registry.example.com/a/b",
            "time": time,
            "datacontenttype": "application/json",
            "level": "ERROR",
            "account": "admin",
            "resourcetype": "repository",
            "data": record,
        });
        assert_eq!(event, expected, "{format}");
    }
}

#[tokio::test]
async fn the_cloudevents_sdk_for_python_reads_both_modes() {
    let packages = PythonPackages::install(cache(), &PYTHON);
    let read = |input: &str| packages.run(&script("cloudevents_sdk.py"), input);
    check_cloud_events(read, "2018-06-30T03:56:27.711071+00:00").await;

    // Texts that are no header's as they are.
    let mut notification = notification();
    notification.event.resource.id = Some("Euro € \"50 %\"".to_owned());
    for format in [Format::CloudEvents, Format::CloudEventsBinary] {
        let request = received(&notification, |config| config.format = format).await;
        let event: Value = serde_json::from_str(&read(&as_json(&request).to_string())).unwrap();
        assert_eq!(event["subject"], "Euro € \"50 %\"", "{format}");
    }
}

#[tokio::test]
async fn the_cloudevents_sdk_for_node_reads_both_modes() {
    let packages = NodePackages::install(cache(), &NODE);
    let read = |input: &str| packages.run(&script("cloudevents_sdk.js"), input);
    // It holds a time as JavaScript does, which knows no microseconds.
    check_cloud_events(read, "2018-06-30T03:56:27.711Z").await;
}

#[tokio::test]
async fn a_receiver_that_takes_the_contract_literally_is_content() {
    let mut receiver = Command::new("python3")
        .arg(script("contract_receiver.py"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is not installed; `cargo xtask test` installs it");
    let mut port = String::new();
    BufReader::new(receiver.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let mut config = config(&format!("http://127.0.0.1:{}/<notification_type>/<userId>", port.trim()));
    config.credentials = Some(Credentials::Basic { username: "user".into(), password: "pass".into() });
    let attempt = send(config).await;
    let _ = receiver.kill();
    receiver.wait().unwrap();
    assert_eq!(attempt.outcome.status().map(|status| status.as_u16()), Some(200), "{attempt:?}");
}
