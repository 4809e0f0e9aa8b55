//! Text databases of paragraphs: lines `key: value` of one package, then an empty line.

use std::io::{BufRead, Read};

use super::{Problem, text};

/// Longest line that is read, in bytes: lists of dependencies grow long.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// What one paragraph has under the keys that were asked for, in their order.
pub type Fields<const N: usize> = [Option<String>; N];

/// Hands the values under `keys` of each paragraph to `take`. Returns how many paragraphs there are.
///
/// # Errors
/// A line that no database has, or what `take` refuses.
pub fn each<const N: usize>(
    mut source: impl BufRead,
    keys: [&str; N],
    mut take: impl FnMut(Fields<N>) -> Result<(), Problem>,
) -> Result<u64, Problem> {
    let mut fields = [const { None }; N];
    let (mut paragraphs, mut is_inside, mut has_ended) = (0, false, false);
    let (mut number, mut line) = (0_u64, Vec::new());
    while !has_ended {
        line.clear();
        number += 1;
        let read = source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        has_ended = read == 0;
        if read as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            return Err(Problem::too_large(format!("line {number} is longer than {LINE_BYTES_MAX} bytes")));
        }
        if line.contains(&0) {
            return Err(Problem::parse(format!("line {number} is no text")));
        }
        let content = String::from_utf8_lossy(&line);
        let content = content.trim_end_matches(['\n', '\r']);
        if content.is_empty() {
            if is_inside {
                paragraphs += 1;
                take(std::mem::replace(&mut fields, [const { None }; N]))?;
            }
            is_inside = false;
            continue;
        }
        is_inside = true;
        // A line that begins with a blank goes on with the one before, and has none of the keys.
        if let Some((key, value)) = content.split_once(':')
            && let Some(at) = keys.iter().position(|known| *known == key)
        {
            fields[at] = Some(text(value)).filter(|value| !value.is_empty());
        }
    }
    Ok(paragraphs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(database: &str, expected: Result<&[Fields<2>], &str>) {
        let mut seen = Vec::new();
        let read = each(database.as_bytes(), ["P", "V"], |fields| {
            seen.push(fields);
            Ok(())
        });
        let read = read.map(|_| seen.as_slice()).map_err(|problem| problem.reason);
        assert_eq!(read, expected.map_err(str::to_owned), "{database}");
    }

    #[test]
    fn a_paragraph_ends_with_an_empty_line_or_the_file() {
        let fields = |p: &str, v: Option<&str>| [Some(p.to_owned()), v.map(str::to_owned)];
        check("P:a\nV:1\nX:y\n\n\nP:b\n V:2\nnothing", Ok(&[fields("a", Some("1")), fields("b", None)]));
        check("P: a\r\nV: 1:2\r\n\r\n", Ok(&[fields("a", Some("1:2"))]));
        check("P:a\nP:b", Ok(&[fields("b", None)]));
        check("X:y\n", Ok(&[[None, None]]));
        check("", Ok(&[]));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        check("P:a\n\0\n", Err("line 2 is no text"));
        check(&format!("P:{}", "a".repeat(1 << 20)), Err("line 1 is longer than 1048576 bytes"));
    }
}
