//! The secrets a producer holds, so that they can be taken out of what a peer says.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use crate::redaction::REDACTED;

/// Literal texts that must never appear in an event or a log: passwords and tokens, and the forms in which a peer may
/// send them back. A peer that echoes a request is enough to leak what no pattern would find.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// A secret as it is, and as it looks in a URL and in JSON. An empty one is none.
    pub fn add(&mut self, secret: &str) {
        let json = serde_json::Value::from(secret).to_string();
        for form in [secret.to_owned(), percent_encoded(secret), json[1..json.len() - 1].to_owned()] {
            self.add_form(form);
        }
    }

    /// A password, and what `username:password` becomes in an `Authorization` header.
    pub fn add_credentials(&mut self, username: &str, password: &str) {
        self.add(password);
        let pair = format!("{username}:{password}");
        for form in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].map(|engine| engine.encode(&pair)) {
            self.add_form(form);
        }
    }

    /// `text` with every secret replaced by a mark.
    pub fn remove_from(&self, text: &str) -> String {
        // The mark itself must not spell a secret out.
        let spells_a_secret = |mark: &str| self.0.iter().any(|secret| mark.contains(secret.expose_secret()));
        let mark = if spells_a_secret(REDACTED) { "" } else { REDACTED };
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), mark))
    }

    /// The longest first: a short one inside a long one would leave the rest of the long one behind.
    fn add_form(&mut self, form: String) {
        if form.is_empty() || self.0.iter().any(|known| known.expose_secret() == form) {
            return;
        }
        let at = self.0.partition_point(|known| known.expose_secret().len() > form.len());
        self.0.insert(at, form.into());
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let mut secrets = Secrets::default();
        secrets.add_credentials("u", r#"p"/w"#);
        secrets.add("token-1");
        assert_eq!(secrets.remove_from(text), expected);
    }

    #[test]
    fn a_secret_is_found_in_every_form_a_peer_may_send_back() {
        check(r#"you said p"/w"#, "you said [redacted]");
        check(r#"{"said":"p\"/w"}"#, r#"{"said":"[redacted]"}"#);
        check("?password=p%22%2Fw&n=1", "?password=[redacted]&n=1");
        check("got dTpwIi93, why", "got [redacted], why");
        check("token-1 token-2", "[redacted] token-2");
        check("nothing here", "nothing here");
    }

    #[test]
    fn the_mark_does_not_spell_a_secret_out() {
        let mut secrets = Secrets::default();
        secrets.add("redacted");
        assert_eq!(secrets.remove_from("it is redacted."), "it is .");
        secrets.add("");
        assert_eq!(secrets.remove_from("abc"), "abc");
    }

    proptest! {
        #[test]
        fn no_password_survives(password in "[A-Za-z0-9:/@%\"' é]{4,20}", before in ".{0,40}", after in ".{0,40}") {
            let mut secrets = Secrets::default();
            secrets.add_credentials("user", &password);
            let text = secrets.remove_from(&format!("{before}{password}{after}"));
            prop_assert!(!text.contains(&password), "{}", text);
        }
    }
}
