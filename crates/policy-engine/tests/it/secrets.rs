//! No secret of a feed enters an event, the database, a metric or an answer.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::policy_engine::v1::ListFeedsRequest;

use crate::engine::{Engine, Settings, as_admin};
use crate::feed_server::{FeedServer, answer, ok};

const FEEDS: usize = 170;

/// Three for each feed: in the environment, in the address, and in its query.
fn secrets(number: usize) -> [String; 3] {
    [format!("Env{number}/s3cr3t"), format!("Url{number}:p%40ss").replace("%40", "@"), format!("Sig{number}nature")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_secrets_are_nowhere() {
    // Whatever it is sent comes back: in the body of a refusal, in headers, as an entity tag, and in records.
    let server = FeedServer::plain(|head| {
        let echo: String = head.lines().collect::<Vec<_>>().join(" ").replace('"', "'");
        let asked = head.split(' ').nth(1).unwrap_or_default();
        match asked.split('/').nth(1).and_then(|feed| feed.parse::<usize>().ok()).unwrap_or_default() % 4 {
            0 => answer("401 Unauthorized", &[&format!("WWW-Authenticate: Basic realm='{echo}'")], head),
            1 => answer("500 Oops", &[&format!("Retry-After: {asked}")], head),
            2 => ok(head),
            _ => ok(format!(
                r#"{{"packages": [{{"pkg": {{"name": 7, "echo": "{echo}"}}}}], "distroversion": "{echo}"}}"#
            )),
        }
    })
    .await;
    let (mut feeds, mut environment) = (String::from("["), Vec::new());
    for number in 0..FEEDS {
        let [in_environment, in_url, in_query] = secrets(number);
        let encoded = in_url.replace('@', "%40").replace(':', "%3A");
        let user_info = if number % 2 == 0 { format!("user:{encoded}@") } else { String::new() };
        let own =
            if number % 2 == 0 { String::new() } else { format!(", username: user, password_env: SECRET_{number}") };
        write!(
            feeds,
            "{{name: f{number}, kind: alpine_secdb, groups: [v3.20/main], url: 'http://{user_info}{}/{number}?x={in_query}'{own}}}, ",
            server.address
        )
        .unwrap();
        environment.push((format!("SECRET_{number}"), in_environment));
    }
    let settings = Settings { environment, ..Settings::new(feeds + "]") };
    let engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    assert_eq!(engine.count("group_failed"), FEEDS);
    let sent = server.requests().concat();
    assert!(sent.contains("authorization: Basic ") && sent.contains("?x=Sig7nature"), "the secrets were used");

    let mut seen = String::new();
    for event in engine.events() {
        seen.push_str(event.details.as_json());
    }
    seen.push_str(&engine.metrics());
    write!(seen, "{:?}", engine.client().list_feeds(as_admin(ListFeedsRequest {})).await.unwrap()).unwrap();
    for entry in std::fs::read_dir(engine.directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("accounts.yaml") {
            seen.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    let encode = |text: &str| STANDARD.encode(text);
    for number in 0..FEEDS {
        let [in_environment, in_url, in_query] = secrets(number);
        let encoded = in_url.replace('@', "%40").replace(':', "%3A");
        let pairs = [encode(&format!("user:{in_environment}")), encode(&format!("user:{in_url}"))];
        for secret in [in_environment, in_url, in_query, encoded].iter().chain(&pairs) {
            assert!(!seen.contains(secret.as_str()), "{secret} is in what can be seen");
        }
    }
    assert!(seen.len() > 10_000, "something was looked at");
}
