//! `anchorecli` as PyPI has it, unmodified: every event command and option of both eras; and ours beside it.
//!
//! Their packages ask for a PyYAML that no longer builds, so what they need is installed apart (contract 4.7).

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{
    ADMIN, ALICE, BOB, CAROL, Client, DEADLINE, Output, Python, Shape, Stack, User, event, id_of, run,
};

// Their programs take long to start; the other shapes differ in nothing that they see.
on_every_stack!(@shape local LocalTogether the_last_client_works the_last_client_with_the_old_columns_works
    ours_prints_what_theirs_print);
on_every_stack!(@shape nats NatsApart the_last_client_works the_last_client_with_the_old_columns_works
    ours_prints_what_theirs_print);

/// The newest one there is.
const NEW: Python = Python {
    name: "anchorecli-0.9.3",
    packages: &[
        "setuptools==80.9.0",
        "wheel==0.45.1",
        "click==8.0.1",
        "prettytable==2.2.0",
        "python-dateutil==2.8.2",
        "PyYAML==6.0.4",
        "requests==2.26.0",
        "six==1.16.0",
        "urllib3==1.26.6",
    ],
    without_dependencies: Some("anchorecli==0.9.3"),
};

/// The last one with the columns of the product page.
const OLD: Python = Python {
    name: "anchorecli-0.5.2",
    packages: &[
        "setuptools==80.9.0",
        "wheel==0.45.1",
        "certifi==2018.10.15",
        "click==7.0",
        "prettytable==0.7.2",
        "python-dateutil==2.7.3",
        "PyYAML==6.0.4",
        "requests==2.20.0",
        "six==1.11.0",
        "urllib3==1.24.2",
    ],
    without_dependencies: Some("anchorecli==0.5.2"),
};

const NEW_COLUMNS: &str = "Timestamp Level Event Resource ID";
const OLD_COLUMNS: &str = "Timestamp Level Service Host Event ID";
const FULL_COLUMNS: &str = "Timestamp Level Event ResourceType Resource Service Host ID";

/// One of their programs, run by a user of the stack.
struct Theirs {
    program: PathBuf,
    home: PathBuf,
    url: String,
    user: User,
}

impl Theirs {
    fn new(python: &Python, stack: &Stack, user: User) -> Self {
        let (home, url) = (stack.directory().to_owned(), stack.url());
        Self { program: python.program("anchore-cli"), home, url, user }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("HOME", &self.home).current_dir(&self.home);
        // Click wants to know how text is encoded.
        command.env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin");
        command.env("ANCHORE_CLI_URL", &self.url);
        command.env("ANCHORE_CLI_USER", self.user.name).env("ANCHORE_CLI_PASS", self.user.password);
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments), b"", DEADLINE)
    }

    #[track_caller]
    fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        run(&mut self.command(arguments), input.as_bytes(), DEADLINE)
    }

    /// The numbers of the events that are listed.
    #[track_caller]
    fn list(&self, arguments: &[&str]) -> Vec<u64> {
        let listed = self.run(&[&["event", "list"], arguments].concat()).ok();
        let ids = listed.lines().skip(1).filter_map(|line| line.split_whitespace().last());
        ids.map(|id| u64::from_str_radix(id, 16).expect("an id of our own making")).collect()
    }
}

fn header(listed: &str) -> String {
    listed.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Event 1 to 12, one a second; every third is an INFO of the policy engine about feeds.
fn events() -> Vec<Value> {
    let one = |number: u64| {
        let mut one = event(number);
        if number.is_multiple_of(3) {
            let inner = &mut one["event"];
            inner["level"] = json!("INFO");
            inner["type"] = json!("feed_sync_start");
            inner["resource"] = json!({"user_id": "admin", "type": "feeds", "id": null});
            inner["source"] = json!({"servicename": "policy_engine", "hostid": "another"});
        }
        one
    };
    (1..=12).map(one).collect()
}

fn the_last_client_works(shape: Shape) {
    let stack = Stack::start(shape);
    let theirs = Theirs::new(&NEW, &stack, ADMIN);
    assert_eq!(theirs.run(&["event", "list"]).ok(), "\n");
    stack.rest(ADMIN).store(&events());
    lists(&theirs);
    assert_eq!(header(&theirs.run(&["event", "list"]).ok()), NEW_COLUMNS);
    let full = theirs.run(&["event", "list", "--full", "--level", "info"]).ok();
    assert_eq!(header(&full), FULL_COLUMNS);
    assert!(full.contains("feed_sync_start        feeds               None            policy_engine        another"));
    assert_eq!(theirs.list(&["--event_type", "feed_sync_start"]), [12, 9, 6, 3]);
    assert_eq!(theirs.list(&["--event_type", "system.feeds.*"]), [12, 9, 6, 3]);
    assert_eq!(theirs.list(&["--event_type", "*.list_tags_fail", "docker.io/team/app-1"]), [11, 1]);
    assert_eq!(theirs.list(&["--resource_type", "repository", "--before", "2018-06-30T03:56:04Z"]), [2, 1]);
    let bad_type = theirs.run(&["event", "list", "--event_type", "a%b"]);
    bad_type.refused(1, &["`a%b` is no event type pattern"]);
    with_other_settings(&stack, &theirs);
    gets(&theirs);
    deletes(&stack, &theirs);
    refusals(&stack, &NEW);
}

fn the_last_client_with_the_old_columns_works(shape: Shape) {
    let stack = Stack::start(shape);
    let theirs = Theirs::new(&OLD, &stack, ADMIN);
    assert_eq!(theirs.run(&["event", "list"]).ok(), "\n");
    stack.rest(ADMIN).store(&events());
    lists(&theirs);
    assert_eq!(header(&theirs.run(&["event", "list"]).ok()), OLD_COLUMNS);
    gets(&theirs);
    deletes(&stack, &theirs);
    refusals(&stack, &OLD);
}

/// The options that both have.
fn lists(theirs: &Theirs) {
    assert_eq!(theirs.list(&[]), (1..=12).rev().collect::<Vec<_>>());
    for level in ["error", "ERROR", "Error"] {
        assert_eq!(theirs.list(&["--level", level]), [11, 10, 8, 7, 5, 4, 2, 1]);
    }
    assert_eq!(theirs.list(&["--level", "info"]), [12, 9, 6, 3]);
    let warn = "Error: warn is an invalid value for --level. Supported values are 'info' or 'error'\n";
    theirs.run(&["event", "list", "--level", "warn"]).refused(2, &[warn]);
    assert_eq!(theirs.list(&["--service", "policy_engine"]), [12, 9, 6, 3]);
    assert_eq!(theirs.list(&["--host", "acceptance", "--since", "2018-06-30T03:56:08.000009Z"]), [11, 10]);
    assert_eq!(theirs.list(&["--since", "2018-06-30 03:56:10.5", "--before", "2018-07-01"]), [12, 11]);
    assert_eq!(theirs.list(&["--since", "2018-06-30T05:56:10.5+02:00"]), [12, 11]);
    assert_eq!(theirs.list(&["docker.io/team/app-2"]), [2]);
    assert_eq!(theirs.run(&["event", "list", "docker.io/team"]).ok(), "\n");
    assert_eq!(theirs.list(&["--all"]).len(), 12);
    let page: Value = serde_json::from_str(&theirs.run(&["--json", "event", "list", "--all"]).ok()).expect("JSON");
    let numbers = (&page["item_count"], &page["next_page"], &page["page"]);
    assert_eq!(numbers, (&json!(12), &json!(false), &json!(1)));
    assert_eq!(page["results"][11]["event"], event(1)["event"]);
    let date = "Error: Invalid value for since query parameter, must be valid datetime string\nHTTP Code: 400\n";
    theirs.run(&["event", "list", "--since", "yesterday"]).refused(1, &[date]);
}

fn with_other_settings(stack: &Stack, theirs: &Theirs) {
    let (alice, file) = (stack.rest(ALICE), stack.directory().join("credentials.yaml"));
    alice.post(&json!({"type": "t", "level": "info", "message": "m", "timestamp": "2018-06-30"})).expect(200);
    assert_eq!(theirs.run(&["--as-account", "alice", "event", "list"]).ok().lines().count(), 2);
    // From 0.8.0 on the file goes before the environment.
    let lines = format!("default:\n  ANCHORE_CLI_USER: {}\n  ANCHORE_CLI_PASS: {}\n", ALICE.name, ALICE.password);
    std::fs::write(&file, lines).expect("a file of our own");
    let mut command = theirs.command(&["event", "list"]);
    command.env("ANCHORE_CLI_CONFIG", &file);
    assert_eq!(run(&mut command, b"", DEADLINE).ok().lines().count(), 2);
    let url = stack.url() + "/";
    let flags = ["--u", ADMIN.name, "--p", ADMIN.password, "--url", &url, "--insecure", "event", "list"];
    assert_eq!(theirs.run(&flags).ok().lines().count(), 13);
}

fn gets(theirs: &Theirs) {
    let yaml = theirs.run(&["event", "get", &id_of(3)]).ok();
    for line in ["level: INFO", "type: feed_sync_start", "  user_id: admin", "timestamp: '2018-06-30T03:56:03.000004Z'"]
    {
        assert!(yaml.lines().any(|printed| printed == line), "{line}: {yaml}");
    }
    assert!(yaml.ends_with("\n\n"), "{yaml}");
    let record: Value = serde_json::from_str(&theirs.run(&["--json", "event", "get", &id_of(1)]).ok()).expect("JSON");
    assert_eq!(record["event"], event(1)["event"]);
    let not_found = "Error: Event not found\nHTTP Code: 404\nDetail: {'error_codes': []}\n";
    theirs.run(&["event", "get", "7"]).refused(1, &[not_found]);
}

fn refusals(stack: &Stack, python: &Python) {
    for user in [User { password: "wrong", ..ADMIN }, User { name: "nobody", ..ADMIN }] {
        let no_access = format!("Error: could not access anchore service (user={} url={})\n", user.name, stack.url());
        Theirs::new(python, stack, user).run(&["event", "list"]).refused(2, &[&no_access]);
    }
    let bob = Theirs::new(python, stack, BOB);
    let for_alice = "Error: the account `bob` may not act for `alice`, only an admin may\nHTTP Code: 403\n";
    bob.run(&["--as-account", "alice", "event", "list"]).refused(1, &[for_alice]);
    let read_only = "may only read, expected the role `write` or `admin`\nHTTP Code: 403\n";
    bob.run(&["event", "delete", "--all", "--dontask"]).refused(1, &[read_only]);
    let carol = Theirs::new(python, stack, CAROL);
    assert_eq!(carol.run(&["event", "list"]).ok(), "\n");
}

fn deletes(stack: &Stack, theirs: &Theirs) {
    let must = "Must include either an event_id, --all, --since, or --before";
    theirs.run(&["event", "delete"]).refused(2, &[must]);
    theirs.run(&["event", "delete", "--dontask"]).refused(2, &[must]);
    // They print nothing, whatever the answer was.
    assert_eq!(theirs.run(&["event", "delete", &id_of(1)]).ok(), "");
    assert_eq!(theirs.run(&["event", "delete", &id_of(1)]).ok(), "");
    assert_eq!(theirs.list(&[]).len(), 11);
    let bounds = ["event", "delete", "--since", "2018-06-30T03:56:03Z", "--before", "2018-06-30 03:56:06"];
    assert_eq!(theirs.run(&bounds).ok(), "Deleted 3 events\n");
    assert_eq!(theirs.run(&bounds).ok(), "No matching events found\n");
    assert_eq!(theirs.run(&["event", "delete", "--before", "2018-06-30T03:56:03Z"]).ok(), "Deleted 1 events\n");
    let question = "Really delete (clear) all events? (y/N)";
    for answer in ["n\n", "", "yes\n"] {
        assert_eq!(theirs.run_with(&["event", "delete", "--all"], answer).ok(), question);
    }
    assert_eq!(theirs.list(&["--all"]).len(), 7);
    let ids = theirs.run(&["--json", "event", "delete", "--since", "2018-06-30T03:56:12Z"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&ids).expect("JSON"), json!([id_of(12)]));
    let deleted = theirs.run_with(&["event", "delete", "--all"], "Y\n").ok();
    assert_eq!(deleted, format!("{question}Deleted 6 events\n"));

    // More than a page: every one of them, once, while others arrive.
    let rest = stack.rest(ADMIN);
    rest.store(&(100..450).map(event).collect::<Vec<_>>());
    let mut all = theirs.list(&["--all"]);
    all.sort_unstable();
    assert_eq!(all, (100..450).collect::<Vec<_>>());
    assert_eq!(theirs.list(&[]).len(), 100);
    assert_eq!(theirs.run(&["event", "delete", "--all", "--dontask"]).ok(), "Deleted 350 events\n");
    assert_eq!(theirs.run(&["event", "list", "--all"]).ok(), "\n");
}

/// Where theirs are right, ours prints the same, to the byte.
fn ours_prints_what_theirs_print(shape: Shape) {
    let stack = Stack::start(shape);
    stack.rest(ADMIN).store(&events().into_iter().chain((13..=130).map(event)).collect::<Vec<_>>());
    let ours: Client = stack.client(ADMIN);
    let (new, old) = (Theirs::new(&NEW, &stack, ADMIN), Theirs::new(&OLD, &stack, ADMIN));
    let (one, several) = (id_of(7), ["event", "list", "--service", "catalog", "--before", "2018-06-30T03:56:05Z"]);
    let same = |theirs: &[&Theirs], arguments: &[&str]| {
        let printed = ours.run(arguments);
        for client in theirs {
            let theirs = client.run(arguments);
            assert_eq!((printed.code, &printed.stdout), (theirs.code, &theirs.stdout), "{arguments:?}");
        }
    };
    same(&[&old], &["event", "list"]);
    same(&[&old], &["event", "list", "--all"]);
    same(&[&old], &several);
    same(&[&new], &[&several[..], &["--full"]].concat());
    for arguments in [
        &["event", "list", "--host", "nowhere"][..],
        &["event", "list", "--level", "warn"],
        &["--json", "event", "list", "--level", "warn"],
        &["--json", "event", "list"],
        &["--json", "event", "list", "--all"],
        &["--json", "event", "list", "--level", "info", "docker.io/team/app-1"],
        &["--json", "event", "get", &one],
        &["event", "delete", "--before", "2017-01-01"],
        &["--json", "event", "delete", "--before", "2017-01-01"],
    ] {
        same(&[&new, &old], arguments);
    }
    // Theirs also print `request_id` where it is null; the page does not.
    same(&[&new, &old], &["event", "get", &one]);
    let theirs = new.run(&["event", "get", &id_of(150)]);
    assert_eq!((ours.run(&["event", "get", &id_of(150)]).code, theirs.code), (1, 1));
}
