//! Tags that come, move and go at real registries, as people push them; and the analyses that follow.

use std::process::Command;

use fixtures::{NotificationEndpoint, REGISTRY_PASSWORD, REGISTRY_USER, RegistryAccess, RegistryServer, TokenServer};
use serde_json::Value;

use crate::harness::{ADMIN, ALICE, DEADLINE, Shape, Stack, eventually, holds};

on_every_stack!(what_people_push_is_told_and_analysed, what_is_added_at_run_time_is_watched);

/// Looks at digests as often as at lists.
const EAGER: (&str, &str) = ("ANCHORE_EVENTS__SERVICES__CATALOG__CYCLE_TIMERS__IMAGE_WATCHER", "1s");

fn what_people_push_is_told_and_analysed(shape: Shape) {
    let tokens = TokenServer::start();
    let guarded = RegistryServer::start(RegistryAccess::Password);
    let with_tokens = RegistryServer::start(RegistryAccess::token(&tokens));
    let source = RegistryServer::start(RegistryAccess::Everybody);
    for content in ["first", "second"] {
        source.pusher().push("source", content, content);
    }
    for registry in [&guarded, &with_tokens] {
        copy(&source, "first", registry, "team/app:1.0");
    }
    let names = [guarded.repository("team/app"), with_tokens.repository("team/app")];
    let repositories = names.iter().map(|name| format!("{{name: '{name}', insecure: true}}"));
    let registries = [&guarded, &with_tokens].map(|registry| {
        format!("{{registry: '{}', username: {REGISTRY_USER}, password_env: PASSWORD}}", registry.registry())
    });
    let settings = format!(
        "repositories: [{}], registries: [{}]",
        repositories.collect::<Vec<_>>().join(", "),
        registries.join(", ")
    );
    let environment = [("PASSWORD", REGISTRY_PASSWORD), EAGER];
    let builder = Stack::builder(shape).catalog(&settings);
    let stack =
        environment.into_iter().fold(builder, |builder, (name, value)| builder.environment(name, value)).start();
    wait_for_the_first_sight(&stack, 2);

    for registry in [&guarded, &with_tokens] {
        copy(&source, "second", registry, "team/app:1.1");
        copy(&source, "second", registry, "team/app:1.0");
    }
    let told = |expected: usize| {
        eventually(DEADLINE, || {
            let records = stack.client(ADMIN).records(&["--event_type", "system.repository.*"]);
            holds(records.len() >= expected, || format!("{records:#?}")).map(|()| records)
        })
    };
    let records = told(4);
    for name in &names {
        check(&records, "tag_add", &format!("{name}:1.1"), &[("old_digest", false), ("new_digest", true)]);
        check(&records, "tag_update", &format!("{name}:1.0"), &[("old_digest", true), ("new_digest", true)]);
    }
    for registry in [&guarded, &with_tokens] {
        // By its digest, and so every tag that means it.
        let image = format!("docker://{}", registry.repository("team/app:1.0"));
        skopeo(&["delete", "--tls-verify=false", "--creds", &credentials(), &image]);
    }
    let records = told(8);
    for name in &names {
        for tag in ["1.0", "1.1"] {
            check(&records, "tag_delete", &format!("{name}:{tag}"), &[("old_digest", true), ("new_digest", false)]);
        }
    }
    assert_eq!(records.len(), 8, "and nothing else: {records:#?}");
    assert!(tokens.requests() > 0);
    assert_eq!(stack.client(ADMIN).records(&["--event_type", "list_tags_fail"]).len(), 0);
    // Each image was taken by the analyzer, whatever came of it: by then it may have been gone.
    eventually(DEADLINE, || {
        let images = stack.cli(&["-o", "json", "image", "list", "--all"]).ok();
        let is_there = names.iter().all(|name| images.contains(&format!("\"repository\": \"{name}\"")));
        holds(is_there, || images)
    });
}

fn what_is_added_at_run_time_is_watched(shape: Shape) {
    let mut registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("team/app", "1.0", "first");
    let name = registry.repository("team/app");
    let mut stack = Stack::builder(shape).environment(EAGER.0, EAGER.1).start();
    assert_eq!(stack.cli(&["repo", "list"]).ok(), "\n");
    let added = stack.cli(&["repo", "add", &name, "--plain-http"]).ok();
    assert!(added.contains(&name) && added.contains("repo add"), "{added}");
    stack.cli(&["repo", "add", &name, "--plain-http"]).refused(1, &["is watched for the account `admin` already"]);
    stack.cli(&["repo", "add", "https://x/y"]).refused(1, &["name: `https://x/y` has a scheme"]);
    stack.client(ALICE).run(&["repo", "get", &name]).refused(1, &["is not watched for the account `alice`"]);
    wait_for_the_first_sight(&stack, 1);

    // A registry that tells by itself is asked less.
    let url = format!("{}/v1/registry-notifications", stack.door("catalog"));
    let basic = format!("{}:{}", ADMIN.name, ADMIN.password);
    let authorization = format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, basic));
    registry.notify(NotificationEndpoint { url, authorization });
    registry.pusher().push("team/app", "2.0", "second");
    let added = |tag: &str, stack: &Stack| {
        let tag = format!("{name}:{tag}");
        eventually(DEADLINE, || {
            let records = stack.client(ADMIN).records(&[&tag, "--event_type", "tag_add"]);
            holds(records.len() == 1, || format!("{tag}: {records:#?}"))
        });
    };
    added("2.0", &stack);
    eventually(DEADLINE, || {
        let taken = stack.counter("catalog", "catalog_notifications_total", "\"taken\"");
        holds(taken > 0, || "no notification was taken".to_owned())
    });

    // It is kept, and what changed meanwhile is found.
    stack.kill9("catalog");
    registry.pusher().push("team/app", "3.0", "third");
    stack.restart("catalog");
    added("3.0", &stack);
    let got = stack.cli(&["repo", "get", &name]).ok();
    assert!(["3.0", "2.0", "1.0", "sha256:", " ok "].iter().all(|part| got.contains(part)), "{got}");
    let got: Value = serde_json::from_str(&stack.cli(&["-o", "json", "repo", "get", &name]).ok()).expect("JSON");
    assert_eq!((&got["state"], &got["tag_count"], &got["configured"]), (&"ok".into(), &3.into(), &false.into()));

    // Why it fails is told there, too.
    registry.kill();
    let listed = eventually(DEADLINE, || {
        let listed = stack.cli(&["repo", "list"]).ok();
        holds(listed.contains("refused the connection"), || listed.clone()).map(|()| listed)
    });
    assert!(listed.contains(" connect "), "{listed}");
    assert_eq!(stack.cli(&["repo", "del", &name]).ok(), "Success\n");
    stack.cli(&["repo", "del", &name]).refused(1, &["is not watched for the account `admin`"]);
}

fn wait_for_the_first_sight(stack: &Stack, repositories: usize) {
    eventually(DEADLINE, || {
        let listed = stack.cli(&["-o", "json", "repo", "list"]).ok();
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let is_known = |repository: &&Value| repository["tag_count"] == 1 && repository["pending_count"] == 0;
        let known = listed["repositories"].as_array().into_iter().flatten().filter(is_known).count();
        holds(known == repositories, || format!("{listed:#}"))
    });
}

/// Exactly one event of the type about the tag; `members` says which of its details have a value.
fn check(records: &[Value], event_type: &str, tag: &str, members: &[(&str, bool)]) {
    let is_it = |record: &&Value| record["event"]["type"] == event_type && record["event"]["resource"]["id"] == tag;
    let found: Vec<&Value> = records.iter().filter(is_it).collect();
    let [record] = found.as_slice() else { panic!("{event_type} {tag}: {found:#?} of {records:#?}") };
    let event = &record["event"];
    assert_eq!((&event["level"], &event["resource"]["type"]), (&"INFO".into(), &"image_tag".into()), "{event:#}");
    for (member, is_there) in members {
        let digest = event["details"][member].as_str().unwrap_or_default();
        assert_eq!(digest.starts_with("sha256:"), *is_there, "{member}: {event:#}");
    }
}

fn copy(source: &RegistryServer, tag: &str, target: &RegistryServer, name: &str) {
    let (from, to) = (format!("docker://{}:{tag}", source.repository("source")), target.repository(name));
    let to = format!("docker://{to}");
    let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(&["copy", tls[0], tls[1], "--dest-creds", &credentials(), &from, &to]);
}

fn credentials() -> String {
    format!("{REGISTRY_USER}:{REGISTRY_PASSWORD}")
}

fn skopeo(arguments: &[&str]) {
    let output = Command::new("skopeo").arg("--insecure-policy").args(arguments).output();
    let output = output.expect("`skopeo` is installed; `cargo xtask test` installs it");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
