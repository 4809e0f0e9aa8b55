//! A configuration that cannot be used: exit code 78 with every problem by its path, and nothing half done.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Output, run, server_program};

const CONFIG_CODE: i32 = 78;
const USAGE_CODE: i32 = 2;
const SOON: Duration = Duration::from_secs(20);

/// `anchore-events` in an empty folder, with this configuration.
struct Folder {
    directory: TempDir,
}

impl Folder {
    fn with(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("config.yaml"), config).expect("a file of our own");
        Self { directory }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(server_program());
        command.args(arguments).env_clear().current_dir(self.directory.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments), b"", SOON)
    }

    fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }
}

/// Every part is said, by `check-config` and by `run`, and nothing was made.
#[track_caller]
fn check(config: &str, parts: &[&str]) {
    let folder = Folder::with(config);
    for command in ["check-config", "run", "migrate"] {
        folder.run(&[command]).refused(CONFIG_CODE, parts);
    }
    assert!(!folder.data().exists(), "nothing is half done");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    check("bus: {knd: nats}", &["bus.knd: unknown key, did you mean `kind`?"]);
    check("servces: {}", &["servces: unknown key, did you mean `services`?"]);
    check("services: {gateway: {prot: 1}}", &["services.gateway.prot: unknown key, did you mean `port`?"]);
    check(
        "services: {catalog: {cycle_timers: {repo_watchr: 60}}}",
        &["services.catalog.cycle_timers.repo_watchr: unknown key, did you mean `repo_watcher`?"],
    );
    check("log: {xyzzy: 1}", &["log.xyzzy: unknown key", "`level`"]);
}

#[test]
fn a_value_of_another_type_is_named_with_what_is_right() {
    check(
        "services: {gateway: {port: http}}",
        &["services.gateway.port: expected a whole number from 0 to 65535, got `http`"],
    );
    check("admin: {port: 65536}", &["admin.port: expected a whole number from 0 to 65535, got `65536`"]);
    check("services: {gateway: []}", &["services.gateway: expected a mapping, got a list"]);
    check("accounts: 7", &["accounts: expected a list, got `7`"]);
    check("bus: {kind: kafka}", &["bus.kind: expected `local` or `nats`, got `kafka`"]);
    check("log: {format: xml}", &["log.format: expected `text` or `json`, got `xml`"]);
    check("database: {url: 'mysql://h/x'}", &["database.url: ", "expected `sqlite://path/to/file.db` or `postgres://"]);
    check("services: {gateway: {listen: localhost}}", &["services.gateway.listen: ", "localhost"]);
    check(
        "services: {catalog: {event_log: {notification: {enabled: maybe}}}}",
        &["services.catalog.event_log.notification.enabled: expected `true` or `false`, got `maybe`"],
    );
}

#[test]
fn a_bad_duration_is_named_with_what_is_right() {
    let expected = |got: &str| {
        format!(
            "services.catalog.cycle_timers.repo_watcher: expected seconds or a duration such as `30s`, from 1s to 7d, \
             got `{got}`"
        )
    };
    for bad in ["soon", "-5s", "0", "5 w", "8d", "1.5h"] {
        check(&format!("services: {{catalog: {{cycle_timers: {{repo_watcher: {bad}}}}}}}"), &[&expected(bad)]);
    }
}

#[test]
fn every_problem_is_told_at_once() {
    check(
        "bus: {kind: kafka}\nservices: {gateway: {port: http}, events_stor: {}}\nlog: {level: loud}",
        &[
            "bus.kind: expected",
            "services.gateway.port: expected",
            "services.events_stor: unknown key, did you mean `events_store`?",
            "log.level: expected",
        ],
    );
}

#[test]
fn a_file_that_is_no_configuration_is_named() {
    check("services: [", &["config.yaml: not YAML"]);
    check("- a\n- b", &["config.yaml: expected a YAML mapping"]);
    check("host_id: ${NO_SUCH_NAME}", &["host_id: the environment variable `NO_SUCH_NAME` is not set"]);
    let folder = Folder::with("");
    folder.run(&["--config", "other.yaml"]).refused(CONFIG_CODE, &["other.yaml: cannot be read"]);
}

#[test]
fn a_wrong_variable_is_named() {
    let folder = Folder::with("");
    let mut command = folder.command(&["check-config"]);
    command.env("ANCHORE_EVENTS__BUS__KIND", "kafka").env("ANCHORE_EVENTS__BUS__URLL", "x");
    let parts =
        ["bus.kind: expected `local` or `nats`, got `kafka` (set by ANCHORE_EVENTS__BUS__KIND)", "bus.urll: unknown"];
    run(&mut command, b"", SOON).refused(CONFIG_CODE, &parts);
}

#[test]
fn a_door_for_others_needs_accounts() {
    for service in ["gateway", "events_store"] {
        check(
            &format!("services: {{{service}: {{listen: 0.0.0.0}}}}"),
            &[&format!(
                "services.{service}.listen: `0.0.0.0` can be reached from other machines, which needs accounts"
            )],
        );
    }
    let folder = Folder::with("services: {gateway: {listen: '::'}}");
    let mut command = folder.command(&["check-config"]);
    command.env("ANCHORE_ADMIN_PASSWORD", "x");
    run(&mut command, b"", SOON).ok();
}

#[test]
fn an_account_without_a_password_is_refused_and_no_secret_is_shown() {
    check("accounts: [{name: ops, role: admin}]", &["accounts[0].password_env: missing, expected `password_env`"]);
    check("accounts: [{name: a b, password_env: X}]", &["accounts[0].name: `a b` is no account name"]);
    check(
        "accounts: [{name: ops, password_env: X}]",
        &["accounts[0].password_env: the environment variable `X` is not set"],
    );
    check(
        "accounts: [{name: ops, role: root, password_env: X}]",
        &["accounts[0].role: expected `admin` or `write` or `read`"],
    );
    let folder = Folder::with(
        "accounts: [{name: ops, role: admin, password_env: OPS}]\ndatabase: {url: 'postgres://u:hidden@h/x'}",
    );
    let mut command = folder.command(&["check-config"]);
    let shown = run(command.env("OPS", "also-hidden"), b"", SOON).ok();
    assert!(shown.contains("database.url: postgres://u:***@h/x"), "{shown}");
    assert!(!shown.contains("hidden"), "{shown}");
}

#[test]
fn a_service_that_there_is_not_is_a_usage_error() {
    let folder = Folder::with("");
    let parts = ["apiext", "catalog", "policy-engine", "analyzer", "events-store", "notifier", "gateway"];
    folder.run(&["run", "apiext"]).refused(USAGE_CODE, &parts);
    folder.run(&["health", "apiext"]).refused(USAGE_CODE, &parts);
    folder.run(&["start"]).refused(USAGE_CODE, &["start"]);
    assert!(!folder.data().exists());
}

#[test]
fn a_local_bus_refuses_an_emitter_without_the_store() {
    let output = Folder::with("").run(&["run", "catalog"]);
    assert_ne!(output.code, 0);
    assert!(output.stderr.contains("bus.kind: `local` reaches only services of the same process"), "{output:?}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let folder = Folder::with("");
    // As root nothing but a file in its way keeps a directory from being made.
    let output = folder.run(&["--data-dir", "/dev/null/data"]);
    output.refused(1, &["data_dir: `/dev/null/data` cannot be written", "--data-dir"]);
    assert!(Path::new("/dev/null").exists() && !folder.data().exists());
}
