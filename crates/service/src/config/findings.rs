//! What is met while a configuration is read: problems, and what each setting was resolved to.

use std::collections::BTreeMap;

use super::{Environment, Problem};

/// What was met so far while the sections were read; shared by all of them.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) environment: Environment,
    pub(super) problems: Vec<Problem>,
    pub(super) ignored: Vec<String>,
    pub(super) resolved: Vec<Resolved>,
    /// Which setting came from which variable.
    pub(super) variables: BTreeMap<String, String>,
}

impl Findings {
    pub(super) fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    /// Notes what is wrong with a setting, and which variable set it.
    pub(super) fn refuse(&mut self, path: String, mut problem: String) {
        if let Some(variable) = self.variables.get(&path) {
            problem = format!("{problem} (set by {variable})");
        }
        self.problems.push(Problem { path, problem });
    }

    /// Notes what a setting is, for people.
    pub(super) fn resolve(&mut self, path: String, is_given: bool, value: &str) {
        let origin = match self.variables.get(&path) {
            _ if !is_given => Origin::Default,
            Some(variable) => Origin::Environment(variable.clone()),
            None => Origin::File,
        };
        self.resolved.push(Resolved { path, value: without_passwords(value), origin });
    }
}

/// A setting as it was resolved, to be shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub path: String,
    /// `***` for a secret.
    pub value: String,
    pub origin: Origin,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File,
    /// The name of the variable.
    Environment(String),
}

/// Masks the passwords of URLs: what stands between `://user:` and `@`.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (authority, rest) = part.split_at(part.find(['/', '?', ',', ']']).unwrap_or(part.len()));
        let authority = match authority.rsplit_once('@') {
            Some((credentials, host)) => {
                let user = credentials.split(':').next().unwrap_or_default();
                format!("{user}:***@{host}")
            }
            None => authority.to_owned(),
        };
        masked.extend(["://", &authority, rest]);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passwords_of_urls_are_masked() {
        let check = |text: &str, expected: &str| assert_eq!(without_passwords(text), expected);
        check("[nats://u:p@h:4222, tls://h]", "[nats://u:***@h:4222, tls://h]");
        check("https://token@h/x?a=b@c", "https://token:***@h/x?a=b@c");
        check("plain", "plain");
    }
}
