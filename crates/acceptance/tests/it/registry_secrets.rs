//! Secrets planted wherever registries, their token services and the configuration may have them: none is found in what
//! is stored, logged, counted or shown.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fixtures::{FaultServer, Reply, answer};

use crate::harness::{ADMIN, DEADLINE, Random, Shape, Stack, eventually, holds};

const REGISTRIES: usize = 60;
/// In the environment of the process, for nobody.
const VARIABLES: usize = 60;
/// What every secret begins with, so that a part of one is found, too.
const MARK: &str = "pl4nt3d";
const SECRETS_MIN: usize = 500;

/// What one registry plants.
struct Planted {
    password: String,
    token: String,
    refresh_token: String,
    user_info: String,
    signature: String,
    cookie: String,
    bearer: String,
    member: String,
}

impl Planted {
    fn new(secret: &mut impl FnMut() -> String) -> Self {
        Self {
            password: secret(),
            token: secret(),
            refresh_token: secret(),
            user_info: secret(),
            signature: secret(),
            cookie: secret(),
            bearer: secret(),
            member: secret(),
        }
    }

    fn all(&self) -> [&str; 8] {
        let Self { password, token, refresh_token, user_info, signature, cookie, bearer, member } = self;
        [password, token, refresh_token, user_info, signature, cookie, bearer, member].map(String::as_str)
    }

    /// A text with everything that a talkative peer may let out, and what it was sent.
    fn spill(&self, head: &str) -> String {
        format!(
            "{head}\nAuthorization: Bearer {}\n{{\"password\":\"{}\",\"token\":\"{}\"}}\nhttp://user:{}@host/x?X-Amz-Signature={}\n",
            self.bearer, self.member, self.token, self.user_info, self.signature
        )
    }

    fn reply(&self, kind: usize, head: &str) -> Reply {
        let cookie = format!("Set-Cookie: session={}", self.cookie);
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        if head.starts_with("GET /token") {
            let token =
                format!(r#"{{"token":"{}","refresh_token":"{}","expires_in":300}}"#, self.token, self.refresh_token);
            return answer("200 OK", &[&cookie], token);
        }
        let is_known = head.contains("authorization: Basic") || head.contains("authorization: Bearer");
        if !is_known {
            let realm = format!("http://{host}/token?signature={}", self.signature);
            let challenge = if kind.is_multiple_of(2) {
                format!("WWW-Authenticate: Bearer realm=\"{realm}\"")
            } else {
                "WWW-Authenticate: Basic realm=\"r\"".to_owned()
            };
            return answer("401 Unauthorized", &[&challenge, &cookie], self.spill(head));
        }
        let place =
            format!("http://user:{}@{host}/x?X-Amz-Signature={}&token={}", self.user_info, self.signature, self.token);
        let content_type = format!("Content-Type: text/{}", self.password);
        match kind {
            0 | 1 => answer("500 Internal Server Error", &[&cookie, &content_type], self.spill(head)),
            2 | 3 => answer("302 Found", &[&format!("Location: {place}"), &cookie], ""),
            4 | 5 => answer("200 OK", &[&cookie, &content_type], self.spill(head)),
            6 | 7 => {
                let link = format!(
                    "Link: <http://user:{}@evil.example/x?sig={}>; rel=\"next\"",
                    self.user_info, self.signature
                );
                answer("200 OK", &[&link, &cookie], r#"{"tags":["1"]}"#)
            }
            8 => {
                let error = format!(r#"{{"errors":[{{"code":"DENIED","message":"not with Bearer {}"}}]}}"#, self.token);
                answer("403 Forbidden", &[&cookie], error)
            }
            _ => answer("429 Too Many Requests", &["Retry-After: 60", &cookie], self.spill(head)),
        }
    }
}

#[test]
fn no_planted_secret_is_stored_logged_counted_or_shown() {
    let mut random = Random::new();
    let mut secret = || format!("{MARK}{:08x}{:08x}", random.below(1 << 32), random.below(1 << 32));
    let (mut servers, mut secrets, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut builder = Stack::builder(Shape::LocalTogether).environment("ANCHORE_EVENTS__LOG__LEVEL", "debug");
    let mut registries = Vec::new();
    for number in 0..REGISTRIES {
        let planted = Planted::new(&mut secret);
        secrets.extend(planted.all().map(str::to_owned));
        builder = builder.environment(&format!("PASSWORD_{number}"), &planted.password);
        let server = FaultServer::plain(move |head| planted.reply(number % 10, head));
        // Lists, and tags whose manifests are asked for.
        let tag = if number % 20 < 10 { "" } else { ":1" };
        names.push(format!("{}{tag}", server.repository()));
        registries
            .push(format!("{{registry: '{}', username: user, password_env: PASSWORD_{number}}}", server.registry()));
        servers.push(server);
    }
    for number in 0..VARIABLES {
        let value = secret();
        builder = builder.environment(&format!("SOMEBODYS_SECRET_{number}"), &value);
        secrets.push(value);
    }
    let token = secret();
    builder = builder.environment("NOTIFICATION_TOKEN", &token);
    secrets.push(token);
    assert!(secrets.len() >= SECRETS_MIN, "{}", secrets.len());
    let repositories = names.iter().map(|name| format!("{{name: '{name}', insecure: true}}"));
    let stack = builder
        .environment("ANCHORE_EVENTS__SERVICES__CATALOG__CYCLE_TIMERS__IMAGE_WATCHER", "1s")
        .catalog(&format!(
            "notifications: {{token_env: NOTIFICATION_TOKEN}}, repositories: [{}], registries: [{}]",
            repositories.collect::<Vec<_>>().join(", "),
            registries.join(", ")
        ))
        .start();

    let records = eventually(DEADLINE, || {
        let records = stack.client(ADMIN).records(&["--service", "catalog"]);
        holds(records.len() >= REGISTRIES, || format!("{} of {REGISTRIES} fail", records.len())).map(|()| records)
    });
    let sent: usize = servers.iter().map(|server| server.requests().len()).sum();
    assert!(sent > REGISTRIES, "the passwords were sent");
    let (_, metrics) = stack.admin_get("catalog", "/metrics");
    let check_config = stack.server("catalog", &["check-config"]).output().expect("it starts");
    let mut shown = vec![
        ("the events".to_owned(), records.iter().map(ToString::to_string).collect::<String>()),
        ("the metrics".to_owned(), metrics),
        ("check-config".to_owned(), String::from_utf8_lossy(&check_config.stdout).into_owned()),
        ("repo list".to_owned(), stack.cli(&["-o", "json", "repo", "list", "--all"]).ok()),
    ];
    shown.push(("repo get".to_owned(), stack.cli(&["repo", "get", &names[0]]).ok()));
    for (what, text) in &shown {
        assert_clean(what, text.as_bytes(), &secrets);
    }
    let redacted = shown[0].1.matches("[redacted]").count();
    assert!(redacted > 3 * REGISTRIES, "what peers said was shown, and {redacted} secrets were taken out of it");
    let files = check_files(stack.directory(), &secrets);
    assert!(files >= 4, "databases and logs were looked at: {files}");
    println!("{} secrets, {} events, {files} files", secrets.len(), records.len());
}

/// Databases, queues and logs, byte by byte. Returns how many files there are.
fn check_files(directory: &Path, secrets: &[String]) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("a directory of our own") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            count += check_files(&path, secrets);
        } else if path.file_name().is_some_and(|name| name != "config.yaml") {
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert_clean(&path.display().to_string(), &bytes, secrets);
            count += 1;
        }
    }
    count
}

fn assert_clean(what: &str, bytes: &[u8], secrets: &[String]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(at) = text.find(MARK) {
        let around: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
        let after: String = text[at..].chars().take(60).collect();
        panic!("{what} has a planted secret: ...{around}{after}...");
    }
    for secret in secrets {
        let basic = STANDARD.encode(format!("user:{secret}"));
        assert!(!text.contains(&basic), "{what} has the credentials with {secret}");
    }
}
