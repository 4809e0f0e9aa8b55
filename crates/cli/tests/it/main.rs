//! The built program, where it needs no server.

use std::net::TcpListener;
use std::process::{Command, Output};

fn cli(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchore-cli"));
    // Nothing of the machine's own settings.
    command.args(arguments).env_clear().env("HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("ANCHORE_CLI_USER", "admin").env("ANCHORE_CLI_PASS", "foobar");
    command
}

fn run(arguments: &[&str]) -> Output {
    cli(arguments).output().expect("the program starts")
}

fn check(arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    let output = run(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    assert!(out.contains(stdout) && stdout.is_empty() == out.is_empty(), "{arguments:?}: {out}");
    assert!(err.contains(stderr) && stderr.is_empty() == err.is_empty(), "{arguments:?}: {err}");
}

/// A port of this machine on which nothing listens any more.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}

#[test]
fn an_unreachable_server_is_code_2_with_its_cause() {
    let url = format!("http://127.0.0.1:{}/v1", closed_port());
    let first = format!("Error: could not access anchore service (user=admin url={url})\nconnection refused: nothing");
    check(&["--url", &url, "event", "list"], 2, &first, "");
    check(&["--url", &url, "event", "get", "d77736ac78a043a9b84b3a1b8171aa44"], 2, &first, "");
    check(&["--url", &url, "event", "delete", "--dontask"], 2, &first, "");
    check(&["--url", &url, "event", "publish", "/dev/null"], 2, "", &first);
    check(&["--url", &url, "-o", "csv", "event", "list"], 2, "", &first);
    let object = "{\n    \"detail\": {\n        \"cause\": \"connection refused";
    check(&["--url", &url, "--json", "event", "list"], 2, object, "");
}

#[test]
fn a_server_without_tls_is_told_from_one_that_is_absent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let answering = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Read to the end, so that closing does not reset the connection before the answer is read.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    check(&["--url", &url, "--insecure", "event", "list"], 2, "does not speak TLS", "");
    answering.join().unwrap();
}

#[test]
fn wrong_arguments_are_code_2() {
    let level = "Error: warn is an invalid value for --level. Supported values are 'info' or 'error'\n";
    check(&["event", "list", "--level", "warn"], 2, level, "");
    check(&["event", "list", "--since", "yesterday"], 2, "Error: --since: `yesterday` is no time", "");
    check(&["event", "list", "--colour"], 2, "", "unexpected argument '--colour'");
    check(&["--url", "localhost", "event", "list"], 2, "Error: --url: `localhost` ", "");
    check(&["--json", "-o", "csv", "event", "list"], 2, "", "Error: --json and --output");
    check(&["event", "delete", "--before", ""], 2, "Error: --before: the value is empty", "");
    check(
        &["event", "delete", "-o", "csv", "--dontask"],
        2,
        "",
        "Error: --output: there is no such form of a list of ids",
    );
    check(&["event", "publish", "/nonexistent"], 2, "", "Error: the file `/nonexistent` cannot be read");
    check(&["--config", "/nonexistent", "event", "list"], 2, "Error: the credentials file `/nonexistent`", "");
}

#[test]
fn missing_credentials_are_code_2_and_say_how_to_give_them() {
    let output = cli(&["event", "list"]).env_remove("ANCHORE_CLI_USER").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Error: no user is given: use --u USER and --p PASSWORD"), "{text}");
}

#[test]
fn help_carries_the_words_of_the_product_page() {
    for words in ["Delete one or more events", "Get an event", "List events"] {
        check(&["event", "--help"], 0, words, "");
    }
    let output = String::from_utf8(run(&["event", "list", "--help"]).stdout).unwrap();
    let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Value can be a tag, image digest or repository name. Displays results related to the specific resource",
        "ISO8601 formatted UTC timestamp to filter events that occurred after the timestamp",
        "ISO8601 formatted UTC timestamp to filter events that occurred before the timestamp",
        "Filter results based on the level, supported levels are info and error",
        "Filter events based on the originating service",
        "Filter events based on the originating host",
        "Display all results. If not specified only the first 100 events are displayed",
    ] {
        assert!(output.contains(words), "{words}: {output}");
    }
    check(&["--version"], 0, concat!("anchore-cli ", env!("CARGO_PKG_VERSION")), "");
    check(&["help"], 0, "Usage: anchore-cli", "");
    check(&["-h"], 0, "Usage: anchore-cli", "");
}

#[test]
fn completions_need_no_settings() {
    for (shell, expected) in
        [("bash", "complete -F _anchore"), ("zsh", "#compdef anchore-cli"), ("fish", "complete -c anchore-cli")]
    {
        check(&["completions", shell], 0, expected, "");
    }
}
