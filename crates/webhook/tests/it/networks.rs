//! Which connections are made: to vetted addresses only, whatever a name means a moment later.

use std::net::IpAddr;
use std::sync::Arc;

use cause::CauseCode;
use event::SystemClock;
use fixtures::{Reaction, Receiver};
use webhook::{Outcome, Sender, Vetting};

use crate::example::{config, notification, vetting};
use crate::resolvers::Scripted;

async fn send(url: &str, vetting: Vetting) -> Outcome {
    let sender = Sender::new(config(url), vetting, Arc::new(SystemClock)).unwrap();
    sender.send(&notification()).await.outcome
}

fn at(address: &str) -> Receiver {
    Receiver::start_at(address.parse::<IpAddr>().unwrap(), None, |_| Reaction::status(200))
}

#[tokio::test]
async fn an_allowed_network_works_in_every_form() {
    let (four, six) = (at("127.0.0.1"), at("::1"));
    let allowed = |addresses| vetting("127.0.0.0/8, ::1").with_resolver(Scripted::new([addresses]));
    let (port, port6) = (four.address().port(), six.address().port());
    for (url, addresses) in [
        (format!("http://127.0.0.1:{port}/"), ""),
        (format!("http://hooks.example.com:{port}/"), "127.0.0.1"),
        (format!("http://hooks.example.com:{port}/"), "::ffff:127.0.0.1"),
        // The first one that answers.
        (format!("http://hooks.example.com:{port}/"), "127.0.0.9 127.0.0.1"),
        (format!("http://[::ffff:7f00:1]:{port}/"), ""),
        (format!("http://[::1]:{port6}/"), ""),
        (format!("http://hooks.example.com:{port6}/"), "::1"),
    ] {
        let outcome = send(&url, allowed(addresses)).await;
        assert!(outcome.is_delivered(), "{url} {addresses}: {outcome:?}");
    }
}

#[tokio::test]
async fn this_machines_own_names_are_resolved_and_vetted() {
    let receiver = at("127.0.0.1");
    let url = format!("http://localhost:{}/", receiver.address().port());
    assert!(send(&url, vetting("127.0.0.0/8 ::1")).await.is_delivered());
    let outcome = send(&url, vetting("10.0.0.0/8")).await;
    assert_eq!(outcome.cause().unwrap().code(), CauseCode::NotAllowed, "{outcome:?}");
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn only_the_named_networks_are_opened() {
    let receiver = at("127.0.0.1");
    let port = receiver.address().port();
    for allowed in ["", "10.0.0.0/8", "127.0.0.2", "127.0.0.0/32", "::1", "::/0", "128.0.0.0/1"] {
        let outcome = send(&format!("http://127.0.0.1:{port}/"), vetting(allowed)).await;
        let cause = outcome.cause().unwrap();
        assert_eq!(cause.code(), CauseCode::NotAllowed, "{allowed}: {cause:?}");
        assert_eq!(
            cause.summary(),
            "`127.0.0.1` is a loopback address, which means this host, to which nothing is sent unless \
             services.notifier.allow_private_networks holds it"
        );
        assert!(cause.hint().contains("name its network in services.notifier.allow_private_networks: `127.0.0.1`"));
    }
    assert_eq!(receiver.connections(), 0);
}

/// A name that means a permitted address when it is judged, and a forbidden one right after.
#[tokio::test]
async fn a_name_that_is_bound_anew_reaches_nothing() {
    let (permitted, forbidden) = (at("127.1.0.1"), at("127.0.0.1"));
    let resolver = Scripted::new(["127.1.0.1", "127.0.0.1"]);
    let vetting = || vetting("127.1.0.0/16").with_resolver(resolver.clone());
    let url = |receiver: &Receiver| format!("http://rebinding.example.com:{}/", receiver.address().port());

    // The port is that of the forbidden server: a client that looked the name up again to connect would get there.
    let outcome = send(&url(&forbidden), vetting()).await;
    assert_eq!(outcome.cause().unwrap().code(), CauseCode::Connect, "{outcome:?}");
    assert_eq!(resolver.asked().len(), 1, "one connection, one resolution");

    let outcome = send(&url(&forbidden), vetting()).await;
    assert_eq!(outcome.cause().unwrap().code(), CauseCode::NotAllowed, "{outcome:?}");
    assert_eq!((permitted.connections(), forbidden.connections()), (0, 0));
}

#[tokio::test]
async fn a_connection_that_is_kept_was_vetted_when_it_was_made() {
    let permitted = at("127.1.0.1");
    let resolver = Scripted::new(["127.1.0.1", "127.0.0.1"]);
    let url = format!("http://rebinding.example.com:{}/", permitted.address().port());
    let vetting = vetting("127.1.0.0/16").with_resolver(resolver.clone());
    let sender = Sender::new(config(&url), vetting, Arc::new(SystemClock)).unwrap();
    for _ in 0..3 {
        assert!(sender.send(&notification()).await.outcome.is_delivered());
    }
    assert_eq!((permitted.connections(), resolver.asked().len()), (1, 1));
    assert_eq!(permitted.requests()[0].header("host"), Some(&url[7..url.len() - 1]));
}

#[tokio::test]
async fn one_forbidden_address_refuses_them_all() {
    let (permitted, forbidden) = (at("127.1.0.1"), at("127.0.0.1"));
    for addresses in ["127.1.0.1 127.0.0.1", "127.0.0.1 127.1.0.1", "127.1.0.1 127.1.0.1 ::1"] {
        let vetting = vetting("127.1.0.0/16").with_resolver(Scripted::new([addresses]));
        let outcome = send(&format!("http://h.example.com:{}/", permitted.address().port()), vetting).await;
        assert_eq!(outcome.cause().unwrap().code(), CauseCode::NotAllowed, "{outcome:?}");
    }
    assert_eq!((permitted.connections(), forbidden.connections()), (0, 0));
}

#[tokio::test]
async fn a_name_without_addresses_is_dns() {
    for resolver in [Scripted::new([""]), Scripted::new([])] {
        let outcome = send("https://hooks.example.com/", vetting("").with_resolver(resolver)).await;
        let cause = outcome.cause().unwrap();
        assert_eq!((cause.code(), cause.retryable()), (CauseCode::Dns, true), "{cause:?}");
        assert_eq!(cause.summary(), "the name `hooks.example.com` cannot be resolved");
    }
}
