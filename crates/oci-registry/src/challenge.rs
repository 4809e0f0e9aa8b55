//! How a registry asks for credentials: the `WWW-Authenticate` header (RFC 9110, 11.6.1).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// One way in which a registry would take credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// In lower case: `basic`, `bearer`.
    scheme: String,
    /// Names in lower case.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Every challenge of an answer; what cannot be read is passed over.
    pub(crate) fn of(headers: &HeaderMap) -> Vec<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(parse).collect()
    }

    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme == scheme
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = split_token(rest);
        if word.is_empty() {
            // A character that no challenge begins with.
            let Some(character) = rest.chars().next() else { return challenges };
            rest = &rest[character.len_utf8()..];
            continue;
        }
        // A word with a value is a parameter of the scheme before it; one without is the next scheme.
        let after = after.trim_start();
        if let (Some(value), Some(challenge)) = (after.strip_prefix('='), challenges.last_mut()) {
            let (value, after) = split_value(value.trim_start());
            challenge.parameters.push((word.to_ascii_lowercase(), value));
            rest = after;
        } else {
            challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
            rest = after;
        }
    }
}

fn split_token(text: &str) -> (&str, &str) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    text.split_at(text.bytes().take_while(|&byte| is_token(byte)).count())
}

/// A value in quotes, with its escapes resolved, or bare.
fn split_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
        let challenges = parse(header);
        let seen: Vec<(&str, Vec<(&str, &str)>)> = challenges
            .iter()
            .map(|challenge| {
                let parameters = challenge.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                (challenge.scheme.as_str(), parameters.collect())
            })
            .collect();
        let expected: Vec<_> = expected.iter().map(|(scheme, parameters)| (*scheme, parameters.to_vec())).collect();
        assert_eq!(seen, expected, "{header}");
    }

    #[test]
    fn challenges_are_read_as_registries_send_them() {
        check(r#"Basic realm="Registry Realm""#, &[("basic", &[("realm", "Registry Realm")])]);
        check(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
            &[(
                "bearer",
                &[
                    ("realm", "https://auth.docker.io/token"),
                    ("service", "registry.docker.io"),
                    ("scope", "repository:a/b:pull,push"),
                ],
            )],
        );
        check(
            r#"Basic realm="a\"b", BEARER Realm = x , error=insufficient_scope"#,
            &[("basic", &[("realm", "a\"b")]), ("bearer", &[("realm", "x"), ("error", "insufficient_scope")])],
        );
        check("Negotiate, Basic", &[("negotiate", &[]), ("basic", &[])]);
    }

    #[test]
    fn what_is_no_challenge_is_passed_over() {
        check("", &[]);
        check("=\"é\",,;", &[]);
        check(r#"Bearer realm="unterminated"#, &[("bearer", &[("realm", "unterminated")])]);
    }
}
