//! The flags that say what an endpoint is; add and update share them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use event::Level;
use proto::events::v1::EventFilter;
use proto::level_to_proto;
use proto::notifier::v1;

use crate::failure::Failure;
use crate::settings::environment;
use crate::span::parse_span;

/// Largest file that a flag may name, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, Default, Args)]
pub struct SettingsFlags {
    /// Form of the request's body; `anchore` for a new endpoint
    #[arg(long, value_name = "FORM")]
    format: Option<FormatFlag>,
    /// Events of this level only, `info` or `error`; without it, of both
    #[arg(long, value_name = "LEVEL")]
    level: Vec<String>,
    /// Events of this type only, by either of its names, such as `list_tags_fail` or `feed_*`; `*` stands for any text
    #[arg(long = "event_type", alias = "event-type", value_name = "TEXT")]
    event_type: Option<String>,
    /// Events of this service only, such as `catalog` or `policy_engine`
    #[arg(long, value_name = "TEXT")]
    service: Option<String>,
    /// Events of this host only
    #[arg(long, value_name = "TEXT")]
    host: Option<String>,
    /// Events about this type of resource only, such as `repository` or `image_tag`
    #[arg(long = "resource_type", alias = "resource-type", value_name = "TEXT")]
    resource_type: Option<String>,
    /// Events about this resource only, such as `docker.io/library/alpine`
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    /// Every event: removes the filter and the levels that were set before
    #[arg(long)]
    everything: bool,
    /// Whether a later notification about a resource waits for the earlier one; not so for a new endpoint
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    ordered: Option<bool>,
    /// A header of every request, such as `X-Api-Key: abc`; may be given several times
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Environment variable, read by this command, that holds the secret by which requests are signed (`whsec_...`, or
    /// `whsk_...`)
    #[arg(long, value_name = "VARIABLE", conflicts_with = "secret_file")]
    secret_env: Option<String>,
    /// File, read by this command, that holds the secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// User of HTTP Basic credentials
    #[arg(long, value_name = "NAME")]
    webhook_user: Option<String>,
    /// Environment variable, read by this command, that holds the password
    #[arg(long, value_name = "VARIABLE", conflicts_with = "password_file")]
    password_env: Option<String>,
    /// File that holds the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Environment variable, read by this command, that holds a bearer token
    #[arg(long, value_name = "VARIABLE", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// File that holds a bearer token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Our certificate, PEM, for a receiver that wants one
    #[arg(long, value_name = "FILE")]
    client_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE")]
    client_key: Option<PathBuf>,
    /// File of certificate authorities to trust besides those of the notifier's machine, PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Whether the receiver's certificate is checked; so for a new endpoint
    #[arg(long = "ssl_verify", alias = "ssl-verify", value_name = "BOOL")]
    ssl_verify: Option<bool>,
    /// From the request to the end of the answer, 1s to 1m; 15s for a new endpoint
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// Requests under way at the same time, of each replica, 1 to 100; 4 for a new endpoint
    #[arg(long, value_name = "NUMBER")]
    concurrency: Option<i32>,
    /// Requests in a second, of each replica, at most 1000; 0, as for a new endpoint: no bound
    #[arg(long, value_name = "NUMBER")]
    rate: Option<i32>,
    /// Notifications that may wait, 1 to 1000000; more are given up at once. 100000 for a new endpoint
    #[arg(long, value_name = "NUMBER")]
    backlog: Option<i32>,
    /// How long a notification is tried, 1s to 30d; 1d for a new endpoint
    #[arg(long, value_name = "TIME")]
    retry_span: Option<String>,
    /// The first wait before it is tried again, doubled each time, 1s to 1h; 10s for a new endpoint
    #[arg(long, value_name = "TIME")]
    retry_first: Option<String>,
    /// The longest wait, 1s to 1d; 1h for a new endpoint
    #[arg(long, value_name = "TIME")]
    retry_max: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatFlag {
    /// What receivers of anchore-engine know.
    Anchore,
    /// The stored record.
    Event,
    /// CloudEvents 1.0, all of it in the body.
    Cloudevents,
    /// CloudEvents 1.0, its attributes in headers.
    CloudeventsBinary,
    /// Slack and Mattermost.
    Slack,
}

impl SettingsFlags {
    /// Sets what was given in `endpoint`, and returns what that is, as an update names it.
    ///
    /// # Errors
    /// A flag whose value is not understood, or a file or variable that cannot be read.
    pub fn apply(&self, endpoint: &mut v1::Endpoint) -> Result<Vec<String>, Failure> {
        let mut given = Vec::new();
        let mut note = |is_given: bool, path: &str| {
            if is_given {
                given.push(path.to_owned());
            }
        };
        if let Some(format) = self.format {
            endpoint.format = format.to_proto().into();
        }
        note(self.format.is_some(), "format");
        note(self.apply_filter(endpoint)?, "filter");
        if !self.level.is_empty() || self.everything {
            let levels = self.level.iter().map(|level| parse_level(level));
            endpoint.levels = levels.collect::<Result<_, _>>()?;
        }
        note(!self.level.is_empty() || self.everything, "levels");
        endpoint.ordered = self.ordered.unwrap_or(endpoint.ordered);
        note(self.ordered.is_some(), "ordered");
        endpoint.headers =
            self.header.iter().map(|header| parse_header(header)).collect::<Result<HashMap<_, _>, _>>()?;
        note(!self.header.is_empty(), "headers");
        note(self.apply_credentials(endpoint)?, "credentials");
        endpoint.ssl_verify = self.ssl_verify;
        note(self.ssl_verify.is_some(), "ssl_verify");
        if let Some(file) = &self.ca_file {
            endpoint.ca_pem = read("--ca-file", file)?;
        }
        note(self.ca_file.is_some(), "ca_pem");
        note(self.apply_limits(endpoint)?, "limits");
        note(self.apply_retry(endpoint)?, "retry");
        Ok(given)
    }

    fn apply_filter(&self, endpoint: &mut v1::Endpoint) -> Result<bool, Failure> {
        let parts = [&self.event_type, &self.service, &self.host, &self.resource_type, &self.resource];
        let is_given = parts.iter().any(|part| part.is_some());
        if is_given && self.everything {
            return Err(Failure::usage("--everything removes every filter, expected it without another filter flag"));
        }
        if is_given || self.everything {
            let [r#type, service, host_id, resource_type, resource_id] =
                parts.map(|part| part.clone().unwrap_or_default());
            let filter = EventFilter { r#type, service, host_id, resource_type, resource_id, ..EventFilter::default() };
            endpoint.filter = Some(filter);
        }
        Ok(is_given || self.everything)
    }

    fn apply_credentials(&self, endpoint: &mut v1::Endpoint) -> Result<bool, Failure> {
        let pem = |flag: &str, file: &Option<PathBuf>| file.as_deref().map(|file| read(flag, file)).transpose();
        let credentials = v1::Credentials {
            secret: elsewhere("--secret", self.secret_env.as_deref(), self.secret_file.as_deref())?,
            user: self.webhook_user.clone(),
            password: elsewhere("--password", self.password_env.as_deref(), self.password_file.as_deref())?,
            bearer_token: elsewhere("--token", self.token_env.as_deref(), self.token_file.as_deref())?,
            client_certificate_pem: pem("--client-cert", &self.client_cert)?,
            client_key_pem: pem("--client-key", &self.client_key)?,
        };
        let is_given = credentials != v1::Credentials::default();
        endpoint.credentials = is_given.then_some(credentials);
        Ok(is_given)
    }

    fn apply_limits(&self, endpoint: &mut v1::Endpoint) -> Result<bool, Failure> {
        let mut limits = endpoint.limits.unwrap_or_default();
        let before = limits;
        limits.timeout = time("--timeout", self.timeout.as_ref())?.or(limits.timeout);
        limits.concurrency_max = self.concurrency.or(limits.concurrency_max);
        limits.requests_per_second_max = self.rate.or(limits.requests_per_second_max);
        limits.backlog_max = self.backlog.or(limits.backlog_max);
        endpoint.limits = Some(limits);
        Ok(limits != before)
    }

    fn apply_retry(&self, endpoint: &mut v1::Endpoint) -> Result<bool, Failure> {
        let mut retry = endpoint.retry.unwrap_or_default();
        let before = retry;
        retry.span = time("--retry-span", self.retry_span.as_ref())?.or(retry.span);
        retry.first_delay = time("--retry-first", self.retry_first.as_ref())?.or(retry.first_delay);
        retry.delay_max = time("--retry-max", self.retry_max.as_ref())?.or(retry.delay_max);
        endpoint.retry = Some(retry);
        Ok(retry != before)
    }
}

impl FormatFlag {
    fn to_proto(self) -> v1::Format {
        match self {
            Self::Anchore => v1::Format::Anchore,
            Self::Event => v1::Format::Event,
            Self::Cloudevents => v1::Format::Cloudevents,
            Self::CloudeventsBinary => v1::Format::CloudeventsBinary,
            Self::Slack => v1::Format::Slack,
        }
    }
}

fn parse_level(level: &str) -> Result<i32, Failure> {
    let level: Level = level.parse().map_err(|error| Failure::usage(format!("--level: {error}")))?;
    Ok(level_to_proto(Some(level)).into())
}

fn parse_header(header: &str) -> Result<(String, String), Failure> {
    let parts = header.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    parts.ok_or_else(|| Failure::usage("--header: expected a name and a value, such as `X-Api-Key: abc`"))
}

fn time(flag: &str, text: Option<&String>) -> Result<Option<prost_types::Duration>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let span = parse_span(text).map_err(|problem| Failure::usage(format!("{flag}: {problem}")))?;
    let span = prost_types::Duration::try_from(span);
    span.map(Some).map_err(|error| Failure::usage(format!("{flag}: {error}")))
}

/// A secret that does not stand on the command line, where others could see it.
fn elsewhere(flag: &str, variable: Option<&str>, file: Option<&Path>) -> Result<Option<String>, Failure> {
    if let Some(name) = variable {
        let value = environment(name).filter(|value| !value.is_empty());
        let unset = || Failure::usage(format!("{flag}-env: the environment variable `{name}` is not set"));
        return value.map(Some).ok_or_else(unset);
    }
    let Some(file) = file else { return Ok(None) };
    Ok(Some(read(&format!("{flag}-file"), file)?.trim_end_matches(['\r', '\n']).to_owned()))
}

fn read(flag: &str, file: &Path) -> Result<String, Failure> {
    let length = std::fs::metadata(file).map(|metadata| metadata.len());
    match length.and_then(|length| Ok((length, std::fs::read_to_string(file)?))) {
        Ok((length, _)) if length > FILE_BYTES_MAX => {
            Err(Failure::usage(format!("{flag}: {length} bytes, expected at most {FILE_BYTES_MAX}")))
        }
        Ok((_, text)) => Ok(text),
        Err(error) => Err(Failure::usage(format!("{flag}: `{}` cannot be read: {error}", file.display()))),
    }
}
