//! The system as docker-compose.yml runs it, from the programs that cargo has built.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Client, User, client_program, free_port, run, server_program};

/// Longest that one command of the engine may take; starting the stack is one.
const ENGINE_DEADLINE: Duration = Duration::from_mins(5);

/// Takes the stack down when the test ends without doing so; an interrupt at the terminal must not end this before its
/// work is done.
const LEASH: &str = r#"trap "" INT TERM HUP; read -r released || { cd "$3"
    docker compose --project-name "$1" down --volumes --timeout 5; docker image rm "$2"; rm -rf "$3"; }"#;

/// What docker-compose.yml reads, beside the image.
const FILES: [&str; 5] =
    ["docker-compose.yml", ".env.example", "config.yaml", "deploy/nats.conf", "deploy/postgres.sh"];

/// Variables of this machine that must not reach docker-compose.yml.
const NOT_OURS: [&str; 6] = [
    "ANCHORE_ADMIN_PASSWORD",
    "ANCHORE_EVENTS_CONFIG",
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "NATS_PASSWORD",
    "POSTGRES_PASSWORD",
];

/// A project of its own name, image, secrets and ports; dropping it leaves nothing behind.
pub struct ComposeStack {
    project: String,
    image: String,
    directory: TempDir,
    gateway_port: u16,
    store_port: u16,
    leash: Child,
}

/// One container, as the engine describes it.
pub struct Container {
    /// Its service in docker-compose.yml.
    pub service: String,
    id: String,
    /// `docker inspect`.
    pub description: Value,
}

impl ComposeStack {
    /// Everything but the containers: the folder of a fresh clone as far as it matters here, the secrets, and the image.
    ///
    /// `settings` replaces parts of config.yaml.
    pub fn prepare(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("compose-").tempdir().expect("a temporary directory");
        let project = format!("acceptance{}", std::process::id());
        let image = format!("anchore-events:{project}");
        let leash = Command::new("sh")
            .args(["-c", LEASH, "leash", &project, &image])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let (gateway_port, store_port) = (free_port(), free_port());
        let stack = Self { project, image, directory, gateway_port, store_port, leash };
        stack.copy_files(settings);
        stack.make_secrets();
        stack.build_image();
        stack
    }

    /// Until every container is healthy.
    pub fn up(&self) {
        self.compose(&["up", "--detach", "--wait", "--no-build"]);
    }

    /// Volumes stay.
    pub fn down(&self) {
        self.compose(&["down", "--timeout", "20"]);
    }

    /// Containers and volumes: nothing stays but the image and the secrets.
    pub fn wipe(&self) {
        self.compose(&["down", "--volumes", "--timeout", "20"]);
    }

    /// The database, as deploy/README.md has it backed up.
    pub fn back_up(&self) -> String {
        self.compose(&["exec", "--no-TTY", "postgres", "pg_dump", "--username", "postgres", "events"])
    }

    /// Into a stack that was wiped. Of all containers PostgreSQL alone runs afterwards.
    pub fn restore(&self, backup: &str) {
        self.compose(&["up", "--detach", "--wait", "--no-build", "postgres"]);
        let psql =
            ["exec", "--no-TTY", "postgres", "psql", "--username", "postgres", "--quiet", "--single-transaction"];
        let arguments = [&psql[..], &["--set", "ON_ERROR_STOP=1", "events"]].concat();
        run(&mut self.compose_command(&arguments), backup.as_bytes(), ENGINE_DEADLINE).ok();
    }

    /// The administrator at the public door.
    pub fn client(&self) -> Client {
        let secrets = std::fs::read_to_string(self.directory.path().join(".env")).expect("it was made");
        let password = secrets.lines().find_map(|line| line.strip_prefix("ANCHORE_ADMIN_PASSWORD="));
        let password = password.expect("it is one of the secrets").to_owned();
        let user = User { name: "admin", password: password.leak() };
        Client::new(format!("http://127.0.0.1:{}", self.gateway_port), user, self.directory.path())
    }

    /// What runs now.
    pub fn containers(&self) -> Vec<Container> {
        let ids = self.compose(&["ps", "--quiet"]);
        let ids: Vec<&str> = ids.split_whitespace().collect();
        let described = engine(&[&["inspect"], ids.as_slice()].concat());
        let described: Vec<Value> = serde_json::from_str(&described).expect("JSON");
        let container = |description: Value| Container {
            service: text(&description["Config"]["Labels"]["com.docker.compose.service"]),
            id: text(&description["Id"]),
            description,
        };
        described.into_iter().map(container).collect()
    }

    /// The doors on this machine that docker-compose.yml may publish.
    pub fn doors(&self) -> [String; 2] {
        [self.gateway_port, self.store_port].map(|port| format!("127.0.0.1:{port}"))
    }

    fn copy_files(&self, settings: &[(&str, &str)]) {
        for name in FILES {
            let mut text = std::fs::read_to_string(root().join(name)).expect("a file of the repository");
            for (before, after) in settings.iter().filter(|_| name == "config.yaml") {
                assert!(text.contains(before), "config.yaml has `{before}`");
                text = text.replace(before, after);
            }
            let file = self.directory.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder of our own");
            std::fs::write(&file, text).expect("a file of our own");
        }
    }

    /// By the line that users are told to paste.
    fn make_secrets(&self) {
        let example = std::fs::read_to_string(self.directory.path().join(".env.example")).expect("it was copied");
        let line = example.lines().find_map(|line| line.strip_prefix("#   (").map(|line| format!("({line}")));
        let mut paste = Command::new("sh");
        paste.args(["-c", &line.expect("a line to paste")]).current_dir(self.directory.path());
        run(&mut paste, b"", ENGINE_DEADLINE).ok();
    }

    /// The programs are copied, so that it does not matter where cargo has built them.
    fn build_image(&self) {
        let context = self.directory.path().join("context");
        std::fs::create_dir_all(context.join("programs")).expect("a folder of our own");
        for program in [server_program(), client_program()] {
            let copy = context.join("programs").join(program.file_name().expect("a program has a name"));
            std::fs::copy(&program, copy).expect("the programs were built");
        }
        std::fs::copy(root().join("config.yaml"), context.join("config.yaml")).expect("a file of the repository");
        let mut build = Command::new("docker");
        build.env("DOCKER_BUILDKIT", "1").args(["build", "--quiet", "--tag", &self.image, "--file"]);
        build.arg(root().join("deploy/Dockerfile"));
        build.args(["--build-arg", "PROGRAMS=built-here", "--build-arg", "BUILT_IN=programs"]).arg(&context);
        run(&mut build, b"", ENGINE_DEADLINE).ok();
        std::fs::remove_dir_all(&context).expect("a folder of our own");
    }

    #[track_caller]
    fn compose(&self, arguments: &[&str]) -> String {
        run(&mut self.compose_command(arguments), b"", ENGINE_DEADLINE).ok()
    }

    fn compose_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.project]).args(arguments).current_dir(self.directory.path());
        command.env("ANCHORE_EVENTS_IMAGE", &self.image);
        let [gateway, store] = self.doors();
        command.env("ANCHORE_GATEWAY_DOOR", gateway).env("ANCHORE_STORE_DOOR", store);
        for variable in NOT_OURS {
            command.env_remove(variable);
        }
        command
    }
}

impl Drop for ComposeStack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // All of it, as the reason may stand in any of them.
            let _ = Command::new("docker")
                .args(["compose", "--project-name", &self.project, "logs", "--tail", "40"])
                .status();
        }
        // The end of its input: the leash takes everything down.
        drop(self.leash.stdin.take());
        let _ = self.leash.wait();
    }
}

impl Container {
    /// The identity of its main process on this machine; another one after each restart.
    pub fn process(&self) -> u64 {
        self.description["State"]["Pid"].as_u64().unwrap_or_default()
    }

    /// Empty where the container is well.
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

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
