//! The OpenAPI document against what is answered: schemathesis makes up the requests.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{ADMIN, Python, Shape, Stack, run};

const SCHEMATHESIS: Python =
    Python { name: "schemathesis", packages: &["schemathesis==4.32.5"], without_dependencies: None };

/// Requests to each operation, beside those that it makes of the examples and the bounds. By hand: 1500.
const EXAMPLES: &str = "25";
const DEADLINE: Duration = Duration::from_mins(10);

#[test]
fn no_request_is_answered_otherwise_than_documented() {
    let stack = Stack::start(Shape::LocalTogether);
    let admin = stack.rest(ADMIN);
    let document = admin.get("/v1/openapi.json").expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in [
        ("/v1", &["get"][..]),
        ("/v1/events", &["get", "post", "delete"]),
        ("/v1/events/{id}", &["get", "delete"]),
        ("/v1/event_types", &["get"]),
        ("/health", &["get"]),
        ("/version", &["get"]),
    ] {
        let described = &document["paths"][path];
        assert!(methods.iter().all(|method| described[method]["operationId"].is_string()), "{path}: {described}");
    }

    let url = stack.url() + "/openapi.json";
    let report = stack.directory().join("schemathesis.json");
    let credentials = format!("{}:{}", ADMIN.name, ADMIN.password);
    let mut command = Command::new(SCHEMATHESIS.program("schemathesis"));
    command.args(["run", &url, "--auth", &credentials, "--max-examples", EXAMPLES, "--seed", "1"]);
    // A document cannot say that `since` is earlier than `before`, or which texts are dates: refusals of what it allows
    // are no findings. Nor is what it does not name and old servers read over, such as a parameter nobody knows.
    let no_findings = "positive_data_acceptance,negative_data_rejection";
    command.args(["--checks", "all", "--exclude-checks", no_findings, "--continue-on-failure"]);
    command.args(["--report", "json", "--report-json-path"]).arg(&report).current_dir(stack.directory());
    let output = run(&mut command, b"", DEADLINE);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let report = std::fs::read_to_string(report).unwrap_or_default();
    assert!(serde_json::from_str::<Value>(&report).is_ok(), "{report}");
    assert!(output.stdout.contains("passed"), "{}", output.stdout);
}
