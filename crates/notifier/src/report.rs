//! Events about endpoints: failing, paused, stopped, back, and what was given up.

use cause::{Cause, CauseCode};
use emitter::{Emitter, Notice};
use event::{AccountName, Details, EventKind, Timestamp};
use serde_json::{Value, json};
use tracing::{error, info, warn};

use crate::breaker::{Condition, EndpointState};
use crate::endpoint_key::EndpointKey;

/// Tells how endpoints are doing. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {
    emitter: Emitter,
}

impl Reporter {
    pub fn new(emitter: Emitter) -> Self {
        Self { emitter }
    }

    /// Tells what is news in `after`, and notes in it that it was told. What cannot be told now is news again next time:
    /// reporting must not break the work.
    pub async fn tell(
        &self,
        endpoint: &EndpointKey,
        before: &EndpointState,
        after: &mut EndpointState,
        was_about_an_endpoint: bool,
    ) {
        if let Some(news) = after.news(was_about_an_endpoint) {
            let (event_type, details) = match news {
                Condition::Ok => ("webhook_recovered", recovery(endpoint, before)),
                Condition::Failing => ("webhook_fail", trouble(endpoint, after, "does not take notifications")),
                Condition::Paused => ("webhook_paused", trouble(endpoint, after, "keeps failing and is paused")),
                Condition::Stopped => ("webhook_stopped", trouble(endpoint, after, "answered that it is gone")),
            };
            log(endpoint, after);
            if self.emit(event_type, endpoint, details).await {
                after.told = news;
            }
        }
    }

    /// Tells how many deliveries were given up. Returns whether it was told.
    pub async fn tell_given_up(&self, endpoint: &EndpointKey, state: &EndpointState) -> bool {
        self.emit("webhook_exhausted", endpoint, given_up(endpoint, state)).await
    }

    async fn emit(&self, event_type: &str, endpoint: &EndpointKey, details: Details) -> bool {
        let admin = || -> AccountName { "admin".parse().expect("a valid account name") };
        let notice = Notice {
            kind: kind(event_type),
            account: endpoint.account().unwrap_or_else(admin),
            resource_id: Some(endpoint.name().to_owned()),
            details,
        };
        let emitted = self.emitter.emit(notice).await;
        if let Err(error) = &emitted {
            error!(endpoint = %endpoint, event.type = event_type, error = error.chain(), "cannot report on an endpoint");
        }
        emitted.is_ok()
    }
}

fn kind(event_type: &str) -> &'static EventKind {
    event::lookup(event_type).expect("the catalogue of events has it")
}

fn log(endpoint: &EndpointKey, state: &EndpointState) {
    let condition = state.condition.as_str();
    match &state.trouble {
        None => info!(endpoint = %endpoint, "an endpoint takes notifications again"),
        Some(trouble) => {
            warn!(endpoint = %endpoint, condition, failures = state.failures, reason = trouble.reason, "an endpoint fails");
        }
    }
}

fn recovery(endpoint: &EndpointKey, before: &EndpointState) -> Details {
    let mut members = json!({
        "msg": format!("endpoint `{}` takes notifications again; what waited is sent now, in order", endpoint.name()),
        "failures": before.failures,
    });
    if let Some(since) = before.failing_since {
        members["failing_since"] = since.to_string().into();
    }
    Details::from_value(&members)
}

fn trouble(endpoint: &EndpointKey, state: &EndpointState, what: &str) -> Details {
    let name = endpoint.name();
    let found = state.trouble.as_ref();
    let reason = found.map_or("no reason is known", |trouble| trouble.reason.as_str());
    let hint = found.map_or("", |trouble| trouble.hint.as_str());
    let next = format!("`anchore-cli webhook test {name}` tries it now.");
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| at.to_string().into());
    Cause::new(code(state), format!("endpoint `{name}` {what}: {reason}"), format!("{hint} {next}").trim())
        .with_retryable(state.condition != Condition::Stopped)
        .with_evidence("http_status", found.and_then(|trouble| trouble.status).map_or(Value::Null, Value::from))
        .with_evidence("failures", state.failures)
        .with_evidence("failing_since", time(state.failing_since))
        .with_evidence("next_probe_at", time(state.next_probe_at))
        .into_details()
}

fn given_up(endpoint: &EndpointKey, state: &EndpointState) -> Details {
    let name = endpoint.name();
    let reason = state.trouble.as_ref().map_or(String::new(), |trouble| format!(": {}", trouble.reason));
    let summary = format!("{} notification(s) to endpoint `{name}` were given up{reason}", state.given_up);
    let hint = format!(
        "They are kept: `anchore-cli webhook deliveries {name} --failed` shows them. Once the endpoint takes \
         notifications again, `anchore-cli webhook redeliver --endpoint {name}` sends them."
    );
    Cause::new(code(state), summary, hint).with_retryable(false).with_evidence("count", state.given_up).into_details()
}

fn code(state: &EndpointState) -> CauseCode {
    let found = state.trouble.as_ref().map(|trouble| trouble.code.as_str());
    CauseCode::ALL.into_iter().find(|code| Some(code.as_str()) == found).unwrap_or(CauseCode::Unavailable)
}
