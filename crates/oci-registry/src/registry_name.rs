//! The name of a registry: whom to ask, and under which name people know it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use outbound::Url;

/// Host and port of a registry, in lower case: `docker.io`, `registry.example.com:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryName(String);

/// A text that is no name of a registry, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no registry, expected host and port without `https://`, such as `registry.example.com:5000`")]
pub struct RegistryNameError(String);

/// Docker's own registry goes by one name and answers at another.
const DOCKER_NAME: &str = "docker.io";
const DOCKER_ENDPOINT: &str = "registry-1.docker.io";
/// The key of the login in docker's own configuration files.
const DOCKER_LOGIN: &str = "https://index.docker.io/v1/";
const DOCKER_ALIASES: [&str; 4] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", DOCKER_LOGIN];

impl RegistryName {
    pub fn docker() -> Self {
        Self(DOCKER_NAME.to_owned())
    }

    pub fn is_docker(&self) -> bool {
        self.0 == DOCKER_NAME
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port that answer for it.
    pub fn endpoint(&self) -> &str {
        if self.is_docker() { DOCKER_ENDPOINT } else { &self.0 }
    }

    /// Whether it is on this host, as far as its name tells.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(&*self.0, |(host, _)| host);
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl FromStr for RegistryName {
    type Err = RegistryNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.to_ascii_lowercase();
        if DOCKER_ALIASES.contains(&name.as_str()) {
            return Ok(Self::docker());
        }
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (name.as_str(), None),
        };
        let port_is_fine = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        // The URL parser has the last word: it knows, for one, that `1.2.3.999` is no host.
        let is_host = is_host(host) && format!("https://{name}/").parse::<Url>().is_ok();
        if port_is_fine && is_host { Ok(Self(name)) } else { Err(RegistryNameError(text.chars().take(64).collect())) }
    }
}

impl fmt::Display for RegistryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `host` of the distribution specification's reference grammar.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    host.split('.').all(|part| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let name = text.parse::<RegistryName>().ok();
        assert_eq!(name.as_ref().map(|name| (name.as_str(), name.endpoint())), expected, "{text}");
    }

    #[test]
    fn a_registry_is_a_host_and_perhaps_a_port() {
        check("registry.example.com:5000", Some(("registry.example.com:5000", "registry.example.com:5000")));
        check("Registry.Example.com", Some(("registry.example.com", "registry.example.com")));
        check("[::1]:5000", Some(("[::1]:5000", "[::1]:5000")));
        check("docker.io", Some(("docker.io", "registry-1.docker.io")));
        check("index.docker.io", Some(("docker.io", "registry-1.docker.io")));
        check("https://index.docker.io/v1/", Some(("docker.io", "registry-1.docker.io")));
        for text in [
            "",
            "https://a.example",
            "a.example/b",
            "a_b.example",
            "-a",
            "a:",
            "a:0",
            "a:70000",
            "a:b",
            "1.2.3.999",
            "[::x]",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_loopback_registry_is_known_by_its_name() {
        for (text, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("[::1]", true),
            ("[::1]:5000", true),
            ("10.0.0.1:5000", false),
            ("docker.io", false),
        ] {
            assert_eq!(text.parse::<RegistryName>().unwrap().is_loopback(), expected, "{text}");
        }
    }
}
