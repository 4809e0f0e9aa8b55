//! The system as docker-compose.yml runs it, from the programs that cargo has built.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::container::ENGINE_DEADLINE;
use super::{Client, Container, User, client_program, demo_program, free_port, run, server_program};

/// Takes the stack down when the test ends without doing so; an interrupt at the terminal must not end this before its
/// work is done.
const LEASH: &str = r#"trap "" INT TERM HUP; read -r released || { cd "$3"
    docker compose --project-name "$1" down --volumes --timeout 5; docker image rm "$2" "$2-demo"; rm -rf "$3"; }"#;

/// What docker-compose.yml reads, beside the images; of a folder all that is in it.
const FILES: [&str; 4] = ["docker-compose.yml", ".env.example", "config.yaml", "deploy"];

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

impl ComposeStack {
    /// Everything but the containers: the folder of a fresh clone as far as it matters here, the secrets, and the images.
    ///
    /// `name` is this stack's among those of the test run; `settings` replaces parts of config.yaml.
    pub fn prepare(name: &str, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("compose-").tempdir().expect("a temporary directory");
        let project = format!("acceptance-{}-{name}", std::process::id());
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
        for name in FILES {
            copy(&root().join(name), &stack.directory.path().join(name));
        }
        stack.set(settings);
        stack.make_secrets();
        stack.build_images();
        stack
    }

    /// Until every container is healthy.
    pub fn up(&self) {
        self.compose(&["up", "--detach", "--wait", "--no-build"]);
    }

    /// With what stands around the event log in the demo.
    pub fn up_with_demo(&self) {
        self.compose(&["--profile", "demo", "up", "--detach", "--wait", "--no-build"]);
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
        Container::describe(&ids.split_whitespace().collect::<Vec<_>>())
    }

    /// What a service has printed.
    pub fn log(&self, service: &str) -> String {
        self.compose(&["logs", "--no-color", "--no-log-prefix", service])
    }

    /// The doors on this machine that docker-compose.yml may publish.
    pub fn doors(&self) -> [String; 2] {
        [self.gateway_port, self.store_port].map(|port| format!("127.0.0.1:{port}"))
    }

    fn set(&self, settings: &[(&str, &str)]) {
        let file = self.directory.path().join("config.yaml");
        let mut text = std::fs::read_to_string(&file).expect("it was copied");
        for (before, after) in settings {
            assert!(text.contains(before), "config.yaml has `{before}`");
            text = text.replace(before, after);
        }
        std::fs::write(&file, text).expect("a file of our own");
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
    fn build_images(&self) {
        let context = self.directory.path().join("context");
        for program in [server_program(), client_program(), demo_program()] {
            copy(&program, &context.join("programs").join(program.file_name().expect("a program has a name")));
        }
        copy(&root().join("config.yaml"), &context.join("config.yaml"));
        for (target, image) in [("runtime", self.image.clone()), ("demo", format!("{}-demo", self.image))] {
            let mut build = Command::new("docker");
            build.env("DOCKER_BUILDKIT", "1").args(["build", "--quiet", "--target", target, "--tag", &image, "--file"]);
            build.arg(root().join("deploy/Dockerfile"));
            build.args(["--build-arg", "PROGRAMS=built-here", "--build-arg", "BUILT_IN=programs"]).arg(&context);
            run(&mut build, b"", ENGINE_DEADLINE).ok();
        }
        std::fs::remove_dir_all(&context).expect("a folder of our own");
    }

    #[track_caller]
    fn compose(&self, arguments: &[&str]) -> String {
        run(&mut self.compose_command(arguments), b"", ENGINE_DEADLINE).ok()
    }

    fn compose_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.project]).args(arguments).current_dir(self.directory.path());
        command.env("ANCHORE_EVENTS_IMAGE", &self.image).env("ANCHORE_DEMO_IMAGE", format!("{}-demo", self.image));
        // One that no other stack on this machine has, as the port is this stack's own.
        let number = self.gateway_port % 4096;
        command.env("ANCHORE_WEBHOOK_NETWORK", format!("10.229.{}.{}/28", number / 16, number % 16 * 16));
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
            let _ = self.compose_command(&["--profile", "demo", "logs", "--tail", "40"]).status();
        }
        // The end of its input: the leash takes everything down.
        drop(self.leash.stdin.take());
        let _ = self.leash.wait();
    }
}

/// A file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in std::fs::read_dir(from).expect("a folder of the repository") {
            let name = entry.expect("a folder of the repository").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
        return;
    }
    std::fs::create_dir_all(to.parent().expect("a file lies in a folder")).expect("a folder of our own");
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
