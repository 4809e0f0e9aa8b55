//! Every way in which an image can be broken: each gives one event that says what is wrong and what to do next. The
//! golden file shows them as an operator sees them.

mod archives;
mod databases;
mod manifests;
mod pulls;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event::{Event, ManualClock};
use fixtures::FaultServer;
use proto::analyzer::v1::Image;
use serde_json::Value;

use crate::observed::{Observed, Settings, details};
use crate::served_image::{PATH, TAG};

/// Set to write the golden file anew.
const UPDATE_VARIABLE: &str = "UPDATE_GOLDEN";
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/broken_images.txt");

/// Low enough that little images can break them.
const SECTION: &str =
    "layer_bytes_max: 1048576, unpacked_bytes_max: 4194304, ratio_max: 100, entries_max: 300, platform: linux/amd64";
/// Short, so that silence is soon noticed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// A broken image, and whoever serves it.
pub struct Fault {
    name: &'static str,
    reference: String,
    servers: Vec<FaultServer>,
}

impl Fault {
    /// At the tag that every image has.
    pub fn of(name: &'static str, server: FaultServer) -> Self {
        let reference = format!("{}/{PATH}:{TAG}", server.registry());
        Self { name, reference, servers: vec![server] }
    }

    pub fn at(name: &'static str, reference: String, servers: Vec<FaultServer>) -> Self {
        Self { name, reference, servers }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_one_event_that_says_what_to_do() {
    let clock = Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap()));
    let settings = Settings { request_timeout: REQUEST_TIMEOUT, ..Settings::at(&clock) };
    let observed = Observed::start(Settings { section: SECTION.to_owned(), ..settings }).await;
    let faults = [pulls::faults(), manifests::faults(), archives::faults(), databases::faults()].concat_faults();
    let mut shown = String::new();
    for fault in &faults {
        let (image, events) = observed.analyse(&fault.reference).await;
        assert_eq!(events.len(), 1, "{}: {events:#?}", fault.name);
        check(fault.name, &events[0]);
        shown.push_str(&show(fault, &image, &events[0]));
    }
    assert!(faults.len() >= 60, "{} faults", faults.len());
    assert_eq!(observed.bus.events().len(), faults.len(), "and nothing else was told");
    compare(&shown);
    observed.stop().await;
}

trait ConcatFaults {
    fn concat_faults(self) -> Vec<Fault>;
}

impl<const N: usize> ConcatFaults for [Vec<Fault>; N] {
    fn concat_faults(self) -> Vec<Fault> {
        self.into_iter().flatten().collect()
    }
}

/// What holds for every one of them.
fn check(name: &str, event: &Event) {
    let details = details(event);
    // Of the storage that a registry redirects to.
    assert!(!details.to_string().contains("s3cr3t"), "{name}: {details}");
    assert_eq!(event.resource.account.as_str(), "admin");
    assert_eq!(event.source.service.as_deref(), Some("analyzer"));
    if event.event_type != "analyze_image_fail" {
        return;
    }
    let cause = &details["cause"];
    assert_ne!(cause["code"], "internal", "{name}");
    let hint = cause["hint"].as_str().unwrap();
    assert!(hint.len() > 20 && (hint.ends_with('.') || hint.ends_with('`')), "{name}: {hint}");
    let class = classes(&details).next().unwrap();
    let error = &details[class];
    assert!(error["cause"].as_str().is_some_and(|text| text.len() <= 256), "{name}: {error}");
    assert!(error["pull_string"].as_str().is_some_and(|text| text.contains(PATH)), "{name}: {error}");
}

/// The contract's error objects in the details.
fn classes(details: &Value) -> impl Iterator<Item = &str> {
    details.as_object().unwrap().keys().map(String::as_str).filter(|key| key.ends_with("Error"))
}

/// As an operator reads it, with what differs from run to run taken out.
fn show(fault: &Fault, image: &Image, event: &Event) -> String {
    let details = details(event);
    let mut shown = String::new();
    writeln!(shown, "## {}", fault.name).unwrap();
    let resource = event.resource.id.as_deref().unwrap_or_default();
    let kind = event.resource.resource_type.as_deref().unwrap_or_default();
    writeln!(shown, "{} {} {kind} {resource}", event.event_type, event.level).unwrap();
    if let Some(cause) = details.get("cause") {
        let retried = if image.next_attempt_time.is_some() { ", tried again" } else { "" };
        let class = classes(&details).collect::<Vec<_>>().join(" ");
        writeln!(shown, "{} ({class}{retried})", cause["code"].as_str().unwrap()).unwrap();
        writeln!(shown, "what  {}", details["msg"].as_str().unwrap()).unwrap();
        writeln!(shown, "do    {}", cause["hint"].as_str().unwrap()).unwrap();
    } else {
        let distribution = &details["distribution"];
        let packages = &details["packages"];
        writeln!(shown, "distribution {}, packages {packages}", distribution["id"]).unwrap();
        for unknown in details["unknowns"].as_array().unwrap() {
            let text = |name: &str| unknown[name].as_str().unwrap().to_owned();
            writeln!(shown, "unknown {}: {}: {}", text("path"), text("code"), text("reason")).unwrap();
        }
    }
    shown.push('\n');
    let mut shown = without_digests(&shown);
    for server in &fault.servers {
        shown = shown.replace(&server.registry(), "registry.example.com:5000");
    }
    let (registry, _) = fault.reference.split_once('/').unwrap();
    shown.replace(registry, "registry.example.com:5000")
}

fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        shown.push_str(if hex == 64 { "sha256:..." } else { "sha256:" });
        shown.push_str(if hex == 64 { &part[hex..] } else { part });
    }
    shown
}

fn compare(shown: &str) {
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        std::fs::create_dir_all(Path::new(GOLDEN).parent().unwrap()).unwrap();
        std::fs::write(GOLDEN, shown).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    for (line, (expected, seen)) in (1..).zip(golden.lines().zip(shown.lines())) {
        assert_eq!(seen, expected, "line {line} of {GOLDEN}; {UPDATE_VARIABLE}=1 writes it anew");
    }
    assert_eq!(shown.lines().count(), golden.lines().count(), "{GOLDEN}; {UPDATE_VARIABLE}=1 writes it anew");
}
