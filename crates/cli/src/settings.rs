//! What the flags, the credentials file and the environment say together.
//!
//! Precedence is that of anchore-cli 0.8.0 and later (contract 4.1): flag, `default` map of the credentials file,
//! environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use event::AccountName;

use crate::failure::Failure;
use crate::flags::GlobalFlags;
use crate::output::Format;

const URL_DEFAULT: &str = "http://localhost:8228/v1";

#[derive(Debug)]
pub struct Settings {
    pub url: String,
    pub credentials: Credentials,
    /// The account to act for, where it is not the user's own.
    pub as_account: Option<AccountName>,
    /// Whether the server's TLS certificate must be right.
    pub verifies_tls: bool,
    pub format: Format,
    pub debug: bool,
}

pub struct Credentials {
    pub user: String,
    pub password: String,
}

/// Without the password.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the credentials file and the environment.
    ///
    /// # Errors
    /// A file that cannot be read, missing credentials, or a value that is not understood.
    pub fn load(flags: &GlobalFlags) -> Result<Self, Failure> {
        flags.check()?;
        let named = flags.config.clone().or_else(|| environment("ANCHORE_CLI_CONFIG").map(PathBuf::from));
        let file = match &named {
            Some(path) => read_file(path)?
                .ok_or_else(|| Failure::usage(format!("the credentials file `{}` does not exist", path.display())))?,
            None => match std::env::home_dir() {
                Some(home) => read_file(&home.join(".anchore/credentials.yaml"))?.unwrap_or_default(),
                None => Values::default(),
            },
        };
        Self::resolve(flags, &file, &environment)
    }

    fn resolve(
        flags: &GlobalFlags,
        file: &Values,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let value = |flag: &Option<String>, name: &str| {
            let given = flag.clone().or_else(|| file.get(name).cloned()).or_else(|| environment(name));
            given.filter(|text| !text.is_empty())
        };
        let switch = |name: &str| value(&None, name).map(|text| parse_switch(name, &text)).transpose();
        let credentials = match (value(&flags.user, "ANCHORE_CLI_USER"), value(&flags.password, "ANCHORE_CLI_PASS")) {
            (Some(user), Some(password)) => Credentials { user, password },
            (user, _) => {
                let missing = if user.is_none() { "no user is given" } else { "no password is given" };
                return Err(Failure::usage(format!(
                    "{missing}: use --u USER and --p PASSWORD, or set ANCHORE_CLI_USER and ANCHORE_CLI_PASS, in the \
                     environment or under `default:` in ~/.anchore/credentials.yaml"
                )));
            }
        };
        let as_account = value(&flags.as_account, "ANCHORE_CLI_ACCOUNT")
            .map(|name| name.parse().map_err(|error| Failure::usage(format!("--as-account: {error}"))))
            .transpose()?;
        let format = match flags.format() {
            Some(format) => format,
            None if switch("ANCHORE_CLI_JSON")? == Some(true) => Format::Json,
            None => Format::default(),
        };
        Ok(Self {
            url: value(&flags.url, "ANCHORE_CLI_URL").unwrap_or_else(|| URL_DEFAULT.to_owned()),
            credentials,
            as_account,
            verifies_tls: !flags.insecure && switch("ANCHORE_CLI_SSL_VERIFY")?.unwrap_or(true),
            format,
            debug: flags.debug || switch("ANCHORE_CLI_DEBUG")?.unwrap_or(false),
        })
    }

    /// Who owns the events that are published without an account.
    ///
    /// # Errors
    /// A user whose name cannot be an account's.
    pub fn account(&self) -> Result<AccountName, Failure> {
        match &self.as_account {
            Some(account) => Ok(account.clone()),
            None => self.credentials.user.parse().map_err(|error| Failure::usage(format!("--u: {error}"))),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place of this program that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Old clients knew `y` and `n`; a text that is neither is no reason to guess.
fn parse_switch(name: &str, text: &str) -> Result<bool, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "1" => Ok(true),
        "n" | "no" | "false" | "0" => Ok(false),
        _ => Err(Failure::usage(format!("{name}: expected `y` or `n`, got `{text}`"))),
    }
}

/// The `default` map of a credentials file, by the names of the variables.
type Values = BTreeMap<String, String>;

/// `None` when there is no such file.
fn read_file(path: &Path) -> Result<Option<Values>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse_file(&text)
            .map(Some)
            .map_err(|problem| Failure::usage(format!("the credentials file `{}`: {problem}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("the credentials file `{}` cannot be read: {error}", path.display()))),
    }
}

fn parse_file(text: &str) -> Result<Values, String> {
    if text.trim().is_empty() {
        return Ok(Values::default());
    }
    let mut sections: BTreeMap<String, Option<BTreeMap<String, Option<String>>>> =
        serde_saphyr::from_str(text).map_err(|_| "expected YAML with a map `default:` of names to texts".to_owned())?;
    let values = sections.remove("default").flatten().unwrap_or_default();
    Ok(values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "default:\n  ANCHORE_CLI_USER: filed\n  ANCHORE_CLI_PASS: 0123\n  ANCHORE_CLI_SSL_VERIFY: n\n";

    fn flags() -> GlobalFlags {
        GlobalFlags::default()
    }

    fn resolve(flags: &GlobalFlags, file: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let environment =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        Settings::resolve(flags, &parse_file(file)?, &environment).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_environment() {
        let variables = [("ANCHORE_CLI_USER", "env"), ("ANCHORE_CLI_PASS", "secret"), ("ANCHORE_CLI_URL", "http://e")];
        let check = |flags: &GlobalFlags, file: &str, expected: (&str, &str, &str)| {
            let settings = resolve(flags, file, &variables).unwrap();
            let Credentials { user, password } = &settings.credentials;
            assert_eq!((user.as_str(), password.as_str(), settings.url.as_str()), expected);
        };
        check(&flags(), "", ("env", "secret", "http://e"));
        check(&flags(), FILE, ("filed", "0123", "http://e"));
        check(&GlobalFlags { user: Some("me".into()), ..flags() }, FILE, ("me", "0123", "http://e"));
    }

    #[test]
    fn defaults_and_switches() {
        let variables = [("ANCHORE_CLI_USER", "admin"), ("ANCHORE_CLI_PASS", "x"), ("ANCHORE_CLI_JSON", "Y")];
        let settings = resolve(&flags(), "", &variables).unwrap();
        assert_eq!(settings.url, URL_DEFAULT);
        assert_eq!(settings.format, Format::Json);
        assert!(settings.verifies_tls && !settings.debug);
        let settings = resolve(&GlobalFlags { output: Some(Format::Csv), ..flags() }, FILE, &variables).unwrap();
        assert_eq!(settings.format, Format::Csv);
        assert!(!settings.verifies_tls);
        let refused = resolve(&flags(), "", &[variables[0], variables[1], ("ANCHORE_CLI_DEBUG", "maybe")]);
        assert_eq!(refused.unwrap_err(), "ANCHORE_CLI_DEBUG: expected `y` or `n`, got `maybe`");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |file: &str, variables: &[(&str, &str)], expected: &str| {
            let refused = resolve(&flags(), file, variables).unwrap_err();
            assert!(refused.starts_with(expected), "{refused}");
        };
        check("", &[], "no user is given: use --u USER");
        check("default:\n", &[("ANCHORE_CLI_USER", "a")], "no password is given");
        check("default: [", &[], "expected YAML");
        check(FILE, &[("ANCHORE_CLI_ACCOUNT", "a b")], "--as-account: `a b` is no account name");
    }

    #[test]
    fn a_password_does_not_show() {
        let credentials = Credentials { user: "admin".into(), password: "foobar".into() };
        assert!(!format!("{credentials:?}").contains("foobar"));
    }
}
