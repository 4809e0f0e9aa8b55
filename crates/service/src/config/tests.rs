//! What a tired operator reads when a configuration is wrong.

use std::io::Write;
use std::time::Duration;

use super::{Document, Environment, Origin, Problems};

/// Reads a made-up service's section; returns its problems, or what it was resolved to.
fn read(yaml: &str, environment: &[(&str, &str)]) -> Result<Vec<String>, Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut document = Document::load(Some(file.path()), Environment(environment))?;
    let root = document.root();
    root.ignore(&["credentials"]);
    let mut service = root.section("service");
    service.port("port", 8228);
    service.flag("enabled", false);
    service.span("timeout", Duration::from_secs(5), Duration::from_secs(1)..=Duration::from_mins(1));
    service.choice("kind", &[("local", 1), ("nats", 2)], 1);
    service.texts("levels");
    service.secret("password", "password_env", "password_file");
    for mut item in service.sections("items") {
        item.text("name");
        item.finish();
    }
    service.finish();
    let reading = document.finish()?;
    let shown = reading.resolved.iter().map(|setting| {
        let origin = match &setting.origin {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment(variable) => variable,
        };
        format!("{}={} ({origin})", setting.path, setting.value)
    });
    Ok(shown.collect())
}

fn check(yaml: &str, environment: &[(&str, &str)], expected: &str) {
    let found = read(yaml, environment).map_or_else(|problems| problems.to_string(), |shown| shown.join("\n"));
    assert!(found.contains(expected), "{yaml}\nexpected: {expected}\nfound: {found}");
}

#[test]
fn every_problem_is_named_at_once() {
    let yaml =
        "service: {port: 99999, enabled: maybe, timeout: 5x, kind: kafka, prot: 1, items: [{nam: x}, 7]}\nother: 1";
    let expected = "\
service.port: expected a whole number from 0 to 65535, got `99999`
service.enabled: expected `true` or `false`, got `maybe`
service.timeout: expected seconds or a duration such as `30s`, from 1s to 1m, got `5x`
service.kind: expected `local` or `nats`, got `kafka`
service.items[1]: expected a mapping, got `7`
service.items[0].nam: unknown key, did you mean `name`?
service.prot: unknown key, did you mean `port`?
other: unknown key, expected one of `service`";
    assert_eq!(read(yaml, &[]).unwrap_err().to_string(), expected);
}

#[test]
fn the_environment_goes_over_the_file() {
    let variable = ("ANCHORE_EVENTS__SERVICE__PORT", "9000");
    check("service: {port: 1}", &[variable], "service.port=9000 (ANCHORE_EVENTS__SERVICE__PORT)");
    check("", &[("ANCHORE_EVENTS__SERVICE__LEVELS", "[error, info]")], "service.levels=[error, info]");
    check("", &[("ANCHORE_EVENTS__SERVICE__ITEMS", "[{name: x}]")], "service.items[0].name=x");
    check("", &[("ANCHORE_EVENTS__SERVICE__PORT", "http")], "got `http` (set by ANCHORE_EVENTS__SERVICE__PORT)");
    check("", &[("ANCHORE_EVENTS__SERVIC__PORT", "1")], "servic: unknown key, did you mean `service`?");
    check("", &[("ANCHORE_EVENTS__SERVICE__ITEMS", "[{")], "ANCHORE_EVENTS__SERVICE__ITEMS: not YAML");
}

#[test]
fn variables_are_filled_in_after_parsing() {
    let environment = [("PORT", "7"), ("ENABLED", "True"), ("EMPTY", ""), ("EVIL", "1}\nother: 2")];
    check("service: {port: '${PORT}', enabled: '${ENABLED}'}", &environment, "service.port=7 (file)");
    check("service: {port: '${NONE:-5}'}", &environment, "service.port=5 (file)");
    check("service: {port: '${EMPTY}'}", &environment, "service.port=8228 (default)");
    check("service: {kind: '${EVIL}'}", &environment, "service.kind: expected `local` or `nats`");
    check("service: {port: '${NONE}'}", &environment, "service.port: the environment variable `NONE` is not set");
    check("service: {port: '${NONE'}", &environment, "has a `${` without a `}`");
}

#[test]
fn secrets_are_masked_and_may_stand_elsewhere() {
    check("service: {password: hush}", &[], "service.password=*** (file)");
    check("service: {password_env: NONE}", &[], "service.password_env: the environment variable `NONE` is not set");
    check("service: {password_file: /none}", &[], "service.password_file: `/none` cannot be read");
}

#[test]
fn a_broken_file_is_named() {
    check("a: [", &[], "not YAML");
    check("- a", &[], "expected a YAML mapping");
    check("service: 7", &[], "service: expected a mapping, got `7`");
    check("# nothing\n", &[], "service.port=8228 (default)");
}
