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

/// Masks what stands between the user's colon and the last `@`, wherever that is (a password may hold a `/` that should
/// have been encoded), and each option that names a password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let rest = match rest.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let Some((place, options)) = rest.split_once('?') else { return format!("{scheme}://{rest}") };
    let masked = options.split('&').map(|option| match option.split_once('=') {
        Some((name, _)) if name.contains("password") => format!("{name}=***"),
        _ => option.to_owned(),
    });
    format!("{scheme}://{place}?{}", masked.collect::<Vec<_>>().join("&"))
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
        assert_eq!(without_password("postgres://u:p/q@h/events"), "postgres://u:***@h/events");
        check("postgres://h/e?sslpassword=a&password=b&x=1", Ok("postgres://h/e?sslpassword=***&password=***&x=1"));
        check("postgres://u@h/events", Ok("postgres://u@h/events"));
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
