//! The flags that select events; list and delete share them.

use clap::Args;
use event::{FilterDraft, Level, Timestamp, TypePattern};

use crate::failure::Failure;

#[derive(Debug, Default, Args)]
pub struct FilterFlags {
    /// ISO8601 formatted UTC timestamp to filter events that occurred after the timestamp, or a time ago such as `2h`
    #[arg(long, value_name = "TEXT")]
    pub since: Option<String>,
    /// ISO8601 formatted UTC timestamp to filter events that occurred before the timestamp, or a time ago such as `7d`
    #[arg(long, value_name = "TEXT")]
    pub before: Option<String>,
    /// Filter results based on the level, supported levels are info and error
    #[arg(long, value_name = "TEXT")]
    pub level: Option<String>,
    /// Filter events based on the originating service, such as `catalog` or `policy_engine`
    #[arg(long, value_name = "TEXT")]
    pub service: Option<String>,
    /// Filter events based on the originating host
    #[arg(long, value_name = "TEXT")]
    pub host: Option<String>,
    /// Filter events based on the type, by either of its names, such as `list_tags_fail` or `system.repository.*`; `*`
    /// stands for any text
    #[arg(long = "event_type", alias = "event-type", value_name = "TEXT")]
    pub event_type: Option<String>,
    /// Filter events based on the type of the resource, such as `repository` or `image_tag`
    #[arg(long = "resource_type", alias = "resource-type", value_name = "TEXT")]
    pub resource_type: Option<String>,
}

impl FilterFlags {
    /// The filter, with the times ago counted from `now`.
    ///
    /// # Errors
    /// The first flag whose value is not understood.
    pub fn filter(&self, resource: Option<&str>, now: Timestamp) -> Result<FilterDraft, Failure> {
        let time = |flag: &str, text: &Option<String>| {
            let parse = |text: &String| {
                Timestamp::parse_relative(text, now)
                    .map_err(|error| Failure::usage(format!("{flag}: {error}, or a time ago such as `2h`")))
            };
            text.as_ref().filter(|text| !text.is_empty()).map(parse).transpose()
        };
        Ok(FilterDraft {
            level: given(self.level.as_ref()).map(parse_level).transpose()?,
            event_type: given(self.event_type.as_ref()).map(parse_type).transpose()?,
            service: self.service.clone(),
            host_id: self.host.clone(),
            resource_type: self.resource_type.clone(),
            resource_id: resource.map(ToOwned::to_owned),
            since: time("--since", &self.since)?,
            before: time("--before", &self.before)?,
        })
    }

    /// The flags that were given, with their values.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let flags = [
            ("--since", &self.since),
            ("--before", &self.before),
            ("--level", &self.level),
            ("--service", &self.service),
            ("--host", &self.host),
            ("--event_type", &self.event_type),
            ("--resource_type", &self.resource_type),
        ];
        flags.into_iter().filter_map(|(flag, value)| Some((flag, value.as_deref()?)))
    }
}

/// An empty value is the same as an absent one (contract 3.2).
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// The text of the error is the contract's (4.4).
fn parse_level(text: &str) -> Result<Level, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(format!("{text} is an invalid value for --level. Supported values are 'info' or 'error'"))
    })
}

fn parse_type(text: &str) -> Result<TypePattern, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--event_type: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2018-06-30T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn flags_become_a_filter() {
        let flags = FilterFlags {
            since: Some("2h".into()),
            before: Some("2018-06-30T11:00:00".into()),
            level: Some("Error".into()),
            event_type: Some("FEED_*".into()),
            host: Some(String::new()),
            ..FilterFlags::default()
        };
        let filter = flags.filter(Some("docker.io/a"), now()).unwrap();
        assert_eq!(filter.since.unwrap().to_string(), "2018-06-30T10:00:00Z");
        assert_eq!(filter.before.unwrap().to_string(), "2018-06-30T11:00:00Z");
        assert_eq!(filter.level, Some(Level::Error));
        assert_eq!(filter.event_type.unwrap().as_str(), "feed_*");
        assert_eq!(filter.resource_id.as_deref(), Some("docker.io/a"));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let check = |flags: FilterFlags, expected: &str| {
            let refused = flags.filter(None, now()).unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{refused}");
        };
        let level = Some("warn".to_owned());
        check(
            FilterFlags { level, ..FilterFlags::default() },
            "warn is an invalid value for --level. Supported values are 'info' or 'error'",
        );
        let since = Some("yesterday".to_owned());
        check(FilterFlags { since, ..FilterFlags::default() }, "--since: `yesterday` is no time, expected ISO 8601");
        let event_type = Some("a b".to_owned());
        check(FilterFlags { event_type, ..FilterFlags::default() }, "--event_type: `a b` is no event type pattern");
    }
}
