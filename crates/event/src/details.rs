//! The free JSON of an emitter, kept to the letter.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

/// Largest `details`, in bytes of JSON text. Two of them and an envelope stay below the 1 MiB that a NATS server takes
/// as one message by default.
pub const DETAILS_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting of `details`; the object itself is level 1.
pub const DETAILS_DEPTH_MAX: usize = 100;

/// The free JSON object an emitter attached to an event; never interpreted by us.
///
/// It is kept as text: numbers of any size, their spelling, the order of keys and every escape come out as they went
/// in. A parsed form would round `12345678901234567890123` to a double, and a `jsonb` column refuses `\u0000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details(Box<str>);

/// Details that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("{bytes} bytes of JSON, expected at most {DETAILS_BYTES_MAX}")]
    TooLarge { bytes: usize },
    #[error("nested deeper than {DETAILS_DEPTH_MAX} levels")]
    TooDeep,
}

impl Details {
    /// Keeps a JSON text. What is no object is wrapped as the contract says (1.1): a text becomes `{"msg": "<text>"}`,
    /// another value its JSON text in the same place, and `null` becomes `{}`.
    ///
    /// # Errors
    /// Not JSON, larger than [`DETAILS_BYTES_MAX`], or nested deeper than [`DETAILS_DEPTH_MAX`].
    pub fn parse(text: &str) -> Result<Self, DetailsError> {
        let text = text.trim();
        if text.len() > DETAILS_BYTES_MAX {
            return Err(DetailsError::TooLarge { bytes: text.len() });
        }
        match Json::parse(text)? {
            Json::Object(_) => Ok(Self(text.into())),
            Json::Null => Ok(Self::default()),
            Json::String(message) => Ok(Self::message(&message)),
            _ => Ok(Self::message(text)),
        }
    }

    /// `{"msg": "<text>"}`.
    pub fn message(text: &str) -> Self {
        Self::from_value(&serde_json::json!({ "msg": text }))
    }

    /// Details of our own making, from a value known to be an object within the bounds.
    pub fn from_value(object: &serde_json::Value) -> Self {
        debug_assert!(object.is_object());
        Self(object.to_string().into())
    }

    /// The JSON text, as it was given.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        matches!(self.tree(), Json::Object(members) if members.is_empty())
    }

    /// The value as a tree, for printing.
    pub fn tree(&self) -> Json {
        Json::parse(&self.0).unwrap_or_else(|_| Json::String(self.0.to_string()))
    }

    /// Details read back from a store that only ever took valid ones.
    pub fn stored(text: String) -> Self {
        Self(text.into())
    }
}

impl Default for Details {
    fn default() -> Self {
        Self("{}".into())
    }
}

/// A JSON value whose numbers keep their text and whose objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// # Errors
    /// Not JSON, or nested deeper than [`DETAILS_DEPTH_MAX`].
    pub fn parse(text: &str) -> Result<Self, DetailsError> {
        let raw: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        Self::read(raw, 1)
    }

    fn read(raw: &RawValue, depth: usize) -> Result<Self, DetailsError> {
        let text = raw.get();
        match text.as_bytes()[0] {
            b'{' | b'[' if depth > DETAILS_DEPTH_MAX => Err(DetailsError::TooDeep),
            b'{' => {
                let Members(members) = serde_json::from_str(text).map_err(not_json)?;
                let members = members.into_iter().map(|(key, raw)| Ok((key, Self::read(raw, depth + 1)?)));
                Ok(Self::Object(members.collect::<Result<_, _>>()?))
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
                let items = items.into_iter().map(|raw| Self::read(raw, depth + 1));
                Ok(Self::Array(items.collect::<Result<_, _>>()?))
            }
            b'"' => Ok(Self::String(serde_json::from_str(text).map_err(not_json)?)),
            b't' => Ok(Self::Bool(true)),
            b'f' => Ok(Self::Bool(false)),
            b'n' => Ok(Self::Null),
            _ => Ok(Self::Number(text.to_owned())),
        }
    }

    /// The same value with the keys of every object in order; of repeated keys the last one stays, as Python reads it.
    #[must_use]
    pub fn sorted(self) -> Self {
        match self {
            Self::Array(items) => Self::Array(items.into_iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let members: std::collections::BTreeMap<_, _> =
                    members.into_iter().map(|(key, value)| (key, value.sorted())).collect();
                Self::Object(members.into_iter().collect())
            }
            scalar => scalar,
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(text) => {
                RawValue::from_string(text.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| sequence.serialize_element(item))?;
                sequence.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

/// The members of one object, in order, repeated keys included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn not_json(error: serde_json::Error) -> DetailsError {
    DetailsError::NotJson(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expected: Result<&str, &str>) {
        let kept = Details::parse(input).map_err(|error| error.to_string());
        match expected {
            Ok(text) => assert_eq!(kept.as_ref().map(Details::as_json), Ok(text), "{input}"),
            Err(part) => assert!(kept.as_ref().unwrap_err().contains(part), "{input}: {kept:?}"),
        }
    }

    #[test]
    fn objects_are_kept_to_the_letter() {
        for text in [
            "{}",
            r#"{"b":18446744073709551615,"a":-9223372036854775808}"#,
            r#"{"big":123456789012345678901234567890.10,"tiny":1e-400,"huge":1E+400}"#,
            r#"{"nul":"\u0000","emoji":"\ud83d\ude00","é":"é","a":1,"a":2}"#,
            r#"{"deep":[[[{"x":[]}]]]}"#,
        ] {
            check(text, Ok(text));
        }
    }

    #[test]
    fn what_is_no_object_is_wrapped() {
        check("null", Ok("{}"));
        check(r#""boom""#, Ok(r#"{"msg":"boom"}"#));
        check("[1, 2]", Ok(r#"{"msg":"[1, 2]"}"#));
        check("17", Ok(r#"{"msg":"17"}"#));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        check("{", Err("not JSON"));
        check(r#"{"a":"\ud800"}"#, Err("not JSON"));
        check("{} {}", Err("not JSON"));
        check(&format!(r#"{{"a":{}1{}}}"#, "[".repeat(100), "]".repeat(100)), Err("nested deeper"));
        check(&format!(r#"{{"a":"{}"}}"#, "x".repeat(DETAILS_BYTES_MAX)), Err("expected at most 262144"));
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let scalar = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(|number| Json::Number(number.to_string())),
            any::<u64>().prop_map(|number| Json::Number(number.to_string())),
            "-?[1-9][0-9]{0,40}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,5})?".prop_map(Json::Number),
            any::<String>().prop_map(Json::String),
        ];
        scalar.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
                prop::collection::vec((any::<String>(), inner), 0..6).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_survives_printing_and_reading(value in any_json()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(Json::parse(&text).unwrap(), value);
        }
    }
}
