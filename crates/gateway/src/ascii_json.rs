//! JSON in ASCII, as old servers wrote it: clients of their time guess how the bytes of an answer are encoded, and get
//! other characters wrong.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// An answer in JSON.
pub struct AsciiJson<T>(pub T);

impl<T: Serialize> IntoResponse for AsciiJson<T> {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], Body::from(to_ascii_json(&self.0))).into_response()
    }
}

pub fn to_ascii_json(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut json, Ascii)).expect("what we answer is written as JSON");
    json
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|character: char| !character.is_ascii()) {
            let (ascii, others) = rest.split_at(at);
            writer.write_all(ascii.as_bytes())?;
            let end = others.find(|character: char| character.is_ascii()).unwrap_or(others.len());
            let (others, after) = others.split_at(end);
            others.encode_utf16().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_characters_are_escaped_and_ascii_stays() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8(to_ascii_json(&text)).unwrap(), expected);
        };
        check("a\"\\\n\u{7f}/", "\"a\\\"\\\\\\n\u{7f}/\"");
        check("é😀x\u{2028}", r#""\u00e9\ud83d\ude00x\u2028""#);
        check("", "\"\"");
    }
}
