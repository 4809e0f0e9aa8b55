//! Who may see and do what, at the public door.

use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, BOB, CAROL, Shape, Stack, User};

on_every_stack!(accounts_are_kept_apart);

fn note(text: &str) -> Value {
    json!({"type": "note", "level": "info", "message": text, "timestamp": "2018-06-30"})
}

fn accounts_are_kept_apart(shape: Shape) {
    let stack = Stack::start(shape);
    let (admin, alice) = (stack.client(ADMIN), stack.client(ALICE));
    let (bob, carol) = (stack.client(BOB), stack.client(CAROL));
    let id = alice.store(&[note("of alice")]).remove(0);
    assert_eq!(alice.records(&[])[0]["event"]["resource"]["user_id"], "alice");

    another_accounts_event_is_not_there(&stack, &id);

    // To read is all that Bob may do.
    assert_eq!(bob.run(&["event", "list"]).ok(), "\n");
    let read_only = "the account `bob` may only read, expected the role `write` or `admin`";
    let published = bob.run_with(&["event", "publish", "-"], note("of bob").to_string().as_bytes());
    published.refused(1, &[read_only, "published 0 events"]);
    bob.run(&["event", "delete", &id]).refused(1, &[read_only]);
    bob.run(&["event", "delete", "--dontask"]).refused(1, &[read_only]);
    assert_eq!(bob.run(&["event", "list"]).ok(), "\n");

    // Only an admin acts for others.
    let for_alice = |user: User| stack.client(user).run(&["--as-account", "alice", "event", "get", &id]);
    for_alice(CAROL).refused(1, &["the account `carol` may not act for `alice`, only an admin may", "HTTP Code: 403"]);
    for_alice(ALICE).ok();
    assert!(for_alice(ADMIN).ok().contains("message: of alice"));
    assert_eq!(admin.ids(&["--as-account", "alice"]), [id.as_str()]);
    let for_carol =
        admin.run_with(&["--as-account", "carol", "event", "publish", "-"], note("m").to_string().as_bytes());
    assert_eq!(for_carol.ok().lines().count(), 1);
    carol.store(&[note("of carol")]);
    assert_eq!(carol.ids(&[]).len(), 2);
    assert_eq!(admin.run(&["--as-account", "alice", "event", "delete", "--dontask"]).ok(), "Deleted 1 events\n");
    assert!(alice.ids(&[]).is_empty());
    assert_eq!(carol.ids(&[]).len(), 2, "the events of others stay");

    wrong_credentials_are_refused(&stack);
}

fn another_accounts_event_is_not_there(stack: &Stack, id: &str) {
    let not_found = "Error: Event not found\nHTTP Code: 404\n";
    for user in [CAROL, ADMIN] {
        let other = stack.client(user);
        assert_eq!(other.run(&["event", "list"]).ok(), "\n");
        other.run(&["event", "get", id]).refused(1, &[not_found]);
        other.run(&["event", "delete", id]).refused(1, &[not_found]);
        assert_eq!(other.run(&["event", "delete", "--dontask"]).ok(), "No matching events found\n");
    }
    // Nor is it anybody's to publish for another.
    let mut stolen = note("m");
    stolen["resource"] = json!({"user_id": "alice"});
    let published = stack.client(CAROL).run_with(&["event", "publish", "-"], stolen.to_string().as_bytes());
    published.refused(1, &["line 1: resource.", "the account `carol` may not act for `alice`", "published 0 events"]);
    assert_eq!(stack.client(ALICE).ids(&[]), [id]);
}

fn wrong_credentials_are_refused(stack: &Stack) {
    let url = stack.url();
    for user in [
        User { password: "not wonderland", ..ALICE },
        User { password: "not the password", ..ADMIN },
        User { name: "nobody", ..ADMIN },
    ] {
        let refusal = format!("Error: could not access anchore service (user={} url={url})\n", user.name);
        let client = stack.client(user);
        client.run(&["event", "list"]).refused(2, &[&refusal]);
        client.run(&["event", "get", "d77736ac78a043a9b84b3a1b8171aa44"]).refused(2, &[&refusal]);
        client.run(&["event", "delete", "--dontask"]).refused(2, &[&refusal]);
        client.run_with(&["event", "publish", "-"], note("m").to_string().as_bytes()).refused(2, &[&refusal]);
    }
}
