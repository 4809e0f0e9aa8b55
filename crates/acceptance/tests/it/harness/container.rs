//! One container of a stack, and what can happen to it.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::run;

/// Longest that one command of the engine may take; starting a stack is one.
pub const ENGINE_DEADLINE: Duration = Duration::from_mins(5);

/// As the engine describes it.
pub struct Container {
    /// Its service in docker-compose.yml.
    pub service: String,
    id: String,
    /// `docker inspect`.
    pub description: Value,
}

impl Container {
    /// The containers with these ids, as they are now.
    #[track_caller]
    pub fn describe(ids: &[&str]) -> Vec<Self> {
        let described = engine(&[&["inspect"], ids].concat());
        let described: Vec<Value> = serde_json::from_str(&described).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let container = |description: Value| Self {
            service: text(&description["Config"]["Labels"]["com.docker.compose.service"]),
            id: text(&description["Id"]),
            description,
        };
        described.into_iter().map(container).collect()
    }

    /// The identity of its main process on this machine; another one after each restart.
    pub fn process(&self) -> u64 {
        self.description["State"]["Pid"].as_u64().unwrap_or_default()
    }

    /// `None` where the container is well.
    pub fn trouble(&self) -> Option<String> {
        let state = &self.description["State"];
        let is_well = state["Status"] == "running" && state["Health"]["Status"] == "healthy";
        (!is_well).then(|| format!("{} is {}, {}", self.service, state["Status"], state["Health"]["Status"]))
    }

    /// `kill -9`, from outside: the engine restarts it as after any crash. Killed by the engine it would count as
    /// stopped on purpose.
    pub fn kill9(&self) {
        let killed = Command::new("kill").args(["-9", &self.process().to_string()]).status();
        if !killed.is_ok_and(|status| status.success()) {
            // Only root reaches the process.
            engine(&["kill", &self.id]);
            engine(&["start", &self.id]);
        }
    }

    pub fn pause(&self) {
        engine(&["pause", &self.id]);
    }

    pub fn unpause(&self) {
        engine(&["unpause", &self.id]);
    }

    /// From every network that it is on.
    pub fn disconnect(&self) {
        for network in self.networks() {
            engine(&["network", "disconnect", &network, &self.id]);
        }
    }

    pub fn connect(&self) {
        for network in self.networks() {
            engine(&["network", "connect", "--alias", &self.service, &network, &self.id]);
        }
    }

    fn networks(&self) -> Vec<String> {
        let networks = self.description["NetworkSettings"]["Networks"].as_object();
        networks.expect("a container is on networks").keys().cloned().collect()
    }
}

#[track_caller]
fn engine(arguments: &[&str]) -> String {
    run(Command::new("docker").args(arguments), b"", ENGINE_DEADLINE).ok()
}
