//! The contract's words for a query: its parameters, and what it takes for their values (contract 3.2, 3.3, 3.6).
//!
//! Here they become the vocabulary's; behind this file nobody knows them. One table says what is read and what the
//! OpenAPI document tells.

use event::{Level, Timestamp, TypePattern};
use proto::events::v1;
use proto::timestamp_to_proto;

/// Events on a page where the request does not say, and at most.
const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1000;

/// A parameter of the query.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub description: &'static str,
}

/// What a parameter's text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Compared as it is.
    Exact,
    Level,
    Time,
    TypePattern,
    Integer {
        least: i64,
        most: i64,
        default: i64,
    },
}

const fn parameter(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter { name, kind, description }
}

pub const SOURCE_SERVICENAME: Parameter = parameter("source_servicename", Kind::Exact, "The emitting service; exact");
pub const SOURCE_HOSTID: Parameter = parameter("source_hostid", Kind::Exact, "The emitting host; exact");
pub const RESOURCE_TYPE: Parameter = parameter("resource_type", Kind::Exact, "The type of the resource; exact");
pub const RESOURCE_ID: Parameter =
    parameter("resource_id", Kind::Exact, "The resource; exact: a repository does not match its tags");
pub const EVENT_TYPE: Parameter = parameter(
    "event_type",
    Kind::TypePattern,
    "A type by its flat or dotted name, where each `*` stands for any run of characters; case does not matter",
);
pub const LEVEL: Parameter =
    parameter("level", Kind::Level, "`info` or `error` in any case; any other matches nothing");
pub const SINCE: Parameter =
    parameter("since", Kind::Time, "`timestamp` is later; a date or a time, UTC without an offset");
pub const BEFORE: Parameter =
    parameter("before", Kind::Time, "`timestamp` is earlier; a date or a time, UTC without an offset");
pub const PAGE: Parameter =
    parameter("page", Kind::Integer { least: 1, most: i64::MAX, default: 1 }, "Number of the page");
pub const LIMIT: Parameter =
    parameter("limit", Kind::Integer { least: 1, most: LIMIT_MAX, default: LIMIT_DEFAULT }, "Events on a page");

/// The query of `GET /v1/events`.
pub const LIST: &[Parameter] =
    &[SOURCE_SERVICENAME, SOURCE_HOSTID, RESOURCE_TYPE, RESOURCE_ID, EVENT_TYPE, LEVEL, SINCE, BEFORE, PAGE, LIMIT];

/// The query of `DELETE /v1/events`.
pub const DELETE: &[Parameter] = &[SINCE, BEFORE, LEVEL];

/// Why a query is not answered: 400, in one of the contract's two forms (3.6).
#[derive(Debug, PartialEq, Eq)]
pub enum WireError {
    /// The text has not the form of its parameter.
    Form(String),
    /// The value is out of its bounds, or stands against another one.
    Value(String),
}

/// What `GET /v1/events` asks for.
#[derive(Debug, PartialEq)]
pub struct ListQuery {
    pub filter: v1::EventFilter,
    pub page: i64,
    pub limit: i32,
}

impl ListQuery {
    /// Parameters that are not known are read over, as old servers did: a request to read does no harm.
    pub fn read(query: Option<&str>) -> Result<Self, WireError> {
        let values = Values::read(query, LIST)?;
        let (filter, since, before) = values.filter()?;
        if let (Some(since), Some(before)) = (since, before)
            && since >= before
        {
            return Err(WireError::Value(format!(
                "Invalid values for since and before query parameters, since must be earlier than before: {since} is not \
                 earlier than {before}"
            )));
        }
        let page = values.integer(&PAGE, "page must be a valid integer greater than 0")?;
        let limit = values.integer(&LIMIT, "limit must be valid integer between 1 and 1000")?;
        Ok(Self { filter, page, limit: i32::try_from(limit).unwrap_or(i32::MAX) })
    }
}

/// What `DELETE /v1/events` deletes.
///
/// A parameter that is not known is refused: whoever names one means to delete less than everything. An interval that
/// ends before it begins is no error here (contract 3.3): it deletes nothing.
pub fn read_delete_query(query: Option<&str>) -> Result<v1::EventFilter, WireError> {
    if let Some((name, _)) = pairs(query).find(|(name, _)| DELETE.iter().all(|parameter| parameter.name != name)) {
        let known: Vec<&str> = DELETE.iter().map(|parameter| parameter.name).collect();
        let name: String = name.chars().take(64).collect();
        return Err(WireError::Form(format!(
            "the query parameter `{name}` is not known here, expected {}: nothing was deleted",
            known.join(", ")
        )));
    }
    let (filter, since, before) = Values::read(query, DELETE)?.filter()?;
    let is_empty = since.zip(before).is_some_and(|(since, before)| since >= before);
    Ok(if is_empty { nothing() } else { filter })
}

/// A filter that matches no event: none is later than the last time there is.
fn nothing() -> v1::EventFilter {
    v1::EventFilter { since: Some(timestamp_to_proto(Timestamp::MAX)), ..v1::EventFilter::default() }
}

/// The values that were given, by their parameters. An empty one is none (contract 3.2).
struct Values(Vec<(&'static str, String)>);

impl Values {
    fn read(query: Option<&str>, parameters: &'static [Parameter]) -> Result<Self, WireError> {
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in pairs(query) {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else { continue };
            if values.iter().any(|(known, _)| *known == parameter.name) {
                return Err(WireError::Form(format!("the query parameter `{name}` is given twice, expected it once")));
            }
            values.push((parameter.name, value));
        }
        values.retain(|(_, value)| !value.is_empty());
        Ok(Self(values))
    }

    fn get(&self, parameter: &Parameter) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| value.as_str())
    }

    /// The filter, and its two bounds as they were given.
    fn filter(&self) -> Result<(v1::EventFilter, Option<Timestamp>, Option<Timestamp>), WireError> {
        let event_type = self.event_type()?;
        let (since, before) = (self.time(&SINCE)?, self.time(&BEFORE)?);
        let exact = [&SOURCE_SERVICENAME, &SOURCE_HOSTID, &RESOURCE_TYPE, &RESOURCE_ID].map(|name| self.get(name));
        let level = self.get(&LEVEL).map(str::parse::<Level>);
        // A level that there is not matches nothing, and neither does a text that no event can have.
        let is_nothing = matches!(level, Some(Err(_))) || exact.iter().flatten().any(|text| text.contains('\0'));
        if is_nothing {
            return Ok((nothing(), since, before));
        }
        let [service, host_id, resource_type, resource_id] = exact.map(|text| text.unwrap_or_default().to_owned());
        let filter = v1::EventFilter {
            level: match level {
                Some(Ok(Level::Info)) => v1::Level::Info,
                Some(Ok(Level::Error)) => v1::Level::Error,
                Some(Err(_)) | None => v1::Level::Unspecified,
            }
            .into(),
            r#type: event_type.map(|pattern| pattern.as_str().to_owned()).unwrap_or_default(),
            service,
            host_id,
            resource_type,
            resource_id,
            since: since.map(timestamp_to_proto),
            before: before.map(timestamp_to_proto),
        };
        Ok((filter, since, before))
    }

    fn event_type(&self) -> Result<Option<TypePattern>, WireError> {
        let pattern = self.get(&EVENT_TYPE).map(str::parse::<TypePattern>).transpose();
        pattern.map_err(|error| WireError::Form(format!("{error}, for the query parameter `event_type`")))
    }

    fn time(&self, parameter: &Parameter) -> Result<Option<Timestamp>, WireError> {
        let Some(text) = self.get(parameter) else { return Ok(None) };
        let read = text.parse().ok().or_else(|| with_lost_plus(text)?.parse().ok());
        read.map(Some).ok_or_else(|| {
            WireError::Value(format!(
                "Invalid value for {} query parameter, must be valid datetime string",
                parameter.name
            ))
        })
    }

    fn integer(&self, parameter: &Parameter, out_of_bounds: &str) -> Result<i64, WireError> {
        let Kind::Integer { least, most, default } = parameter.kind else { return Ok(0) };
        let Some(text) = self.get(parameter) else { return Ok(default) };
        let digits = text.trim();
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            let text: String = text.chars().take(64).collect();
            let name = parameter.name;
            return Err(WireError::Form(format!("`{text}` is no integer, for the query parameter `{name}`")));
        }
        let number = digits.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| WireError::Value(out_of_bounds.to_owned()))
    }
}

/// An offset whose `+` nobody has escaped arrives as a blank: `2018-06-30T03:56:27 02:00`.
fn with_lost_plus(text: &str) -> Option<String> {
    let (time, offset) = text.rsplit_once(' ')?;
    time.contains([':', 'T']).then(|| format!("{time}+{offset}"))
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> v1::EventFilter {
        ListQuery::read(Some(query)).unwrap().filter
    }

    fn refused(query: &str, expected: &Result<&str, &str>) {
        let error = ListQuery::read(Some(query)).unwrap_err();
        match (&error, expected) {
            (WireError::Value(message), Ok(expected)) | (WireError::Form(message), Err(expected)) => {
                assert!(message.starts_with(expected), "{query}: {message}");
            }
            _ => panic!("{query}: {error:?}"),
        }
    }

    #[test]
    fn an_absent_and_an_empty_parameter_are_the_same() {
        let default = ListQuery { filter: v1::EventFilter::default(), page: 1, limit: 100 };
        assert_eq!(ListQuery::read(None).unwrap(), default);
        let empty: Vec<String> = LIST.iter().map(|parameter| format!("{}=", parameter.name)).collect();
        assert_eq!(ListQuery::read(Some(&empty.join("&"))).unwrap(), default);
        assert_eq!(ListQuery::read(Some("unknown=1")).unwrap(), default);
    }

    #[test]
    fn values_are_read_as_clients_send_them() {
        let query =
            "source_servicename=policy_engine&source_hostid=a+b&resource_type=tag&resource_id=docker.io%2Fx%3A1";
        let read = filter(query);
        let texts = [&read.service, &read.host_id, &read.resource_type, &read.resource_id];
        assert_eq!(texts, ["policy_engine", "a b", "tag", "docker.io/x:1"]);
        for level in ["error", "ERROR", "Error"] {
            assert_eq!(filter(&format!("level={level}")).level(), v1::Level::Error);
        }
        assert_eq!(filter("event_type=SYSTEM.*").r#type, "system.*");
        let paged = ListQuery::read(Some("page=+7&limit=%2B0050")).unwrap();
        assert_eq!((paged.page, paged.limit), (7, 50));
    }

    #[test]
    fn dates_are_read_leniently() {
        let check = |text: &str, expected: &str| {
            let since = filter(&format!("since={text}")).since.unwrap();
            assert_eq!(proto::timestamp_from_proto(&since).unwrap().to_string(), expected, "{text}");
        };
        check("2018-06-30T03%3A56%3A27.711071Z", "2018-06-30T03:56:27.711071Z");
        check("2018-06-29+10%3A00%3A00.123456", "2018-06-29T10:00:00.123456Z");
        check("2018-06-30T03:56:27%2B02:00", "2018-06-30T01:56:27Z");
        check("2018-06-30T03:56:27+02:00", "2018-06-30T01:56:27Z");
        check("2018-06-30", "2018-06-30T00:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_said_in_the_contracts_words() {
        refused("page=0", &Ok("page must be a valid integer greater than 0"));
        refused("page=-1", &Ok("page must be a valid integer greater than 0"));
        refused("limit=0", &Ok("limit must be valid integer between 1 and 1000"));
        refused("limit=1001", &Ok("limit must be valid integer between 1 and 1000"));
        refused("since=x", &Ok("Invalid value for since query parameter, must be valid datetime string"));
        refused("before=x", &Ok("Invalid value for before query parameter, must be valid datetime string"));
        refused("since=2018&before=2017", &Ok("Invalid value for since"));
        refused("since=2018-01-02&before=2018-01-02", &Ok("Invalid values for since and before query parameters"));
        refused("page=abc", &Err("`abc` is no integer"));
        refused("limit=1.5", &Err("`1.5` is no integer"));
        refused("event_type=a%25b", &Err("`a%b` is no event type pattern"));
        refused("page=1&page=2", &Err("the query parameter `page` is given twice"));
    }

    #[test]
    fn what_nothing_can_match_matches_nothing() {
        assert_eq!(filter("level=warn"), nothing());
        assert_eq!(filter("resource_id=a%00"), nothing());
    }

    #[test]
    fn a_deletion_takes_three_parameters_and_no_others() {
        let read = |query: &str| read_delete_query(Some(query));
        assert_eq!(read(""), Ok(v1::EventFilter::default()));
        assert_eq!(read("since=2018-01-02&before=2018-01-01"), Ok(nothing()));
        assert_eq!(read("level=warn"), Ok(nothing()));
        assert_eq!(read("level=INFO").unwrap().level(), v1::Level::Info);
        assert!(matches!(read("resource_id=x"), Err(WireError::Form(_))));
        assert!(matches!(read("before=x"), Err(WireError::Value(_))));
    }
}
