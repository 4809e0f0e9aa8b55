//! Failed log-ins: limited, and told of.

use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, BOB, CAROL, DEADLINE, Shape, Stack, User, eventually, holds};

on_every_stack!(failed_log_ins_are_limited_and_reported);

/// One of these is refused, however slow the machine is.
const GUESSES_MAX: u32 = 60;

fn failed_log_ins_are_limited_and_reported(shape: Shape) {
    let stack = Stack::start(shape);
    for user in [ALICE, User { name: "nobody", ..ALICE }] {
        let wrong = stack.rest(User { password: "a wrong one", ..user });
        // A hash takes its time, in which more are borne.
        let mut borne = 0;
        let answers = (0..GUESSES_MAX).map(|_| wrong.get("/v1"));
        let mut answers = answers.inspect(|answer| borne += u32::from(answer.status == 401));
        let refused = answers.find(|answer| answer.status != 401).expect("one is refused");
        assert!(borne >= 10, "{borne}");
        let object = refused.expect(429);
        assert!(object["message"].as_str().is_some_and(|text| text.starts_with("too many failed log-ins")), "{object}");
        let wait: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((1..=10).contains(&wait), "{wait}");
    }
    // Others from the same address go on.
    for user in [ADMIN, BOB, CAROL] {
        assert_eq!(stack.rest(user).get("/v1").status, 200, "{user:?}");
    }
    let admin = stack.rest(ADMIN);
    let reported = eventually(DEADLINE, || {
        let page = admin.get("/v1/events?event_type=login_fail").expect(200);
        holds(page["item_count"] == 1, || page.to_string())?;
        Ok(page["results"][0]["event"].clone())
    });
    assert_eq!((&reported["level"], &reported["resource"]["user_id"]), (&json!("ERROR"), &json!("admin")));
    let details = &reported["details"];
    assert_eq!(details["cause"]["code"], "auth");
    assert_eq!(details["client"].as_str().map(|client| client.starts_with("127.0.0.1")), Some(true), "{details}");
    assert_eq!(details["users"], json!(["alice"]));
    assert!(details["failures"].as_u64().is_some_and(|failures| failures >= 1), "{details}");
    assert!(details["unknown_users"].is_u64() && details["since"].is_string(), "{details}");
    let text = reported.to_string();
    assert!(!text.contains("a wrong one") && !text.contains("nobody"), "{text}");
    assert!(admin.get("/v1/events").expect(200)["results"].as_array().is_some_and(|all| all.iter().all(is_report)));
}

fn is_report(record: &Value) -> bool {
    record["event"]["type"] == "login_fail"
}
