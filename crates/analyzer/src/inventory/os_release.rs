//! `os-release`: assignments as a shell reads them (os-release(5)).

use super::{Distribution, Problem, text};
use crate::rootfs::KeptFile;

/// What the file says where it does not name itself.
const ID_DEFAULT: &str = "linux";

pub fn parse(file: &KeptFile) -> Result<Distribution, Problem> {
    if !file.is_whole() {
        return Err(Problem::too_large(format!("is larger than {} bytes", file.bytes())));
    }
    let content = file.beginning(file.bytes())?;
    let content = String::from_utf8(content).map_err(|_| Problem::parse("is no text"))?;
    let lines = content.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let assignments: Vec<(&str, String)> =
        lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key, unquoted(value))).collect();
    // The last assignment counts, as in a shell.
    let value = |key: &str| {
        let mut values = assignments.iter().rev().filter(|(known, _)| *known == key).map(|(_, value)| text(value));
        values.next().filter(|value| !value.is_empty())
    };
    let (id, version) = (value("ID"), value("VERSION_ID").or_else(|| value("BUILD_ID")));
    let name = value("PRETTY_NAME").or_else(|| value("NAME"));
    if id.is_none() && name.is_none() {
        return Err(Problem::parse("has neither `ID` nor `NAME`"));
    }
    Ok(Distribution { id: id.unwrap_or_else(|| ID_DEFAULT.to_owned()), version, name })
}

/// The value without the quotes and escapes of a shell.
fn unquoted(value: &str) -> String {
    let mut plain = String::new();
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            (None | Some('"'), '\\') => plain.extend(characters.next()),
            (None, ' ' | '\t') => break,
            (_, character) => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: Result<(&str, Option<&str>, Option<&str>), &str>) {
        let file = KeptFile::take(&mut content.as_bytes(), 1024).unwrap().unwrap();
        let seen = parse(&file).map_err(|problem| problem.reason);
        let seen = seen.as_ref().map(|seen| (seen.id.as_str(), seen.version.as_deref(), seen.name.as_deref()));
        assert_eq!(seen.map_err(String::as_str), expected);
    }

    #[test]
    fn assignments_are_read_as_a_shell_reads_them() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        check(debian, Ok(("debian", Some("12"), Some("Debian GNU/Linux 12 (bookworm)"))));
        check("# a\n\nID='alpine'\nID=wolfi # b\nNAME=\"a \\\"b\\\" \\$c\"", Ok(("wolfi", None, Some("a \"b\" $c"))));
        check("NAME=Arch\nBUILD_ID=rolling", Ok(("linux", Some("rolling"), Some("Arch"))));
        check("ID=a\r\nVERSION_ID=\n", Ok(("a", None, None)));
    }

    #[test]
    fn what_names_nothing_is_unknown() {
        check("", Err("has neither `ID` nor `NAME`"));
        check("<html>", Err("has neither `ID` nor `NAME`"));
        check(&"x".repeat(1025), Err("is larger than 1024 bytes"));
    }
}
