//! The first screen: where it listens, what it watches, how to see events, where the data lies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::service_name::ServiceName;
use crate::version::VERSION;

/// The addresses that this process listens at, as the system gave them.
#[derive(Default)]
pub struct Doors {
    pub services: BTreeMap<ServiceName, SocketAddr>,
    pub admin: Option<SocketAddr>,
}

/// What the first screen tells.
pub struct Screen<'a> {
    pub config: &'a Config,
    pub services: &'a [ServiceName],
    pub doors: &'a Doors,
    pub made_up_password: Option<&'a SecretString>,
}

pub fn print(screen: &Screen<'_>) {
    print!("{}", screen.text());
}

impl Screen<'_> {
    fn text(&self) -> String {
        let mut text = format!("\nanchore-events {}\n\n", *VERSION);
        let mut line = |label: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {label:<11} {value}");
        };
        let scheme = if self.config.tls.is_some() { "https" } else { "http" };
        if let Some(address) = self.doors.services.get(&ServiceName::Gateway) {
            line("listens", &format!("{scheme}://{address}  REST /v1, gRPC and /health"));
        }
        if let Some(address) = self.doors.services.get(&ServiceName::EventsStore) {
            line("", &format!("{scheme}://{address}  gRPC of the events-store itself"));
        }
        if let Some(address) = self.doors.admin {
            line("", &format!("{scheme}://{address}  /metrics, /livez, /readyz"));
        }
        if self.services.contains(&ServiceName::Catalog) {
            line("watches", &self.watched());
        }
        if self.services.contains(&ServiceName::PolicyEngine) && !self.config.policy_engine.feeds.is_empty() {
            line("syncs", &self.synced());
        }
        line("data", &absolute(&self.config.data_dir).display().to_string());
        if let Some(password) = self.made_up_password {
            line("sign in as", &format!("admin, password {}", password.expose_secret()));
            let file = absolute(&self.config.data_dir).join(accounts::ADMIN_PASSWORD_FILE);
            line("", &format!("(kept in {})", file.display()));
        }
        if let Some(address) = self.doors.services.get(&ServiceName::Gateway) {
            text.push_str("\n  To see events, paste this into another terminal:\n\n");
            let _ = writeln!(text, "    {}{} event list", self.variables(scheme, &address.to_string()), client());
        }
        text.push_str("\n  Ctrl-C stops. The log follows.\n\n");
        text
    }

    fn watched(&self) -> String {
        let catalog = &self.config.catalog;
        let names: Vec<String> = catalog.repositories.iter().map(|watch| watch.key.to_string()).collect();
        match names.as_slice() {
            [] => "what `anchore-cli repo add` has added, and nothing in `services.catalog.repositories`".to_owned(),
            names => format!("{} every {}", names.join(", "), service::config::format_span(catalog.repo_watcher)),
        }
    }

    fn synced(&self) -> String {
        let policy_engine = &self.config.policy_engine;
        let feed = |feed: &policy_engine::FeedConfig| {
            let groups: Vec<String> = feed.groups.iter().map(ToString::to_string).collect();
            format!("{} {}", feed.name, groups.join(", "))
        };
        let feeds: Vec<String> = policy_engine.feeds.iter().map(feed).collect();
        format!("{} every {}", feeds.join("; "), service::config::format_span(policy_engine.feed_sync))
    }

    /// The variables that the line needs; the address only where it is not the client's default.
    fn variables(&self, scheme: &str, address: &str) -> String {
        let password = match self.made_up_password {
            Some(password) => password.expose_secret().to_owned(),
            None if self.config.accounts.is_from_environment => format!("${}", accounts::ADMIN_PASSWORD_VARIABLE),
            None => "YOUR-PASSWORD".to_owned(),
        };
        let user = self.config.accounts.accounts.first().map_or("admin".to_owned(), |account| account.name.to_string());
        let mut variables = format!("ANCHORE_CLI_USER={user} ANCHORE_CLI_PASS={password} ");
        if scheme != "http" || address != "127.0.0.1:8228" {
            let _ = write!(variables, "ANCHORE_CLI_URL={scheme}://{address}/v1 ");
        }
        variables
    }
}

/// How the client is started: through cargo when this program was, else the one that lies beside it, else by its name.
fn client() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let was_built_by_cargo =
        program.components().any(|part| part.as_os_str() == "target") && Path::new("crates/cli/Cargo.toml").exists();
    if was_built_by_cargo {
        return "cargo run -q -p cli --".to_owned();
    }
    let beside = program.with_file_name("anchore-cli");
    if beside.exists() { beside.display().to_string() } else { "anchore-cli".to_owned() }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
