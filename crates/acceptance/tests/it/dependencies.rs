//! Who may depend on whom (the code map in the README), held against what cargo says; and packages that must not come in.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Each of our crates with those of ours that it may build on, the ground first.
const EDGES: &[(&str, &[&str])] = &[
    // Ground: nothing of ours below.
    ("event", &[]),
    ("database", &[]),
    ("service", &[]),
    // Seams: speak `event`.
    ("proto", &["event"]),
    ("contract", &["event"]),
    ("bus", &["event", "proto"]),
    // What emitters share.
    ("cause", &["event"]),
    ("accounts", &["cause", "event", "service"]),
    ("emitter", &["bus", "event"]),
    ("outbound", &["cause", "event"]),
    ("outbox", &["bus", "cause", "emitter", "event", "service"]),
    ("oci-registry", &["cause", "event", "outbound", "service"]),
    ("webhook", &["cause", "contract", "event", "outbound"]),
    // Adapters: seen by `server` alone.
    ("bus-local", &["bus", "database", "event"]),
    ("bus-nats", &["bus"]),
    // Services: never see one another.
    (
        "catalog",
        &["accounts", "bus", "cause", "database", "emitter", "event", "oci-registry", "outbound", "proto", "service"],
    ),
    ("events-store", &["accounts", "bus", "cause", "database", "emitter", "event", "proto", "service"]),
    ("gateway", &["contract", "event", "proto", "service"]),
    ("notifier", &["accounts", "bus", "cause", "database", "emitter", "event", "proto", "service", "webhook"]),
    ("policy-engine", &["accounts", "cause", "database", "emitter", "event", "outbound", "proto", "service"]),
    (
        "analyzer",
        &["accounts", "bus", "cause", "database", "emitter", "event", "oci-registry", "outbound", "proto", "service"],
    ),
    // Programs: nobody depends on them.
    ("cli", &["contract", "event", "proto"]),
    (
        "server",
        &[
            "accounts",
            "analyzer",
            "bus",
            "bus-local",
            "bus-nats",
            "catalog",
            "database",
            "emitter",
            "event",
            "events-store",
            "gateway",
            "notifier",
            "outbox",
            "policy-engine",
            "service",
        ],
    ),
    ("xtask", &[]),
    ("demo", &["outbound"]),
    // For tests.
    ("fixtures", &[]),
    ("acceptance", &[]),
    // A program that is a test: it drives the adapters without the services.
    (
        "chaos",
        &["bus", "bus-local", "bus-nats", "database", "emitter", "event", "fixtures", "outbox", "proto", "service"],
    ),
];

/// What tests may use beside that: never a service, an adapter or a program of ours.
const FOR_TESTS: &[&str] = &["bus", "database", "event", "fixtures", "proto"];

/// Packages of others that are one crate's business.
const HIDDEN: &[(&str, &[&str])] = &[
    ("async-nats", &["bus-nats"]),
    ("sea-orm", &["analyzer", "bus-local", "catalog", "database", "events-store", "notifier", "policy-engine"]),
    (
        "sea-orm-migration",
        &["analyzer", "bus-local", "catalog", "database", "events-store", "notifier", "policy-engine"],
    ),
    ("sqlx", &["bus-local", "database", "events-store", "notifier"]),
    ("reqwest", &["outbound"]),
    ("rustls-platform-verifier", &["outbound"]),
    ("argon2", &["accounts"]),
];

/// A C++ or cmake build, a system library, a second TLS stack, or no longer maintained.
const BANNED: &[&str] =
    &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys", "rdkafka-sys", "serde_yaml"];

/// One line of a manifest.
struct Dependency {
    package: String,
    name: String,
    is_for_tests: bool,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn dependencies() -> Vec<Dependency> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = list(&metadata["packages"]);
    let of = |package: &Value| {
        let name = text(&package["name"]);
        let lines = list(&package["dependencies"]).into_iter();
        lines
            .map(|line| Dependency {
                package: name.clone(),
                name: text(&line["name"]),
                is_for_tests: line["kind"] == "dev",
            })
            .collect::<Vec<_>>()
    };
    packages.iter().flat_map(of).collect()
}

#[test]
fn crates_build_on_those_below_them_only() {
    let edges: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for Dependency { package, name, is_for_tests } in dependencies() {
        let Some(allowed) = edges.get(package.as_str()) else {
            wrong.push(format!("`{package}` is a new crate: say in this table what it may build on"));
            continue;
        };
        let is_ours = edges.contains_key(name.as_str());
        let is_allowed = allowed.contains(&name.as_str()) || is_for_tests && FOR_TESTS.contains(&name.as_str());
        // A crate may name itself, to test its own features.
        if is_ours && !is_allowed && package != name {
            let kind = if is_for_tests { "in its tests " } else { "" };
            wrong.push(format!("`{package}` {kind}builds on `{name}`, which it must not know"));
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_no_circle() {
    let mut known: Vec<&str> = Vec::new();
    for (name, below) in EDGES {
        for edge in *below {
            assert!(known.contains(edge), "`{name}` stands before `{edge}`, which it builds on");
        }
        known.push(name);
    }
}

#[test]
fn what_a_crate_hides_is_named_there_only() {
    let hidden: BTreeMap<&str, &[&str]> = HIDDEN.iter().copied().collect();
    let dependencies = dependencies();
    let wrong: Vec<String> = dependencies
        .iter()
        .filter(|dependency| !dependency.is_for_tests)
        .filter(|dependency| {
            hidden.get(dependency.name.as_str()).is_some_and(|keepers| !keepers.contains(&dependency.package.as_str()))
        })
        .map(|dependency| format!("`{}` names `{}`", dependency.package, dependency.name))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_banned_package_is_locked() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("the lockfile is kept");
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let banned: Vec<&str> = names.filter(|name| BANNED.contains(name)).collect();
    assert!(banned.is_empty(), "{banned:?}");
}
