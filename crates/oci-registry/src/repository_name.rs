//! The name of a repository, read as docker reads it.

use std::fmt;
use std::str::FromStr;

use crate::{RegistryName, RegistryNameError};

/// A repository at a registry: `docker.io/library/alpine`, `registry.example.com:5000/team/app`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName {
    registry: RegistryName,
    path: String,
}

/// A text that is no name of a repository, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct RepositoryNameError {
    text: String,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("has a scheme, expected the name alone, such as `registry.example.com:5000/team/app`")]
    Scheme,
    #[error("names the tag `{tag}`, expected the repository without a tag: `{repository}`")]
    Tag { repository: String, tag: String },
    #[error("names a digest, expected the repository without it: `{repository}`")]
    Digest { repository: String },
    #[error("is at no registry: {0}")]
    Registry(RegistryNameError),
    #[error("has upper case letters, expected lower case behind the registry")]
    UpperCase,
    #[error(
        "has the part `{0}`, expected lower case letters and digits, with one `.`, one or two `_`, \
         or any `-` between them"
    )]
    Component(String),
    #[error("has {0} bytes, expected at most {PATH_BYTES_MAX} behind the registry")]
    TooLong(usize),
}

/// Longest name behind the registry (distribution specification).
const PATH_BYTES_MAX: usize = 255;

impl RepositoryName {
    pub fn registry(&self) -> &RegistryName {
        &self.registry
    }

    /// The name at its registry: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The full name, as it is the resource of an event.
impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl FromStr for RepositoryName {
    type Err = RepositoryNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).map_err(|problem| RepositoryNameError { text: text.chars().take(300).collect(), problem })
    }
}

impl RepositoryName {
    fn read(text: &str) -> Result<Self, Problem> {
        if text.contains("://") {
            return Err(Problem::Scheme);
        }
        if let Some((repository, _)) = text.split_once('@') {
            return Err(Problem::Digest { repository: repository.to_owned() });
        }
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if is_registry(first) => {
                let registry = first.parse().map_err(Problem::Registry)?;
                (registry, rest)
            }
            _ => (RegistryName::docker(), text),
        };
        if let Some((repository, tag)) = path.split_once(':') {
            let repository = text[..text.len() - path.len() + repository.len()].to_owned();
            return Err(Problem::Tag { repository, tag: tag.to_owned() });
        }
        if path.len() > PATH_BYTES_MAX {
            return Err(Problem::TooLong(path.len()));
        }
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Problem::UpperCase);
        }
        if let Some(component) = path.split('/').find(|component| !is_component(component)) {
            return Err(Problem::Component(component.to_owned()));
        }
        // Docker keeps its official images under `library`, and lets everybody leave that out.
        let is_official = registry.is_docker() && !path.contains('/');
        let path = if is_official { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { registry, path })
    }
}

/// Whether the first part of a name is a registry and not a part of the repository: docker's own rule.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// `path-component` of the distribution specification's reference grammar.
fn is_component(component: &str) -> bool {
    let mut separator = String::new();
    let mut is_inside = false;
    for character in component.chars() {
        match character {
            'a'..='z' | '0'..='9' => {
                let joins = matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
                if !joins || (!is_inside && !separator.is_empty()) {
                    return false;
                }
                separator.clear();
                is_inside = true;
            }
            '.' | '_' | '-' => separator.push(character),
            _ => return false,
        }
    }
    is_inside && separator.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        let name = text.parse::<RepositoryName>().map_err(|error| error.to_string());
        let full = name.as_ref().map(ToString::to_string);
        match expected {
            Ok((full_name, endpoint)) => {
                assert_eq!(full.as_deref(), Ok(full_name), "{text}");
                assert_eq!(name.unwrap().registry().endpoint(), endpoint, "{text}");
            }
            Err(part) => assert!(full.as_ref().unwrap_err().contains(part), "{text}: {full:?}"),
        }
    }

    #[test]
    fn names_resolve_as_docker_resolves_them() {
        let docker = "registry-1.docker.io";
        check("alpine", Ok(("docker.io/library/alpine", docker)));
        check("library/alpine", Ok(("docker.io/library/alpine", docker)));
        check("docker.io/alpine", Ok(("docker.io/library/alpine", docker)));
        check("docker.io/library/alpine", Ok(("docker.io/library/alpine", docker)));
        check("index.docker.io/library/alpine", Ok(("docker.io/library/alpine", docker)));
        check("docker.io/wazowskis/sixwheeldrive", Ok(("docker.io/wazowskis/sixwheeldrive", docker)));
        check(
            "registry.example.com:5000/team/app",
            Ok(("registry.example.com:5000/team/app", "registry.example.com:5000")),
        );
        check("localhost/app", Ok(("localhost/app", "localhost")));
        check("Host/app", Ok(("host/app", "host")));
        check("[::1]:5000/app", Ok(("[::1]:5000/app", "[::1]:5000")));
        check("a/b/c/d", Ok(("docker.io/a/b/c/d", docker)));
    }

    #[test]
    fn components_follow_the_grammar() {
        for text in ["a.b/c_d/e__f/g-h/i---j/0", "team/my-app.v2"] {
            assert!(text.parse::<RepositoryName>().is_ok(), "{text}");
        }
        for text in [
            "team/a..b",
            "team/a___b",
            "team/a._b",
            "team/.a",
            "team/a-",
            "team/",
            "/a",
            "team//a",
            "",
            "team/é",
            "team/a b",
        ] {
            check(text, Err("has the part `"));
        }
    }

    #[test]
    fn every_refusal_says_what_would_be_right() {
        check("https://docker.io/a", Err("has a scheme"));
        check("alpine:3.20", Err("names the tag `3.20`, expected the repository without a tag: `alpine`"));
        check("r.example:5000/a/b:1", Err("expected the repository without a tag: `r.example:5000/a/b`"));
        check("alpine@sha256:00", Err("names a digest, expected the repository without it: `alpine`"));
        check("1.2.3.999/a", Err("`1.2.3.999` is no registry"));
        check("team/App", Err("upper case"));
        check(&format!("team/{}", "a".repeat(251)), Err("256 bytes, expected at most 255"));
    }
}
