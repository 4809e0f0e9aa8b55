//! The reason for a failure, as it stands in the details of an event (design 3.8).

use std::fmt;

use event::Details;
use serde_json::{Map, Value, json};

use crate::redaction::redact;
use crate::{CauseCode, Secrets};

/// Longest summary in an event, in bytes.
pub const SUMMARY_BYTES_MAX: usize = 1024;
/// Longest hint in an event, in bytes.
pub const HINT_BYTES_MAX: usize = 1024;
/// Most members of evidence in an event.
pub const EVIDENCE_MEMBERS_MAX: usize = 24;
/// Longest member of evidence in an event, in bytes; what is no text counts with its JSON.
pub const EVIDENCE_TEXT_BYTES_MAX: usize = 2048;
/// Largest evidence in an event, all members together, in bytes of JSON.
pub const EVIDENCE_BYTES_MAX: usize = 16 * 1024;
/// Ends a text that was cut (contract 2.2).
pub const TRUNCATED: &str = "...(truncated)";

/// Members that belong to the cause itself.
const RESERVED: [&str; 3] = ["cause", "msg", "omitted"];

/// Why work failed: what happened in one sentence, what to do next, and the evidence for it.
///
/// Texts may be given as they came from a peer. They are redacted and bounded whenever they leave, as details, as text
/// or as debug output; literal secrets only when [`Cause::without`] was called, so a producer that holds some calls it
/// in the one place where its causes are made.
#[derive(Clone)]
pub struct Cause {
    code: CauseCode,
    retryable: Option<bool>,
    hint: String,
    summary: String,
    evidence: Vec<(String, Value)>,
}

impl Cause {
    /// `summary` says what happened, `hint` what to do next.
    pub fn new(code: CauseCode, summary: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, retryable: None, hint: hint.into(), summary: summary.into(), evidence: Vec::new() }
    }

    /// Adds a member of the details, in place of an earlier one of that name. Null adds nothing.
    #[must_use]
    pub fn with_evidence(mut self, name: &str, value: impl Into<Value>) -> Self {
        debug_assert!(!RESERVED.contains(&name), "`{name}` belongs to the cause itself");
        let value = value.into();
        self.evidence.retain(|(known, _)| known != name);
        if !value.is_null() {
            self.evidence.push((name.to_owned(), value));
        }
        self
    }

    /// Where the code says too little: a lasting DNS answer, say.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = Some(retryable);
        self
    }

    /// Takes `secrets` out of every text.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        self.hint = secrets.remove_from(&self.hint);
        self.summary = secrets.remove_from(&self.summary);
        self.evidence = self
            .evidence
            .into_iter()
            .map(|(name, value)| (name, with_texts(value, &|text| secrets.remove_from(text))))
            .collect();
        self
    }

    pub fn code(&self) -> CauseCode {
        self.code
    }

    /// A member of the evidence, as it was given: not yet redacted, nor bounded.
    pub fn evidence(&self, name: &str) -> Option<&Value> {
        self.evidence.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub fn retryable(&self) -> bool {
        self.retryable.unwrap_or(self.code.retryable())
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        truncated(&redact(&self.hint), HINT_BYTES_MAX)
    }

    /// What happened.
    pub fn summary(&self) -> String {
        truncated(&redact(&self.summary), SUMMARY_BYTES_MAX)
    }

    /// `{"cause": {"code", "retryable", "hint"}, "msg": "<summary>"}` and the evidence beside them. What is beyond a
    /// bound is named under `omitted`.
    pub fn into_details(self) -> Details {
        let mut members = Map::new();
        let mut omitted = Vec::new();
        let mut bytes = 0;
        for (name, value) in &self.evidence {
            let value = bounded(with_texts(value.clone(), &redact));
            let member_bytes = name.len() + value.to_string().len();
            if members.len() < EVIDENCE_MEMBERS_MAX && bytes + member_bytes <= EVIDENCE_BYTES_MAX {
                bytes += member_bytes;
                members.insert(name.clone(), value);
            } else if omitted.len() < EVIDENCE_MEMBERS_MAX {
                omitted.push(truncated(name, 64));
            }
        }
        if !omitted.is_empty() {
            members.insert("omitted".to_owned(), omitted.into());
        }
        let cause = json!({ "code": self.code.as_str(), "retryable": self.retryable(), "hint": self.hint() });
        members.insert("cause".to_owned(), cause);
        members.insert("msg".to_owned(), self.summary().into());
        Details::from_value(&Value::Object(members))
    }
}

/// The code and the summary, for logs.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.summary())
    }
}

/// The event's own text: a derived form would print what has not been redacted yet.
impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cause").field(&self.clone().into_details().as_json()).finish()
    }
}

impl std::error::Error for Cause {}

/// `text`, or its beginning and [`TRUNCATED`], in at most `bytes_max` bytes.
pub fn truncated(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max.saturating_sub(TRUNCATED.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{TRUNCATED}", &text[..end])
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => truncated(&text, EVIDENCE_TEXT_BYTES_MAX).into(),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.len() <= EVIDENCE_TEXT_BYTES_MAX { value } else { truncated(&text, EVIDENCE_TEXT_BYTES_MAX).into() }
        }
        scalar => scalar,
    }
}

/// `value` with every text in it changed, names of members included.
fn with_texts(value: Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => change(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| with_texts(item, change)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (change(&name), with_texts(member, change))).collect()
        }
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cause: Cause, expected: &Value) {
        let details: Value = serde_json::from_str(cause.into_details().as_json()).unwrap();
        assert_eq!(details, *expected);
    }

    #[test]
    fn details_hold_the_cause_the_message_and_the_evidence() {
        let cause = Cause::new(CauseCode::Auth, "the registry refused the password", "correct it")
            .with_evidence("http_status", 401)
            .with_evidence("url", "https://u:p@r.example.com/v2/a/tags/list?X-Amz-Signature=abc&n=5")
            .with_evidence("retry_after", Value::Null);
        check(
            cause,
            &json!({
                "cause": {"code": "auth", "retryable": false, "hint": "correct it"},
                "msg": "the registry refused the password",
                "http_status": 401,
                "url": "https://[redacted]@r.example.com/v2/a/tags/list?X-Amz-Signature=[redacted]&n=5",
            }),
        );
    }

    #[test]
    fn a_cause_may_know_better_than_its_code() {
        let cause = Cause::new(CauseCode::Dns, "s", "h").with_retryable(false);
        check(cause, &json!({"cause": {"code": "dns", "retryable": false, "hint": "h"}, "msg": "s"}));
    }

    #[test]
    fn everything_is_bounded_and_says_so() {
        let long = "é".repeat(EVIDENCE_TEXT_BYTES_MAX);
        let mut cause = Cause::new(CauseCode::Parse, long.clone(), long.clone());
        for number in 0..EVIDENCE_MEMBERS_MAX + 2 {
            cause = cause.with_evidence(&format!("body_{number:02}"), long.clone());
        }
        cause = cause.with_evidence("tree", json!([[long.clone()], long]));
        let text = cause.into_details();
        let details: Value = serde_json::from_str(text.as_json()).unwrap();
        let length = |value: &Value| value.as_str().filter(|text| text.ends_with(TRUNCATED)).map(str::len);
        assert!(length(&details["msg"]).is_some_and(|length| length <= SUMMARY_BYTES_MAX));
        assert!(length(&details["cause"]["hint"]).is_some_and(|length| length <= HINT_BYTES_MAX));
        assert!(length(&details["body_00"]).is_some_and(|length| length <= EVIDENCE_TEXT_BYTES_MAX));
        let omitted = details["omitted"].as_array().unwrap();
        assert!(omitted.contains(&json!("body_24")) && omitted.contains(&json!("tree")), "{omitted:?}");
        assert!(text.as_json().len() <= EVIDENCE_BYTES_MAX + SUMMARY_BYTES_MAX + HINT_BYTES_MAX + 4096);
    }

    #[test]
    fn a_secret_stays_out_even_where_a_text_is_cut() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2hunter2");
        // The secret would straddle the cut: it must be gone before the text is shortened.
        let body = format!("{}hunter2hunter2{}", "x".repeat(EVIDENCE_TEXT_BYTES_MAX - 20), "y".repeat(99));
        let cause = Cause::new(CauseCode::Parse, "s hunter2hunter2", "h")
            .with_evidence("body", body)
            .with_evidence("tree", json!({"hunter2hunter2": ["hunter2hunter2"]}))
            .without(&secrets);
        for text in [format!("{cause:?}"), cause.to_string(), cause.into_details().as_json().to_owned()] {
            assert!(!text.contains("hunter"), "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for bytes_max in 0..40 {
            let cut = truncated(&"é".repeat(30), bytes_max);
            assert!(cut.len() <= bytes_max.max(TRUNCATED.len()) && cut.ends_with(TRUNCATED), "{bytes_max}: {cut}");
        }
        assert_eq!(truncated("short", 5), "short");
    }
}
