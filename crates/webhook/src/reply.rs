//! What a receiver answered, as far as it is kept.

use std::time::Duration;

use cause::{Secrets, redact, truncated};
use http::StatusCode;
use outbound::Answer;
use tokio::time::{Instant, timeout_at};

/// How much of an answer's body is kept for display, in bytes.
pub const REPLY_BYTES_MAX: usize = 512;
/// How much is read. What is cut off is cut after secrets are taken out; and a connection whose answer was read to its
/// end can be used again.
const READ_BYTES_MAX: usize = 16 * 1024;
/// How long a body is waited for. The status has said what matters.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Status and beginning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    /// At most [`REPLY_BYTES_MAX`] bytes in one line, without control characters, and without `secrets`. What a receiver
    /// says is shown and otherwise believed in nothing.
    pub beginning: String,
}

impl Reply {
    pub(crate) async fn read(answer: Answer, secrets: &Secrets) -> Self {
        let status = answer.status();
        let body = first_bytes(answer).await;
        Self { status, beginning: shown(&String::from_utf8_lossy(&body), secrets) }
    }
}

async fn first_bytes(mut answer: Answer) -> Vec<u8> {
    let deadline = Instant::now() + BODY_TIMEOUT;
    let mut body = Vec::new();
    while body.len() < READ_BYTES_MAX
        && let Ok(Ok(Some(chunk))) = timeout_at(deadline, answer.chunk()).await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(READ_BYTES_MAX - body.len())]);
    }
    body
}

fn shown(text: &str, secrets: &Secrets) -> String {
    truncated(&one_line(&redact(&secrets.remove_from(text))), REPLY_BYTES_MAX)
}

/// `text` in one line: every run of blanks and control characters is one blank, and what would turn the direction of
/// writing or hide itself is gone.
pub(crate) fn one_line(text: &str) -> String {
    let shown = |character: &char| !matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    let text: String = text.chars().filter(shown).map(plain).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_is_bounded_and_harmless() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2");
        let check = |text: &str, expected: &str| assert_eq!(shown(text, &secrets), expected);
        check("", "");
        check("ok\n", "ok");
        check("<h1>502</h1>\r\n\t<p>bad</p>\0", "<h1>502</h1> <p>bad</p>");
        check("\u{1b}[31mred\u{1b}[0m \u{202e}txet", "[31mred [0m txet");
        check("you sent hunter2", "you sent [redacted]");
        check(r#"{"token": "abc"}"#, r#"{"token": "[redacted]"}"#);
        let long = shown(&"é".repeat(9999), &secrets);
        assert!(long.len() <= REPLY_BYTES_MAX && long.ends_with("...(truncated)"), "{long}");
    }
}
