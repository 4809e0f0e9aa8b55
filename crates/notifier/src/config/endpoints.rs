//! One endpoint of `services.notifier.endpoints`.

use std::path::PathBuf;
use std::time::Duration;

use event::{FilterDraft, Level};
use secrecy::{ExposeSecret, SecretString};
use service::config::Section;
use webhook::{Format, Settings};

use super::{SECTION_NAMES, checked};
use crate::endpoint::{
    BACKLOG_MAX, CONCURRENCY_MAX, DELAY_MAX, Endpoint, EndpointDraft, FIRST_DELAY_MAX, Limits, REQUESTS_PER_SECOND_MAX,
    SPAN_MAX, TIMEOUT_MAX, TIMEOUT_MIN,
};
use crate::schedule::Schedule;

/// Largest PEM file, in bytes.
const PEM_BYTES_MAX: u64 = 1024 * 1024;
const SECOND: Duration = Duration::from_secs(1);

/// `None` where something is wrong with it, which is noted. `before`: those that were read already.
pub fn read_endpoint(section: &mut Section, before: &[Endpoint]) -> Option<Endpoint> {
    let name = section.text("name").unwrap_or_default();
    if name.is_empty() {
        section.refuse("name", "missing, expected a name such as `ops`");
    } else if SECTION_NAMES.contains(&name.as_str()) {
        section.refuse("name", format!("`{name}` is a section of `webhooks`, expected another name"));
    } else if before.iter().any(|endpoint| endpoint.name() == name) {
        section.refuse("name", format!("`{name}` is the name of another endpoint too, expected one of its own"));
    }
    let url = section.masked_text("url");
    if url.is_none() {
        section.refuse("url", "missing, expected such as `https://hooks.example.com/x`");
    }
    let (levels, filter) = read_filter(section);
    let path = section.path_of("").trim_end_matches('.').to_owned();
    let draft = EndpointDraft {
        account: section.parse("account"),
        configured_at: Some(path),
        url: url.map(|url| url.expose_secret().to_owned()).unwrap_or_default(),
        format: section.parse_or("format", Format::default()),
        levels,
        filter,
        ordered: section.flag("ordered", false),
        headers: read_headers(section),
        secrets: read_secrets(section),
        user: section.text("user"),
        password: section.secret_elsewhere("password_env", "password_file"),
        bearer_token: section.secret_elsewhere("token_env", "token_file"),
        client_certificate_pem: read_file(section, "client_cert"),
        client_key_pem: read_file(section, "client_key").map(SecretString::from),
        skips_verification: !section.flag("ssl_verify", true),
        ca_pem: read_file(section, "ca_file"),
        limits: read_limits(section),
        retry: read_retry(section),
        settings: Settings {
            ca_file: Some(format!("`ca_file` of the endpoint `{name}` in services.notifier.endpoints")),
            insecure: None,
            request_timeout: Some(format!("`timeout` of the endpoint `{name}` in services.notifier.endpoints")),
            ..Settings::default()
        },
        name: name.clone(),
        ..EndpointDraft::default()
    };
    if name.is_empty() || draft.url.is_empty() {
        return None;
    }
    checked(draft, section, |field| match field {
        "secret" => "secret_env",
        "bearer_token" => "token_env",
        "client_certificate_pem" => "client_cert",
        "client_key_pem" => "client_key",
        "ca_pem" => "ca_file",
        other => other,
    })
}

fn read_filter(section: &mut Section) -> (Vec<Level>, FilterDraft) {
    let mut given = section.section("filter");
    let levels = given.texts("level").unwrap_or_default();
    let levels = levels.iter().filter_map(|level| match level.parse() {
        Ok(level) => Some(level),
        Err(error) => {
            given.refuse("level", error);
            None
        }
    });
    let levels = levels.collect();
    let filter = FilterDraft {
        event_type: given.text("type").and_then(|pattern| match pattern.parse() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                given.refuse("type", error);
                None
            }
        }),
        service: given.text("service"),
        host_id: given.text("host"),
        resource_type: given.text("resource_type"),
        resource_id: given.text("resource"),
        ..FilterDraft::default()
    };
    given.finish();
    (levels, filter)
}

fn read_headers(section: &mut Section) -> Vec<(String, SecretString)> {
    let mut headers = Vec::new();
    for mut header in section.sections("headers") {
        let name = header.text("name");
        let value = header.secret("value", "value_env", "value_file");
        match (name, value) {
            (Some(name), Some(value)) => headers.push((name, value)),
            (None, _) => header.refuse("name", "missing, expected a name such as `X-Api-Key`"),
            (_, None) => header.refuse("value", "missing, expected a value, or its place by value_env or value_file"),
        }
        header.finish();
    }
    headers
}

/// The one in use, and the one before it, which receivers may still have.
fn read_secrets(section: &mut Section) -> Vec<SecretString> {
    let current = section.secret_elsewhere("secret_env", "secret_file");
    let old = section.secret_elsewhere("old_secret_env", "old_secret_file");
    if old.is_some() && current.is_none() {
        section.refuse("old_secret_env", "is given without secret_env, expected both or that one alone");
    }
    current.into_iter().chain(old).collect()
}

fn read_file(section: &mut Section, key: &'static str) -> Option<String> {
    let file = PathBuf::from(section.text(key)?);
    let length = std::fs::metadata(&file).map(|metadata| metadata.len());
    let problem = match length.and_then(|length| Ok((length, std::fs::read_to_string(&file)?))) {
        Ok((length, _)) if length > PEM_BYTES_MAX => format!("{length} bytes, expected at most {PEM_BYTES_MAX}"),
        Ok((_, text)) => return Some(text),
        Err(error) => format!("`{}` cannot be read: {error}", file.display()),
    };
    section.refuse(key, problem);
    None
}

fn read_limits(section: &mut Section) -> Limits {
    let default = Limits::default();
    let number = |number: u64| u32::try_from(number).expect("the range is that of a u32");
    let concurrency = section.number("concurrency_max", default.concurrency_max.into(), 1..=CONCURRENCY_MAX.into());
    let per_second = section.number("requests_per_second_max", 0, 0..=REQUESTS_PER_SECOND_MAX.into());
    Limits {
        timeout: section.span("timeout", default.timeout, TIMEOUT_MIN..=TIMEOUT_MAX),
        concurrency_max: number(concurrency),
        requests_per_second_max: Some(number(per_second)).filter(|per_second| *per_second > 0),
        backlog_max: section.number("backlog_max", default.backlog_max, 1..=BACKLOG_MAX),
    }
}

fn read_retry(section: &mut Section) -> Schedule {
    let default = Schedule::default();
    let mut retry = section.section("retry");
    let schedule = Schedule {
        span: retry.span("span", default.span, SECOND..=SPAN_MAX),
        first_delay: retry.span("first_delay", default.first_delay, SECOND..=FIRST_DELAY_MAX),
        delay_max: retry.span("delay_max", default.delay_max, SECOND..=DELAY_MAX),
    };
    retry.finish();
    schedule
}
