//! Endpoints in the interface and in the vocabulary.

use std::time::Duration;

use event::{AccountName, FilterDraft, Timestamp, Violation, Violations};
use proto::notifier::v1;
use proto::{level_from_proto, level_to_proto, timestamp_to_proto};
use secrecy::SecretString;
use webhook::{Format, Settings};

use super::duration_to_proto;
use crate::breaker::Condition;
use crate::endpoint::{
    BACKLOG_MAX, CONCURRENCY_MAX, DELAY_MAX, Endpoint, EndpointDraft, FIRST_DELAY_MAX, Limits, REQUESTS_PER_SECOND_MAX,
    SPAN_MAX, TIMEOUT_MAX, TIMEOUT_MIN,
};
use crate::history::Counts;
use crate::schedule::Schedule;
use crate::states::Kept;

const SECOND: Duration = Duration::from_secs(1);

/// The endpoint as somebody sent it, of `account`.
///
/// # Errors
/// Every field that cannot be read, by its path in `notifier.v1.Endpoint`.
pub fn draft_from_proto(sent: v1::Endpoint, account: Option<AccountName>) -> Result<EndpointDraft, Violations> {
    let mut violations = Violations::default();
    let v1::Endpoint { name, url, format, filter, levels, ordered, headers, credentials, ssl_verify, ca_pem, .. } =
        sent;
    let credentials = credentials.unwrap_or_default();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let secret = |text: Option<String>| given(text).map(SecretString::from);
    let levels = levels.into_iter().filter_map(|level| violations.note("levels", level_from_proto(level)).flatten());
    let levels = levels.collect();
    let mut headers: Vec<(String, SecretString)> =
        headers.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let draft = EndpointDraft {
        account,
        configured_at: None,
        url,
        format: violations.note("format", format_from_proto(format)).unwrap_or_default(),
        levels,
        filter: filter_from_proto(filter.unwrap_or_default(), &mut violations),
        ordered,
        headers,
        secrets: secret(credentials.secret).into_iter().collect(),
        user: given(credentials.user),
        password: secret(credentials.password),
        bearer_token: secret(credentials.bearer_token),
        client_certificate_pem: given(credentials.client_certificate_pem),
        client_key_pem: secret(credentials.client_key_pem),
        skips_verification: !ssl_verify.unwrap_or(true),
        ca_pem: Some(ca_pem),
        limits: limits_from_proto(sent.limits.unwrap_or_default(), &mut violations),
        retry: retry_from_proto(sent.retry.unwrap_or_default(), &mut violations),
        settings: Settings {
            ca_file: Some(format!("`--ca-file` by `anchore-cli webhook update {name}`")),
            insecure: None,
            request_timeout: Some(format!("`--timeout` by `anchore-cli webhook update {name}`")),
            ..Settings::default()
        },
        revision: String::new(),
        name,
    };
    violations.into_result()?;
    Ok(draft)
}

fn filter_from_proto(sent: proto::events::v1::EventFilter, violations: &mut Violations) -> FilterDraft {
    let account = || "admin".parse().expect("a valid account name");
    match proto::check_filter(Some(sent), account()) {
        Ok(filter) => FilterDraft {
            level: filter.level,
            event_type: filter.event_type,
            service: filter.service,
            host_id: filter.host_id,
            resource_type: filter.resource_type,
            resource_id: filter.resource_id,
            since: filter.since,
            before: filter.before,
        },
        Err(Violations(found)) => {
            violations.0.extend(found);
            FilterDraft::default()
        }
    }
}

fn format_from_proto(format: i32) -> Result<Format, String> {
    match v1::Format::try_from(format) {
        Ok(v1::Format::Unspecified | v1::Format::Anchore) => Ok(Format::Anchore),
        Ok(v1::Format::Event) => Ok(Format::Event),
        Ok(v1::Format::Cloudevents) => Ok(Format::CloudEvents),
        Ok(v1::Format::CloudeventsBinary) => Ok(Format::CloudEventsBinary),
        Ok(v1::Format::Slack) => Ok(Format::Slack),
        Err(_) => Err(format!("unknown format number {format}")),
    }
}

fn format_to_proto(format: Format) -> v1::Format {
    match format {
        Format::Anchore => v1::Format::Anchore,
        Format::Event => v1::Format::Event,
        Format::CloudEvents => v1::Format::Cloudevents,
        Format::CloudEventsBinary => v1::Format::CloudeventsBinary,
        Format::Slack => v1::Format::Slack,
    }
}

fn limits_from_proto(sent: v1::Limits, violations: &mut Violations) -> Limits {
    let default = Limits::default();
    let mut number = |field: &str, sent: Option<i32>, default: u64, max: u64| {
        let Some(sent) = sent else { return default };
        let in_range = u64::try_from(sent).ok().filter(|number| (1..=max).contains(number));
        let result = in_range.ok_or_else(|| format!("{sent}, expected 1 to {max}"));
        violations.note(field, result).unwrap_or(default)
    };
    let small = |number: u64| u32::try_from(number).expect("the range is that of a u32");
    let concurrency_max =
        number("limits.concurrency_max", sent.concurrency_max, default.concurrency_max.into(), CONCURRENCY_MAX.into());
    let per_second = number(
        "limits.requests_per_second_max",
        sent.requests_per_second_max.filter(|rate| *rate != 0),
        0,
        REQUESTS_PER_SECOND_MAX.into(),
    );
    let backlog_max = number("limits.backlog_max", sent.backlog_max, default.backlog_max, BACKLOG_MAX);
    Limits {
        timeout: span("limits.timeout", sent.timeout, default.timeout, TIMEOUT_MIN, TIMEOUT_MAX, violations),
        concurrency_max: small(concurrency_max),
        requests_per_second_max: Some(small(per_second)).filter(|per_second| *per_second > 0),
        backlog_max,
    }
}

fn retry_from_proto(sent: v1::Retry, violations: &mut Violations) -> Schedule {
    let default = Schedule::default();
    let v1::Retry { span: whole, first_delay, delay_max } = sent;
    Schedule {
        span: span("retry.span", whole, default.span, SECOND, SPAN_MAX, violations),
        first_delay: span("retry.first_delay", first_delay, default.first_delay, SECOND, FIRST_DELAY_MAX, violations),
        delay_max: span("retry.delay_max", delay_max, default.delay_max, SECOND, DELAY_MAX, violations),
    }
}

fn span(
    field: &str,
    sent: Option<prost_types::Duration>,
    default: Duration,
    min: Duration,
    max: Duration,
    violations: &mut Violations,
) -> Duration {
    let Some(sent) = sent else { return default };
    match Duration::try_from(sent) {
        Ok(span) if (min..=max).contains(&span) => span,
        _ => {
            let show = service::config::format_span;
            violations.0.push(Violation::new(field, format!("expected {} to {}", show(min), show(max))));
            default
        }
    }
}

/// The endpoint to be shown. `shows_path`: its URL is the asker's own business.
pub fn endpoint_to_proto(endpoint: &Endpoint, shows_path: bool, kept: Option<&Kept>, counts: Counts) -> v1::Endpoint {
    let Endpoint { rule, limits, retry, sender, .. } = endpoint;
    let number = |number: u64| Some(i32::try_from(number).unwrap_or(i32::MAX));
    let filter = &rule.filter;
    let url = if shows_path { sender.url.as_str().to_owned() } else { sender.url.to_string() };
    v1::Endpoint {
        name: endpoint.name().to_owned(),
        account: rule.account.as_ref().map(ToString::to_string).unwrap_or_default(),
        url,
        format: format_to_proto(sender.format).into(),
        filter: Some(proto::filter_to_proto(FilterDraft {
            level: filter.level,
            event_type: filter.event_type.clone(),
            service: filter.service.clone(),
            host_id: filter.host_id.clone(),
            resource_type: filter.resource_type.clone(),
            resource_id: filter.resource_id.clone(),
            since: filter.since,
            before: filter.before,
        })),
        levels: rule.levels.iter().map(|level| level_to_proto(Some(*level)).into()).collect(),
        ordered: endpoint.ordered,
        headers: endpoint.header_names.iter().map(|name| (name.clone(), String::new())).collect(),
        credentials: None,
        ssl_verify: Some(sender.ssl_verify),
        ca_pem: String::new(),
        limits: Some(v1::Limits {
            timeout: Some(duration_to_proto(limits.timeout)),
            concurrency_max: number(limits.concurrency_max.into()),
            requests_per_second_max: limits.requests_per_second_max.and_then(|per_second| number(per_second.into())),
            backlog_max: number(limits.backlog_max),
        }),
        retry: Some(v1::Retry {
            span: Some(duration_to_proto(retry.span)),
            first_delay: Some(duration_to_proto(retry.first_delay)),
            delay_max: Some(duration_to_proto(retry.delay_max)),
        }),
        trust: endpoint.trust(),
        configured_at: endpoint.configured_at.clone().unwrap_or_default(),
        status: Some(status_to_proto(kept, counts)),
    }
}

fn status_to_proto(kept: Option<&Kept>, counts: Counts) -> v1::EndpointStatus {
    let state = kept.map(|kept| kept.state.clone()).unwrap_or_default();
    let condition = match state.condition {
        Condition::Ok => v1::Condition::Ok,
        Condition::Failing => v1::Condition::Failing,
        Condition::Paused => v1::Condition::Paused,
        Condition::Stopped => v1::Condition::Stopped,
    };
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let time = |at: Option<Timestamp>| at.map(timestamp_to_proto);
    let trouble = state.trouble.as_ref();
    v1::EndpointStatus {
        condition: condition.into(),
        failures: count(state.failures),
        failing_since: time(state.failing_since),
        next_probe_at: time(state.next_probe_at),
        held_until: time(state.held_until),
        cause: trouble.map(|trouble| trouble.reason.clone()).unwrap_or_default(),
        hint: trouble.map(|trouble| trouble.hint.clone()).unwrap_or_default(),
        waiting_count: count(counts.waiting),
        dead_count: count(counts.dead),
        last_delivered_at: time(counts.last_delivered_at),
    }
}
