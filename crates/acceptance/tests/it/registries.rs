//! Watched repositories of real registries: each way to fail is one event that says why, and what works is none.

use fixtures::{Authority, Identity, REGISTRY_PASSWORD, REGISTRY_USER, RegistryAccess, RegistryServer};
use serde_json::Value;

use crate::harness::{ADMIN, DEADLINE, Output, Shape, Stack, eventually, free_port, holds};

on_every_stack!(each_failure_is_one_event_that_says_why);

/// A failure that lasts is no news: after this many failures of each there is still one event.
const FAILURES_MIN: u64 = 3;

/// A watched repository, and the code that its listing fails with.
struct Watched {
    repository: String,
    is_insecure: bool,
    code: Option<&'static str>,
    /// What a person is told to look at.
    hint: &'static str,
}

fn each_failure_is_one_event_that_says_why(shape: Shape) {
    let (authority, unknown_authority) = (Authority::named("acceptance"), Authority::named("acceptance's twin"));
    let good = registry(RegistryAccess::Password, None);
    let wrong = registry(RegistryAccess::Password, None);
    let closed = registry(RegistryAccess::Password, None);
    let tls = registry(RegistryAccess::Everybody, Some(authority.issue("127.0.0.1")));
    let plain = registry(RegistryAccess::Everybody, Some(authority.issue("127.0.0.1")));
    let foreign = registry(RegistryAccess::Everybody, Some(unknown_authority.issue("127.0.0.1")));
    let expired = registry(RegistryAccess::Everybody, Some(authority.issue_until("127.0.0.1", 2020)));
    // Nobody listens there, and nobody else gets the port.
    let stopped = format!("127.0.0.1:{}", free_port());

    let watched = |registry: &str, path: &str, is_insecure, code, hint| Watched {
        repository: format!("{registry}/{path}"),
        is_insecure,
        code,
        hint,
    };
    let all = [
        watched(&good.registry(), "team/app", true, None, ""),
        watched(&tls.registry(), "team/app", false, None, ""),
        watched(&good.registry(), "team/unknown", true, Some("not_found"), "services.catalog.repositories"),
        watched(&wrong.registry(), "team/app", true, Some("auth"), "password_env"),
        watched(&closed.registry(), "team/app", true, Some("auth"), "services.catalog.registries"),
        watched(&stopped, "team/app", true, Some("connect"), ""),
        watched(&plain.registry(), "team/app", true, Some("tls"), "insecure"),
        watched(&foreign.registry(), "team/app", false, Some("tls"), "ca_file"),
        watched(&expired.registry(), "team/app", false, Some("tls"), "certificate"),
    ];
    let ca_file = authority.file.path();
    let repositories = all.iter().map(|watched| {
        format!("{{name: '{}', account: admin, insecure: {}}}", watched.repository, watched.is_insecure)
    });
    let with_password = |registry: &RegistryServer, variable: &str| {
        format!("{{registry: '{}', username: {REGISTRY_USER}, password_env: {variable}}}", registry.registry())
    };
    let with_authority = |registry: &RegistryServer| {
        format!("{{registry: '{}', ca_file: '{}'}}", registry.registry(), ca_file.display())
    };
    let registries = [
        with_password(&good, "RIGHT_PASSWORD"),
        with_password(&wrong, "WRONG_PASSWORD"),
        with_authority(&tls),
        with_authority(&expired),
    ];
    let settings = format!(
        "repositories: [{}], registries: [{}]",
        repositories.collect::<Vec<_>>().join(", "),
        registries.join(", ")
    );
    let stack = Stack::builder(shape)
        .catalog(&settings)
        .environment("RIGHT_PASSWORD", REGISTRY_PASSWORD)
        .environment("WRONG_PASSWORD", "wrong-password")
        .start();

    let expected = all.iter().filter(|watched| watched.code.is_some()).count();
    eventually(DEADLINE, || {
        let listed = stack.client(ADMIN).ids(&[]).len();
        holds(listed >= expected, || format!("{listed} of {expected} failures are listed"))
    });
    let attempts = FAILURES_MIN * all.len() as u64;
    eventually(DEADLINE, || {
        let made = stack.counter("catalog", "catalog_listings_total", "");
        holds(made >= attempts, || format!("{made} of {attempts} listings were tried"))
    });
    assert!(stack.counter("catalog", "catalog_listings_total", "\"ok\"") >= 2, "what works works");
    let records = stack.client(ADMIN).records(&[]);
    for watched in &all {
        check(&stack, watched, &records);
    }
    assert_eq!(records.len(), expected, "and nothing else was emitted");
}

/// With one image, and TLS where there is an `identity`.
fn registry(access: RegistryAccess, identity: Option<Identity>) -> RegistryServer {
    let mut registry = RegistryServer::start(access);
    registry.pusher().push("team/app", "1.0", "an image");
    if let Some(identity) = identity {
        registry.secure(identity);
    }
    registry
}

fn check(stack: &Stack, watched: &Watched, records: &[Value]) {
    let repository = watched.repository.as_str();
    let about: Vec<&Value> = records.iter().filter(|record| record["event"]["resource"]["id"] == repository).collect();
    assert_eq!(about.len(), usize::from(watched.code.is_some()), "{repository}: {about:#?}");
    let (Some(record), Some(code)) = (about.first(), watched.code) else { return };
    let event = &record["event"];
    assert_eq!((&event["type"], &event["level"]), (&"list_tags_fail".into(), &"ERROR".into()));
    assert_eq!(event["message"], "Failed to list tags in repository");
    assert_eq!(
        (&event["source"]["servicename"], &event["source"]["hostid"]),
        (&"catalog".into(), &"acceptance-host".into())
    );
    let cause = &event["details"]["cause"];
    assert_eq!(cause["code"], code, "{event:#}");
    assert_eq!(cause["retryable"], code == "connect", "{event:#}");
    assert!(cause["hint"].as_str().is_some_and(|hint| hint.contains(watched.hint) && hint.ends_with('.')), "{event:#}");
    for secret in [REGISTRY_PASSWORD, "wrong-password"] {
        assert!(!record.to_string().contains(secret), "{event:#}");
    }
    let id = record["generated_uuid"].as_str().expect("a record has an id");
    let get: Output = stack.cli(&["event", "get", id]);
    let text = get.ok();
    assert!(text.contains(&format!("\n  cause:\n    code: {code}\n").replace("\n  cause", "  cause")), "{text}");
}
