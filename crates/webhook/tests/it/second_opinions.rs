//! What others understand: a URL that is taken leads every program to the same place, and no address passes that another
//! list of special addresses holds.

use std::net::IpAddr;

use event::AccountName;
use fixtures::{NodePackages, PythonPackages};
use serde_json::{Value, json};
use webhook::{NotificationType, UrlTemplate};

use crate::example::vetting;
use crate::verifiers::{NODE, PYTHON, cache, script};

/// What hosts are made of, and what programs read differently in them.
const PARTS: &str = "a B x_y h.example 127.0.0.1 127 0x7f 017 1 . .. - @ : :80 %31 %2e %40 [ ] [::1] [::ffff:7f00:1] & ; ~ ' \
                     , ! * ( ) = + $ // / ? # \\ <userId>";
const PORTS: [&str; 9] = ["", "", ":80", ":443", ":8080", ":65535", ":", ":08", ":0"];
const TAILS: &str =
    "/ /a@b /a:b ?a@b #a@b /..// /;a /%2f@x /%00 /<userId>/<notification_type> ?u=<userId>&[x] /~' /?/x#b //x";

/// Every host of one to three parts, with ports and tails in turn.
fn urls() -> impl Iterator<Item = String> {
    let parts = || PARTS.split_whitespace().chain([""]);
    let hosts = parts().flat_map(move |a| parts().flat_map(move |b| parts().map(move |c| format!("{a}{b}{c}"))));
    let tails = TAILS.split_whitespace().cycle();
    hosts.zip(PORTS.into_iter().cycle()).zip(tails).enumerate().map(|(number, ((host, port), tail))| {
        let scheme = if number % 2 == 0 { "http" } else { "https" };
        format!("{scheme}://{host}{port}{tail}")
    })
}

/// What we would connect to, for every text that we take.
fn taken() -> Vec<Value> {
    let account: AccountName = "a.b-c+d@e".parse().unwrap();
    let place = |text: String| {
        let template: UrlTemplate = text.parse().ok()?;
        let url = template.expand(&account, NotificationType::EventLog).unwrap();
        let host = url.host_str().unwrap().trim_matches(['[', ']']);
        let text = text.replace("<userId>", account.as_str()).replace("<notification_type>", "event_log");
        Some(json!({ "url": text, "host": host, "port": url.port_or_known_default() }))
    };
    urls().filter_map(place).collect()
}

#[test]
fn a_url_that_is_taken_leads_everybody_to_the_same_place() {
    let taken = taken();
    assert!(taken.len() >= 2000 && taken.len() < urls().count() / 2, "{}", taken.len());
    let input = Value::from(taken).to_string();
    assert_eq!(PythonPackages::install(cache(), &PYTHON).run(&script("urls.py"), &input), "");
    assert_eq!(NodePackages::install(cache(), &NODE).run(&script("urls.js"), &input), "");
}

/// Both ends of every network that is special anywhere, and what lies about.
fn addresses() -> Vec<String> {
    let four = product(&[
        "0 1 9 10 11 100 126 127 128 168 169 172 191 192 198 203 223 224 239 240 255",
        ".0 .1 .15 .16 .18 .19 .20 .31 .32 .51 .52 .63 .64 .88 .127 .128 .167 .168 .169 .175 .253 .254 .255",
        ".0 .1 .2 .99 .100 .113 .129 .169 .255",
        ".0 .1 .16 .170 .254 .255",
    ]);
    let six = product(&[
        "0 64 100 101 1fff 2000 2001 2002 2003 2606 2620 3ffe 3fff 4000 5f00 fc00 fd00 fe80 febf fec0 ff02",
        ":0 :1 :2 :3 :4 :10 :20 :30 :1ff :200 :db8 :db9 :fff :1000 :7f00 :ff9b",
        ":0:: :1:: :2:: :112:: :7f00::",
        "0 1 5efe:7f00:1 ffff:7f00:1 7f00:1 808:808",
    ]);
    // IPv4 addresses in every form that IPv6 has for them.
    let inside = product(&[
        "::ffff: 64:ff9b:: 64:ff9b:1:: :: ::ffff:0: 2002: 2001:0:",
        "7f00:1 a00:1 a9fe:a9fe c0a8:101 e000:1 ffff:ffff 0:0 808:808",
        " ::1",
    ]);
    let inside = inside.into_iter().filter(|text| text.parse::<IpAddr>().is_ok());
    four.into_iter().chain(six).chain(inside).collect()
}

fn product(parts: &[&str]) -> Vec<String> {
    let together = |texts: Vec<String>, parts: &&str| {
        texts.iter().flat_map(|text| parts.split(' ').map(move |part| format!("{text}{part}"))).collect()
    };
    parts.iter().fold(vec![String::new()], together)
}

#[test]
fn no_address_passes_that_another_list_holds() {
    let addresses = addresses();
    let special = PythonPackages::install(cache(), &PYTHON).run(&script("addresses.py"), &json!(addresses).to_string());
    let special: Vec<String> = serde_json::from_str(&special).unwrap();
    assert!(special.len() >= 5000 && special.len() < addresses.len() - 5000, "{}", special.len());
    let vetting = vetting("");
    let passes = |text: &&String| vetting.check_address("h", text.parse::<IpAddr>().unwrap()).is_ok();
    let wrong: Vec<&String> = special.iter().filter(passes).collect();
    assert!(wrong.is_empty(), "{} pass: {wrong:?}", wrong.len());
}
