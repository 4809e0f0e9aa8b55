//! Where no webhook may go: `hostile_targets.txt`.

use std::sync::Arc;

use cause::CauseCode;
use event::SystemClock;
use fixtures::Receiver;
use webhook::{NETWORKS_SETTING, Outcome, Sender, SenderConfig, UrlTemplate};

use crate::example::{notification, vetting};
use crate::resolvers::Scripted;

const TARGETS: &str = include_str!("hostile_targets.txt");
const TARGETS_MIN: usize = 250;

/// A URL, the addresses of its name, and a part of what the refusal says.
struct Target {
    url: String,
    addresses: &'static str,
    refusal: &'static str,
}

fn targets(port: u16) -> Vec<Target> {
    let mut refusal = "";
    let mut targets = Vec::new();
    for line in TARGETS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(group) = line.strip_prefix("= ") {
            refusal = group;
        } else {
            let (url, addresses) = line.split_once(" -> ").unwrap_or((line, ""));
            targets.push(Target { url: unescaped(url).replace("PORT", &port.to_string()), addresses, refusal });
        }
    }
    targets
}

fn unescaped(text: &str) -> String {
    let mut unescaped = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        unescaped.push_str(before);
        let (character, length) = match after.as_bytes()[0] {
            b't' => ('\t', 1),
            b'r' => ('\r', 1),
            b'n' => ('\n', 1),
            b's' => (' ', 1),
            b'0' => ('\0', 1),
            b'\\' => ('\\', 1),
            _ => {
                let (digits, _) = after.strip_prefix("u{").unwrap().split_once('}').unwrap();
                (char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap(), digits.len() + 3)
            }
        };
        unescaped.push(character);
        rest = &after[length..];
    }
    unescaped + rest
}

/// What is said instead of sending anything; or, as an error, what went wrong.
async fn refusal_of(target: &Target) -> Result<String, String> {
    let template: UrlTemplate = match target.url.parse() {
        Ok(template) => template,
        Err(error) => return Ok(error.to_string()),
    };
    let vetting = vetting("").with_resolver(Scripted::new([target.addresses]));
    let is_told_by_the_url = template.check(&vetting).is_err();
    let sender = Sender::new(SenderConfig::new(template), vetting, Arc::new(SystemClock)).unwrap();
    let outcome = sender.send(&notification()).await.outcome;
    let Outcome::NotAnswered(cause) = outcome else { return Err(format!("{outcome:?}")) };
    let is_explained = cause.code() == CauseCode::NotAllowed && cause.hint().contains(NETWORKS_SETTING);
    if !is_explained || cause.retryable() {
        return Err(format!("{cause:?}"));
    }
    if target.addresses.is_empty() != is_told_by_the_url {
        return Err("the check of the configuration says otherwise".to_owned());
    }
    Ok(cause.summary())
}

#[tokio::test]
async fn no_hostile_target_is_reached() {
    let server = Receiver::always(200);
    let targets = targets(server.address().port());
    assert!(targets.len() >= TARGETS_MIN, "{} targets", targets.len());
    let mut wrong = Vec::new();
    for target in &targets {
        let refusal = refusal_of(target).await;
        if !refusal.as_ref().is_ok_and(|refusal| refusal.contains(target.refusal)) {
            wrong.push(format!("{:?} -> {}: {refusal:?}, expected {:?}", target.url, target.addresses, target.refusal));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), targets.len());
    assert_eq!(server.connections(), 0);
}

/// Or the test above would show nothing. Left out is what is here only where a gateway translates.
#[tokio::test]
async fn the_targets_on_this_machine_are_real() {
    let server = Receiver::always(200);
    let mut reached = 0;
    for target in targets(server.address().port()) {
        let is_here = ["a loopback address", "the unspecified address"].contains(&target.refusal);
        let Ok(template) = target.url.parse::<UrlTemplate>() else { continue };
        if is_here && target.url.starts_with("http:") {
            let vetting = vetting("0.0.0.0/0 ::/0").with_resolver(Scripted::new([target.addresses]));
            let sender = Sender::new(SenderConfig::new(template), vetting, Arc::new(SystemClock)).unwrap();
            reached += usize::from(sender.send(&notification()).await.outcome.is_delivered());
        }
    }
    assert!(reached >= 12, "{reached}");
    assert_eq!(server.requests().len(), reached);
}
