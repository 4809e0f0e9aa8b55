//! The forms in which an event is sent.

mod anchore;
mod cloudevents;
mod record;
mod slack;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::HeaderMap;

use crate::Notification;

/// What an endpoint reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The body that receivers of anchore-engine's notifications know (contract 6.2).
    #[default]
    Anchore,
    /// The stored record (contract 1.1), as every other door gives it.
    Event,
    /// CloudEvents 1.0, everything in one JSON object.
    CloudEvents,
    /// CloudEvents 1.0, attributes as headers and the record as the body.
    CloudEventsBinary,
    /// A message of an incoming webhook of Slack, which Mattermost takes too.
    Slack,
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`, expected `anchore`, `event`, `cloudevents`, `cloudevents-binary` or `slack`")]
pub struct FormatError(String);

/// A request but for its address, its signature and what the endpoint adds.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub content_type: &'static str,
    /// Beside the content type.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The request that tells of `notification`. The same notification is always rendered alike.
pub fn render(format: Format, notification: &Notification) -> Rendered {
    match format {
        Format::Anchore => anchore::render(notification),
        Format::Event => record::render(notification),
        Format::CloudEvents => cloudevents::render(notification),
        Format::CloudEventsBinary => cloudevents::render_binary(notification),
        Format::Slack => slack::render(notification),
    }
}

impl Rendered {
    fn json(content_type: &'static str, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("keys are texts and numbers are JSON already");
        Self { content_type, headers: HeaderMap::new(), body: body.into() }
    }
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Anchore, Self::Event, Self::CloudEvents, Self::CloudEventsBinary, Self::Slack];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anchore => "anchore",
            Self::Event => "event",
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsBinary => "cloudevents-binary",
            Self::Slack => "slack",
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |format: &Self| format.as_str().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or_else(|| FormatError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_as_they_are_written() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("CloudEvents".parse(), Ok(Format::CloudEvents));
        let error = "teams".parse::<Format>().unwrap_err().to_string();
        assert!(error.starts_with("unknown format `teams`, expected `anchore`"), "{error}");
    }
}
