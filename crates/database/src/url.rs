//! Where a database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A parsed database URL: `sqlite://path/to/file.db` or `postgres://user:password@host:port/name?options`.
///
/// Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    /// As given, password included.
    Postgres(String),
}

/// A text that is no database URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Without what follows the scheme, which may be a password.
    #[error(
        "unknown scheme `{scheme}`, expected `sqlite://path/to/file.db` or `postgres://user:password@host:port/name`"
    )]
    UnknownScheme { scheme: String },
    #[error("no scheme, expected `sqlite://path/to/file.db` or `postgres://user:password@host:port/name`")]
    NoScheme,
    #[error("expected a file after `sqlite://`; a database in memory would forget every event")]
    NoFile,
    #[error("not a PostgreSQL URL: {0}")]
    NotPostgres(String),
}

impl DatabaseUrl {
    pub fn sqlite(file: impl AsRef<Path>) -> Self {
        Self::Sqlite(file.as_ref().to_owned())
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let file = rest.strip_prefix("//").unwrap_or(rest);
            let is_file = !file.is_empty() && !file.contains(":memory:") && !file.contains('?');
            return if is_file { Ok(Self::sqlite(file)) } else { Err(DatabaseUrlError::NoFile) };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return match text.parse::<sea_orm::sqlx::postgres::PgConnectOptions>() {
                Ok(_) => Ok(Self::Postgres(text.to_owned())),
                Err(error) => Err(DatabaseUrlError::NotPostgres(error.to_string())),
            };
        }
        match text.split_once("://") {
            Some((scheme, _)) => Err(DatabaseUrlError::UnknownScheme { scheme: scheme.to_owned() }),
            None => Err(DatabaseUrlError::NoScheme),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite://{}", file.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Masks what stands between the user's colon and the last `@` of the authority, and a `password=` option.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{credentials}@{host}"),
        },
        None => authority.to_owned(),
    };
    let tail = match tail.split_once("password=") {
        Some((before, after)) => {
            let rest = after.split_once('&').map_or(String::new(), |(_, rest)| format!("&{rest}"));
            format!("{before}password=***{rest}")
        }
        None => tail.to_owned(),
    };
    format!("{scheme}://{authority}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, DatabaseUrlError>) {
        assert_eq!(text.parse::<DatabaseUrl>().map(|url| url.to_string()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_password_is_never_printed() {
        check("postgres://u:p@h:5432/events", Ok("postgres://u:***@h:5432/events"));
        check(
            "postgres://u@h/events?password=x&sslmode=require",
            Ok("postgres://u@h/events?password=***&sslmode=require"),
        );
        check("postgres://h/events", Ok("postgres://h/events"));
    }

    #[test]
    fn only_files_and_servers_are_databases() {
        check("sqlite://data/events.db", Ok("sqlite://data/events.db"));
        check("sqlite:///var/lib/events.db", Ok("sqlite:///var/lib/events.db"));
        check("sqlite::memory:", Err(DatabaseUrlError::NoFile));
        check("sqlite://", Err(DatabaseUrlError::NoFile));
        check("mysql://h/x", Err(DatabaseUrlError::UnknownScheme { scheme: "mysql".to_owned() }));
        check("data/events.db", Err(DatabaseUrlError::NoScheme));
    }
}
