//! The list `services.catalog.registries`: what is configured for a registry beside its name.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::path::PathBuf;

use outbound::CaCertificates;
use secrecy::{ExposeSecret, SecretString};
use service::config::Section;

use crate::RegistryName;
use crate::budget::{REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE_MAX};

/// How to reach a registry that wants more than a request.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    pub registry: RegistryName,
    pub credentials: Option<Credentials>,
    pub ca_certificates: Option<CaCertificates>,
    /// Most requests to it in any minute; `None`: [`REQUESTS_PER_MINUTE`].
    pub requests_per_minute: Option<NonZeroU16>,
}

#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: SecretString,
}

/// Reads `registries` of `section`.
pub fn read_registries(section: &mut Section) -> Vec<RegistryConfig> {
    let mut registries = Vec::new();
    let mut names = BTreeSet::new();
    for mut item in section.sections("registries") {
        let is_named = item.has("registry");
        let name: Option<RegistryName> = item.parse("registry");
        let credentials = read_credentials(&mut item);
        let ca_certificates = read_ca_file(&mut item);
        let requests_per_minute = read_budget(&mut item);
        if let Some(registry) = name {
            if names.insert(registry.clone()) {
                registries.push(RegistryConfig { registry, credentials, ca_certificates, requests_per_minute });
            } else {
                item.refuse("registry", format!("`{registry}` has an entry already"));
            }
        } else if !is_named {
            item.refuse("registry", "missing, expected a registry such as `registry.example.com:5000`");
        }
        item.finish();
    }
    registries
}

fn read_credentials(item: &mut Section) -> Option<Credentials> {
    let has_source = ["password", "password_env", "password_file"].iter().any(|key| item.has(key));
    if item.has("password") {
        // Taken out, so that it is refused once and for this reason, and never shown.
        item.masked_text("password");
        item.refuse("password", "must not stand in this file, expected `password_env` or `password_file` in its place");
    }
    let username = item.text("username");
    let password = item.secret_elsewhere("password_env", "password_file");
    match (username, password) {
        (Some(username), Some(password)) if !password.expose_secret().is_empty() => {
            if username.contains(':') {
                // RFC 7617, section 2: the first colon ends the name.
                item.refuse("username", "contains `:`, which a user name cannot have here");
            }
            return Some(Credentials { username, password });
        }
        (Some(_), Some(_)) => item.refuse("password_file", "the password is empty"),
        (Some(_), None) if !has_source => {
            item.refuse("username", "has no password beside it, expected `password_env` or `password_file`");
        }
        (None, Some(_)) => item.refuse("username", "missing, a password needs one"),
        // A source that gave nothing was refused while it was read.
        (Some(_) | None, None) => {}
    }
    None
}

fn read_budget(item: &mut Section) -> Option<NonZeroU16> {
    let default = u64::from(REQUESTS_PER_MINUTE.get());
    let number = item.number("requests_per_minute", default, 1..=u64::from(REQUESTS_PER_MINUTE_MAX));
    u16::try_from(number).ok().and_then(NonZeroU16::new)
}

fn read_ca_file(item: &mut Section) -> Option<CaCertificates> {
    let file: PathBuf = item.text("ca_file")?.into();
    match CaCertificates::read(&file) {
        Ok(certificates) => Some(certificates),
        Err(error) => {
            item.refuse("ca_file", format!("`{}` {error}", file.display()));
            None
        }
    }
}
