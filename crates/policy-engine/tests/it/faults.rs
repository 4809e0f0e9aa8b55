//! Everything that can be wrong with a feed: each is one event about its group, says why and what to do, and is shown in
//! `golden/faults.yaml` as an operator sees it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use event::Event;
use fixtures::{Authority, Identity};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::documents::{gzip, large_secdb, osv_record, secdb, tracker};
use crate::engine::{Engine, Settings, details};
use crate::feed_server::{FeedServer, Reaction, answer, ok};
use crate::zip::zip;

const GOLDEN: &str = include_str!("golden/faults.yaml");
/// Set, the golden file is written anew.
const UPDATE_VARIABLE: &str = "UPDATE_GOLDEN";

/// Longest silence, and longest stretch of a slow download.
const SILENCE: Duration = Duration::from_millis(600);
const DOWNLOAD: Duration = Duration::from_secs(12);
const RATE: outbound::RateMin = outbound::RateMin { bytes_per_second: 1000, stretch: Duration::from_millis(500) };
const DOWNLOAD_BYTES_MAX: u64 = 20 << 20;
const RECORDS_MAX: u64 = 2000;
const PASSWORD: &str = "feed-password";

/// A server with one fault, and the feed that meets it.
struct Fault {
    /// Of the feed.
    name: &'static str,
    code: &'static str,
    /// The entry of the feed but for its name.
    entry: String,
    /// Lives as long as the fault is looked at.
    _server: Option<FeedServer>,
}

impl Fault {
    fn new(name: &'static str, code: &'static str, entry: String, server: Option<FeedServer>) -> Self {
        Self { name, code, entry, _server: server }
    }

    /// Of a secdb.
    async fn alpine(
        name: &'static str,
        code: &'static str,
        behaviour: impl Fn(&str) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let server = FeedServer::plain(behaviour).await;
        let entry = format!("kind: alpine_secdb, url: '{}', groups: [v3.20/main]", server.url());
        Self::new(name, code, entry, Some(server))
    }

    /// Of the archive of an ecosystem.
    async fn osv(name: &'static str, code: &'static str, archive: Vec<u8>) -> Self {
        let server = FeedServer::plain(move |_| ok(&archive)).await;
        let entry = format!("kind: osv, url: '{}', groups: [npm]", server.url());
        Self::new(name, code, entry, Some(server))
    }

    /// Of a secure connection.
    async fn tls(name: &'static str, identity: Identity, ca_file: Option<&Path>) -> Self {
        let server = FeedServer::tls(&identity, |_| ok(secdb(&[("a", "CVE-1")]))).await;
        let ca_file = ca_file.map_or(String::new(), |file| format!(", ca_file: '{}'", file.display()));
        let entry = format!("kind: alpine_secdb, url: '{}', groups: [v3.20/main]{ca_file}", server.https_url());
        Self::new(name, "tls", entry, Some(server))
    }
}

fn small() -> String {
    secdb(&[("a", "CVE-1"), ("b", "CVE-2")])
}

async fn connections() -> Vec<Fault> {
    // Nobody listens there, and no other test gets the port as long as this process lives.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    std::mem::forget(socket);
    let alpine = |url: &str| format!("kind: alpine_secdb, url: '{url}', groups: [v3.20/main]");
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"packages\": [";
    vec![
        Fault::new("name_unknown", "dns", alpine("https://feeds.invalid"), None),
        Fault::new("connection_refused", "connect", alpine(&format!("http://{closed}")), None),
        Fault::alpine("closed_without_answer", "connect", |_| Reaction::Close).await,
        Fault::alpine("closed_in_the_middle", "connect", move |_| Reaction::Send(begun.into())).await,
        Fault::alpine("reset_in_the_middle", "connect", move |_| Reaction::SendAndReset(begun.into())).await,
        Fault::alpine("no_answer", "timeout", |_| Reaction::Hang).await,
        Fault::alpine("stalled_in_the_middle", "timeout", move |_| Reaction::SendAndHang(begun.into())).await,
        Fault::alpine("slow_drip", "timeout", |_| Reaction::Drip { bytes: 1, pause: Duration::from_millis(50) }).await,
        Fault::alpine("never_done", "timeout", |_| Reaction::Drip { bytes: 2000, pause: Duration::from_millis(50) })
            .await,
        Fault::alpine("no_http", "parse", |_| Reaction::Send("SSH-2.0-OpenSSH_9.2p1\r\n".into())).await,
        Fault::alpine("endless_head", "too_large", |_| {
            Reaction::Send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)).into())
        })
        .await,
    ]
}

async fn secure_connections(authority: &Authority) -> Vec<Fault> {
    let trusted = Some(authority.file.path());
    let plain = FeedServer::plain(|_| Reaction::Send("garbage garbage".into())).await;
    let tls_at_plain = FeedServer::tls(&authority.issue("127.0.0.1"), |_| ok("")).await;
    let to_plain = FeedServer::tls(&authority.issue("127.0.0.1"), |_| {
        answer("302 Found", &["Location: http://127.0.0.1:9/v3.20/main.json"], "")
    })
    .await;
    let alpine = |url: String| format!("kind: alpine_secdb, url: '{url}', groups: [v3.20/main]");
    let ca_file = format!(", ca_file: '{}'", authority.file.path().display());
    vec![
        Fault::tls("certificate_expired", authority.issue_until("127.0.0.1", 2002), trusted).await,
        Fault::tls("certificate_of_nobody", Authority::named("theirs").issue("127.0.0.1"), None).await,
        Fault::tls("certificate_for_another_name", authority.issue("feeds.example.com"), trusted).await,
        Fault::new("plain_at_https", "tls", alpine(plain.https_url()), Some(plain)),
        Fault::new("tls_at_http", "tls", alpine(tls_at_plain.url()), Some(tls_at_plain)),
        Fault::new("redirect_to_plain_http", "unsupported", alpine(to_plain.https_url()) + &ca_file, Some(to_plain)),
    ]
}

async fn refusals() -> Vec<Fault> {
    let wrong_password =
        FeedServer::plain(|_| answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"f\""], "")).await;
    let entry = format!(
        "kind: alpine_secdb, url: '{}', groups: [v3.20/main], username: u, password_env: PASS",
        wrong_password.url()
    );
    let ecosystem = FeedServer::plain(|_| answer("404 Not Found", &[], "<Error><Code>NoSuchKey</Code></Error>")).await;
    let osv = format!("kind: osv, url: '{}', groups: [NPM]", ecosystem.url());
    vec![
        Fault::alpine("redirect_loop", "unsupported", |_| answer("302 Found", &["Location: /again"], "")).await,
        Fault::alpine("credentials_wanted", "auth", |_| answer("401 Unauthorized", &[], "")).await,
        Fault::new("credentials_wrong", "auth", entry, Some(wrong_password)),
        Fault::alpine("proxy_credentials_wanted", "auth", |_| answer("407 Proxy Authentication Required", &[], ""))
            .await,
        Fault::alpine("forbidden", "denied", |_| answer("403 Forbidden", &[], "blocked by policy")).await,
        Fault::alpine("not_found", "not_found", |_| answer("404 Not Found", &[], "")).await,
        Fault::new("ecosystem_unknown", "not_found", osv, Some(ecosystem)),
        Fault::alpine("gone", "not_found", |_| answer("410 Gone", &[], "")).await,
        Fault::alpine("request_timeout", "timeout", |_| answer("408 Request Timeout", &[], "")).await,
        Fault::alpine("too_many_requests", "rate_limited", |_| {
            answer("429 Too Many Requests", &["Retry-After: 120"], "slow down")
        })
        .await,
        Fault::alpine("server_error", "unavailable", |_| answer("500 Internal Server Error", &[], "")).await,
        Fault::alpine("bad_gateway", "unavailable", |_| answer("502 Bad Gateway", &[], "<html>nginx</html>")).await,
        Fault::alpine("maintenance", "unavailable", |_| {
            answer("503 Service Unavailable", &["Retry-After: Mon, 30 Nov 2026 05:00:00 GMT"], "")
        })
        .await,
        Fault::alpine("no_content", "unsupported", |_| answer("204 No Content", &[], "")).await,
        Fault::alpine("unchanged_unasked", "unsupported", |_| answer("304 Not Modified", &[], "")).await,
    ]
}

async fn bodies() -> Vec<Fault> {
    let whole = small();
    let half = whole[..whole.len() / 2].to_owned();
    let lie = format!("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{whole}");
    let packed = gzip(&whole);
    let cut = packed[..packed.len() / 2].to_vec();
    let mut altered = packed;
    let crc_at = altered.len() - 8;
    altered[crc_at] ^= 1;
    let bomb = gzip(vec![b' '; 5 << 20]);
    let gzipped = |body: Vec<u8>| move |_: &str| answer("200 OK", &["Content-Encoding: gzip"], &body);
    let other_branch = whole.replace("v3.20", "v3.19");
    let latin1 = [&whole.as_bytes()[..whole.len() - 10], b"\xe9\xff", &whole.as_bytes()[whole.len() - 10..]].concat();
    vec![
        Fault::alpine("web_page", "parse", |_| ok("<!DOCTYPE html><title>Please log in</title>")).await,
        Fault::alpine("empty", "parse", |_| ok("")).await,
        Fault::alpine("cut_off", "parse", move |_| ok(&half)).await,
        Fault::alpine("length_too_short", "parse", move |_| Reaction::Send(lie.clone().into())).await,
        Fault::alpine("no_json", "parse", |_| ok("no feed here")).await,
        Fault::alpine("other_json", "parse", |_| ok(tracker(&[("a", "CVE-1", "open")]))).await,
        Fault::alpine("wrong_type", "parse", |_| ok(r#"{"packages": {"busybox": {}}}"#)).await,
        Fault::alpine("invalid_utf8", "parse", move |_| ok(&latin1)).await,
        Fault::alpine("other_branch", "parse", move |_| ok(&other_branch)).await,
        Fault::alpine("records_of_wrong_type", "parse", |_| {
            ok(r#"{"packages": [{"pkg": {"name": "a", "secfixes": ["CVE-1"]}}, {"pkg": {"name": 1}}]}"#)
        })
        .await,
        Fault::alpine("no_records", "implausible", |_| ok(secdb(&[]))).await,
        Fault::alpine("duplicate_records", "parse", |_| ok(secdb(&[("a", "CVE-1"), ("a", "CVE-1")]))).await,
        Fault::alpine("gzip_cut_off", "checksum", gzipped(cut)).await,
        Fault::alpine("gzip_altered", "checksum", gzipped(altered)).await,
        Fault::alpine("gzip_bomb", "too_large", gzipped(bomb)).await,
        Fault::alpine("unasked_encoding", "unsupported", |_| answer("200 OK", &["Content-Encoding: br"], "x")).await,
        Fault::alpine("digest_of_google", "checksum", |_| {
            answer("200 OK", &["x-goog-hash: crc32c=AAAAAA==,md5=XUFAKrxLKna5cZ2REBfFkg=="], small())
        })
        .await,
        Fault::alpine("digest_of_content", "checksum", |_| {
            let header = "Content-Digest: sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
            answer("200 OK", &[header], small())
        })
        .await,
        Fault::alpine("huge_announced", "too_large", |_| {
            Reaction::Send("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".into())
        })
        .await,
        Fault::alpine("huge_unannounced", "too_large", |_| {
            Reaction::Stream(Box::new(std::iter::repeat_with(|| vec![b' '; 64 << 10])))
        })
        .await,
        Fault::alpine("too_many_records", "too_large", |_| Reaction::Stream(large_secdb(RECORDS_MAX + 10))).await,
        Fault::alpine("record_too_large", "too_large", |_| {
            let head = std::iter::once(br#"{"packages": [{"pkg": {"name": ""#.to_vec());
            Reaction::Stream(Box::new(head.chain(std::iter::repeat_n(vec![b'a'; 1 << 20], 17))))
        })
        .await,
    ]
}

async fn archives() -> Vec<Fault> {
    let record = osv_record("A-1", "2024-08-15T00:05:00Z", "s");
    let whole = zip([("A-1.json", record.as_str())]);
    let with = |place: usize, bytes: &[u8]| {
        let mut altered = whole.clone();
        altered[place..place + bytes.len()].copy_from_slice(bytes);
        altered
    };
    let directory_at = whole.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let too_large = with(directory_at + 24, &(1_u32 << 30).to_le_bytes());
    let bombs: Vec<(String, String)> = (0..5).map(|number| (format!("B-{number}.json"), " ".repeat(1 << 20))).collect();
    let bomb = zip(bombs.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    vec![
        Fault::osv("no_archive", "parse", b"no archive here".to_vec()).await,
        Fault::osv("web_page_for_archive", "parse", b"<html>Sign in</html>".to_vec()).await,
        Fault::osv("empty_archive", "parse", Vec::new()).await,
        Fault::osv("archive_cut_off", "checksum", whole[..whole.len() - 60].to_vec()).await,
        Fault::osv("archive_with_wrong_crc", "checksum", with(directory_at + 16, &[1, 2, 3, 4])).await,
        Fault::osv("archive_bomb", "too_large", bomb).await,
        Fault::osv("archive_with_large_record", "too_large", too_large).await,
        Fault::osv("archive_with_unknown_method", "unsupported", with(directory_at + 10, &[12])).await,
        Fault::osv("record_without_id", "parse", zip([("A-1.json", r#"{"modified": "2024-08-15T00:05:00Z"}"#)])).await,
        Fault::osv("record_without_time", "parse", zip([("A-1.json", r#"{"id": "A-1", "modified": "soon"}"#)])).await,
        Fault::osv("record_with_invalid_utf8", "parse", {
            let name = "A-1.json".to_owned();
            let content = record.replacen('s', "\u{1}", 1).into_bytes();
            let content = content.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
            crate::zip::ZipStream::new(std::iter::once((name, content))).flatten().collect()
        })
        .await,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_one_event_that_explains_itself() {
    let authority = Authority::named("ours");
    let mut faults = connections().await;
    faults.extend(secure_connections(&authority).await);
    faults.extend(refusals().await);
    faults.extend(bodies().await);
    faults.extend(archives().await);
    let engine = Engine::start(&settings(&faults)).await;
    engine.runs_ended(1).await;
    let mut shown = Vec::new();
    for fault in &faults {
        let events: Vec<Event> = engine.events();
        let about = |id: &str| -> Vec<&Event> {
            let is_about =
                |event: &&Event| event.resource.id.as_deref() == Some(id) && event.level == event::Level::Error;
            events.iter().filter(is_about).collect()
        };
        let group = events
            .iter()
            .filter_map(|event| event.resource.id.clone())
            .find(|id| id.starts_with(&format!("{}/", fault.name)));
        let of_group = about(&group.unwrap_or_else(|| panic!("{}: nothing was told", fault.name)));
        assert_eq!(of_group.len(), 1, "{}: one event about the group", fault.name);
        assert_eq!(about(fault.name).len(), 1, "{}: one event about the feed", fault.name);
        let details = details(of_group[0]);
        assert_eq!(details["cause"]["code"], fault.code, "{}: {details}", fault.name);
        assert!(details["cause"]["hint"].as_str().unwrap().len() > 20, "{}: {details}", fault.name);
        shown.push((fault.name, of_group[0].clone()));
    }
    assert_eq!((engine.count("feed_sync_fail"), engine.count("feed_sync_complete")), (1, 0));
    check_golden(&shown);
}

fn settings(faults: &[Fault]) -> Settings {
    let feeds: Vec<String> = faults.iter().map(|fault| format!("{{name: {}, {}}}", fault.name, fault.entry)).collect();
    Settings {
        environment: vec![("PASS".to_owned(), PASSWORD.to_owned())],
        change: |config| {
            config.limits.silence_timeout = SILENCE;
            config.limits.download_timeout = DOWNLOAD;
            config.limits.rate_min = RATE;
            config.limits.download_bytes_max = DOWNLOAD_BYTES_MAX;
            config.limits.records_max = RECORDS_MAX;
        },
        ..Settings::new(format!("[{}]", feeds.join(", ")))
    }
}

/// Holds what an operator sees against the golden file.
fn check_golden(shown: &[(&str, Event)]) {
    let mut text = String::from(
        "# What `anchore-cli event get` shows of each fault of a feed, without the parts that are the same for all.\n",
    );
    for (name, event) in shown {
        write!(text, "\n# {name}\n{}", yaml(event)).unwrap();
    }
    let text = without_chance(&text);
    assert!(!text.contains(PASSWORD), "a password is in an event");
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/faults.yaml");
        std::fs::write(file, &text).unwrap();
        return;
    }
    for (expected, actual) in GOLDEN.split("\n# ").zip(text.split("\n# ")) {
        assert_eq!(actual, expected, "run the test with {UPDATE_VARIABLE}=1 and look at the difference");
    }
    assert_eq!(text.len(), GOLDEN.len());
}

/// As the client prints it.
fn yaml(event: &Event) -> String {
    let shown: Value = json!({
        "type": event.event_type,
        "message": event.message,
        "details": details(event),
        "resource": {"id": event.resource.id, "type": event.resource.resource_type},
    });
    serde_saphyr::to_string(&shown).unwrap()
}

/// Ports, rates and the time of day are others each time.
fn without_chance(text: &str) -> String {
    let text = without_number_after(text, "127.0.0.1:", "PORT");
    let text = without_number_after(&text, "` sends ", "FEW");
    let text = without_number_after(&text, "verification time ", "NOW");
    without_number_after(&text, "is not valid after 1009843200 (", "SOME")
}

fn without_number_after(text: &str, before: &str, word: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (start, after) = rest.split_at(at + before.len());
        clean.push_str(start);
        clean.push_str(word);
        rest = after.trim_start_matches(|character: char| character.is_ascii_digit());
    }
    clean + rest
}
