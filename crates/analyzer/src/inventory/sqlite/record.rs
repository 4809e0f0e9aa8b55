//! One row: a header of types, then the values.

use super::SqliteError;

/// A value of a row, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Integer(i64),
    /// Not looked at.
    Real,
    Blob(Vec<u8>),
    Text(String),
}

impl Value {
    pub fn is_text(&self, expected: &str) -> bool {
        matches!(self, Self::Text(text) if text.eq_ignore_ascii_case(expected))
    }

    pub fn as_page(&self) -> Option<u32> {
        match self {
            Self::Integer(number) => u32::try_from(*number).ok().filter(|number| *number > 0),
            _ => None,
        }
    }
}

pub fn parse(record: &[u8]) -> Result<Vec<Value>, SqliteError> {
    let damaged = || SqliteError::Damaged("a row is cut off");
    let (header_bytes, first) = varint(record).ok_or_else(damaged)?;
    let header_bytes = usize::try_from(header_bytes).map_err(|_| damaged())?;
    let mut types = record.get(first..header_bytes).ok_or_else(damaged)?;
    let mut body = &record[header_bytes..];
    let mut values = Vec::new();
    while !types.is_empty() {
        let (kind, bytes) = varint(types).ok_or_else(damaged)?;
        types = &types[bytes..];
        let length = usize::try_from(length(kind)).map_err(|_| damaged())?;
        let (content, rest) = body.split_at_checked(length).ok_or_else(damaged)?;
        body = rest;
        values.push(value(kind, content));
    }
    Ok(values)
}

/// Bytes of a value of this serial type.
fn length(kind: u64) -> u64 {
    match kind {
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        0 | 8..=11 => 0,
        _ => (kind - 12) / 2,
    }
}

fn value(kind: u64, content: &[u8]) -> Value {
    match kind {
        1..=6 => {
            let sign = if content.first().is_some_and(|&byte| byte & 0x80 != 0) { -1 } else { 0 };
            Value::Integer(content.iter().fold(sign, |number: i64, &byte| number << 8 | i64::from(byte)))
        }
        7 => Value::Real,
        8 | 9 => Value::Integer(i64::from(kind == 9)),
        0 | 10 | 11 => Value::Null,
        _ if kind.is_multiple_of(2) => Value::Blob(content.to_vec()),
        _ => Value::Text(String::from_utf8_lossy(content).into_owned()),
    }
}

/// A number of one to nine bytes, and how many.
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for at in 0..8 {
        let byte = *bytes.get(at)?;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at + 1));
        }
    }
    Some((number << 8 | u64::from(*bytes.get(8)?), 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_to_nine_bytes() {
        assert_eq!(varint(&[0x7f]), Some((127, 1)));
        assert_eq!(varint(&[0x81, 0x00]), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0x81]), None);
    }

    #[test]
    fn values_have_their_types() {
        let record = [7, 0, 1, 9, 2, 15, 16, 0xff, 0x01, 0x00, b'a', 1, 2];
        let expected =
            [Value::Null, Value::Integer(-1), Value::Integer(1), Value::Integer(256), Value::Text("a".to_owned())];
        assert_eq!(parse(&record).unwrap()[..5], expected);
        assert_eq!(parse(&record).unwrap()[5], Value::Blob(vec![1, 2]));
        for end in 0..record.len() {
            assert!(parse(&record[..end]).is_err(), "{end}");
        }
    }
}
