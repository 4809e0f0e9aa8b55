//! The faults, each at a registry of its own.

use fixtures::{Authority, FaultServer, Identity, REGISTRY_USER, Reply, answer, page, sha256};
use serde_json::json;

use crate::harness::free_port;

const LISTING: &str = "list_tags_fail";
const LOOKUP: &str = "system.image_analysis.registry_lookup_failed";
const MANIFEST: &str = "tag_manifest_parse_fail";

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const BASIC: &str = "WWW-Authenticate: Basic realm=\"r\"";
const UNAUTHORIZED: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;

/// One way to fail, and what it must be called.
pub struct Fault {
    pub name: &'static str,
    pub event_type: &'static str,
    pub code: &'static str,
    /// What the event is about.
    pub resource: String,
    /// What is watched: the same, but for a tag that is found in a repository.
    watch: String,
    registry: String,
    is_insecure: bool,
    has_password: bool,
    trusts: bool,
}

/// All of them, failing until this is dropped.
pub struct Faults {
    pub all: Vec<Fault>,
    servers: Vec<FaultServer>,
    authority: Authority,
    closed_port: u16,
}

impl Faults {
    pub fn start() -> Self {
        let mut faults = Self {
            all: Vec::new(),
            servers: Vec::new(),
            authority: Authority::named("ours"),
            closed_port: free_port(),
        };
        faults.add_connections();
        faults.add_tls();
        faults.add_refusals();
        faults.add_token_services();
        faults.add_listings();
        faults.add_manifests();
        faults
    }

    /// The settings of the catalog that watches all of them.
    pub fn settings(&self) -> String {
        let repositories =
            self.all.iter().map(|fault| format!("{{name: '{}', insecure: {}}}", fault.watch, fault.is_insecure));
        let registries = self.all.iter().map(|fault| {
            let credentials = format!("username: {REGISTRY_USER}, password_env: RIGHT_PASSWORD, ");
            let credentials = if fault.has_password { credentials.as_str() } else { "" };
            let authority = format!("ca_file: '{}', ", self.authority.file.path().display());
            let authority = if fault.trusts { authority.as_str() } else { "" };
            format!("{{registry: '{}', {credentials}{authority}requests_per_minute: 6000}}", fault.registry)
        });
        format!(
            "request_timeout: 2s, repositories: [{}], registries: [{}]",
            repositories.collect::<Vec<_>>().join(", "),
            registries.collect::<Vec<_>>().join(", ")
        )
    }

    /// Those that differ from one run to the next.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.servers.iter().map(|server| server.address.port()).chain([self.closed_port])
    }

    /// A repository at a server that answers everything alike.
    fn at_server(
        &mut self,
        name: &'static str,
        code: &'static str,
        reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> &mut Fault {
        let server = FaultServer::plain(reply);
        self.add(name, LISTING, code, server.repository(), server.registry());
        self.servers.push(server);
        self.last()
    }

    /// The tag `1` at a server that answers so.
    fn at_tag(
        &mut self,
        name: &'static str,
        (event_type, code): (&'static str, &'static str),
        reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) {
        let server = FaultServer::plain(reply);
        self.add(name, event_type, code, format!("{}:1", server.repository()), server.registry());
        self.servers.push(server);
    }

    fn at_tls(&mut self, name: &'static str, identity: &Identity) -> &mut Fault {
        let server = FaultServer::tls(identity, |_| page(&[], &[]));
        self.add(name, LISTING, "tls", server.repository(), server.registry());
        self.servers.push(server);
        self.last()
    }

    fn add(
        &mut self,
        name: &'static str,
        event_type: &'static str,
        code: &'static str,
        watch: String,
        registry: String,
    ) {
        self.all.push(Fault {
            name,
            event_type,
            code,
            resource: watch.clone(),
            watch,
            registry,
            is_insecure: true,
            has_password: false,
            trusts: false,
        });
    }

    fn last(&mut self) -> &mut Fault {
        self.all.last_mut().expect("one was added just now")
    }

    fn add_connections(&mut self) {
        let invalid = "registry.invalid".to_owned();
        self.add("a name without an address", LISTING, "dns", format!("{invalid}/team/app"), invalid);
        let closed = format!("127.0.0.1:{}", self.closed_port);
        self.add("a port where nobody listens", LISTING, "connect", format!("{closed}/team/app"), closed);
        self.at_server("a connection that is reset", "connect", |_| Reply::Reset);
        self.at_server("a connection that is closed without an answer", "connect", |_| Reply::Close);
        let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"tags\":[";
        self.at_server("an answer that breaks off", "connect", move |_| Reply::Send(half.into()));
        self.at_server("an answer that does not come", "timeout", |_| Reply::Hang);
        self.at_server("an answer that stops coming", "timeout", move |_| Reply::SendAndHang(half.into()));
        self.at_server("an answer that is not HTTP", "parse", |_| Reply::Send(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()));
        let head =
            |_: &str| Reply::Send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)).into_bytes());
        self.at_server("a head without end", "too_large", head);
        let huge = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
        self.at_server("a list that is too large", "too_large", move |_| Reply::Send(huge.into()));
        self.at_server("redirects without end", "unsupported", |_| answer("302 Found", &["Location: /v2/again"], ""));
    }

    fn add_tls(&mut self) {
        self.at_server("plain HTTP at a port that was taken for TLS", "tls", |_| page(&[], &[])).is_insecure = false;
        let (ours, theirs) = (self.authority.issue("127.0.0.1"), Authority::named("theirs").issue("127.0.0.1"));
        self.at_tls("TLS at a port that was taken for plain HTTP", &ours);
        self.at_tls("a certificate of nobody that is known", &theirs).is_insecure = false;
        let expired = self.authority.issue_until("127.0.0.1", 2020);
        let fault = self.at_tls("a certificate that has expired", &expired);
        (fault.is_insecure, fault.trusts) = (false, true);
        let other = self.authority.issue("registry.example.com");
        let fault = self.at_tls("a certificate for another name", &other);
        (fault.is_insecure, fault.trusts) = (false, true);
        let (self_made, _) = Identity::self_made("127.0.0.1");
        self.at_tls("a certificate that its server has made itself", &self_made).is_insecure = false;
    }

    fn add_refusals(&mut self) {
        let unauthorized = |_: &str| answer("401 Unauthorized", &[BASIC], UNAUTHORIZED);
        self.at_server("credentials are wanted, and there are none", "auth", unauthorized);
        self.at_server("credentials are wrong", "auth", unauthorized).has_password = true;
        let negotiate = |_: &str| answer("401 Unauthorized", &["WWW-Authenticate: Negotiate"], "");
        self.at_server("credentials of a kind that nobody has", "unsupported", negotiate).has_password = true;
        let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        self.at_server("access is denied", "denied", move |_| answer("403 Forbidden", &[], denied)).has_password = true;
        let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
        self.at_server("no such repository", "not_found", move |_| answer("404 Not Found", &[], unknown));
        self.at_server("no registry", "not_found", |_| answer("404 Not Found", &[], "404 page not found"));
        self.at_server("a method that is not allowed", "unsupported", |_| answer("405 Method Not Allowed", &[], ""));
        let limited = |_: &str| answer("429 Too Many Requests", &["Retry-After: 86400"], "");
        self.at_server("too many requests", "rate_limited", limited);
        self.at_server("a registry in trouble", "unavailable", |_| answer("500 Internal Server Error", &[], "oops"));
        let gateway = |_: &str| answer("502 Bad Gateway", &["Content-Type: text/html"], "<h1>Bad gateway</h1>");
        self.at_server("a proxy without its registry", "unavailable", gateway);
        self.at_server("a proxy that wants credentials", "auth", |_| {
            answer("407 Proxy Authentication Required", &[], "")
        });
    }

    fn add_token_services(&mut self) {
        self.at_token_service("a token service that refuses the credentials", "auth", |_| {
            answer("401 Unauthorized", &[], r#"{"details":"incorrect username or password"}"#)
        });
        self.at_token_service("a token service in trouble", "unavailable", |_| answer("503 Later", &[], ""));
        self.at_token_service("a token service that is a web page", "parse", |_| answer("200 OK", &[], "<html>log in"));
        self.at_token_service("a token service without a token", "parse", |_| answer("200 OK", &[], r#"{"token":""}"#));
        self.at_token_service("a token service that hangs", "timeout", |_| Reply::Hang);
        self.at_token_service("a token that the registry does not take", "auth", |head| {
            if head.contains("earer planted-token") {
                let challenge = "WWW-Authenticate: Bearer realm=\"x\",error=\"invalid_token\"";
                return answer("401 Unauthorized", &[challenge], UNAUTHORIZED);
            }
            answer("200 OK", &[], r#"{"token":"planted-token","expires_in":300}"#)
        });
        self.at_token_service("a token that is not enough", "denied", |head| {
            if head.contains("earer planted-token") {
                let challenge = "WWW-Authenticate: Bearer realm=\"x\",error=\"insufficient_scope\"";
                return answer("401 Unauthorized", &[challenge], UNAUTHORIZED);
            }
            answer("200 OK", &[], r#"{"token":"planted-token","expires_in":300}"#)
        });
        let nowhere = |_: &str| answer("401 Unauthorized", &["WWW-Authenticate: Bearer realm=\"nowhere\""], "");
        self.at_server("a token service that has no address", "parse", nowhere).has_password = true;
        let closed = format!("WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{}/token\"", self.closed_port);
        let reply = move |_: &str| answer("401 Unauthorized", &[&closed], "");
        self.at_server("a token service that is down", "connect", reply).has_password = true;
    }

    /// A registry and its token service in one: `reply` answers requests for tokens, and those that show one.
    fn at_token_service(
        &mut self,
        name: &'static str,
        code: &'static str,
        reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) {
        self.at_server(name, code, move |head| {
            if head.starts_with("GET /token") || head.contains("earer planted-token") {
                return reply(head);
            }
            let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
            let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"");
            answer("401 Unauthorized", &[&challenge], UNAUTHORIZED)
        })
        .has_password = true;
    }

    fn add_listings(&mut self) {
        let text = |body: &'static str| move |_: &str| answer("200 OK", &["Content-Type: application/json"], body);
        let html =
            |_: &str| answer("200 OK", &["Content-Type: text/html"], "<html><title>Please log in</title></html>");
        self.at_server("a web page in place of a list", "parse", html);
        self.at_server("a list that is broken JSON", "parse", text(r#"{"name":"team/app","tags":["1""#));
        self.at_server("JSON without a list", "parse", text(r#"{"name":"team/app"}"#));
        self.at_server("nothing in place of a list", "parse", text(""));
        self.at_server("a list of what are no tags", "parse", text(r#"{"tags":["../../etc/passwd"]}"#));
        let again = "Link: </v2/team/app/tags/list?n=1000>; rel=\"next\"";
        self.at_server("pages that lead back", "parse", move |_| page(&["a"], &[again]));
        let foreign = "Link: <http://evil.example/v2/team/app/tags/list>; rel=\"next\"";
        self.at_server("a page at another host", "parse", move |_| page(&["a"], &[foreign]));
        self.at_server("pages that bring nothing new", "parse", |head| {
            let next = 1 + head
                .split("last=")
                .nth(1)
                .and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
                .unwrap_or(0);
            page(&["a"], &[&format!("Link: </v2/team/app/tags/list?last={next}>; rel=\"next\"")])
        });
    }

    fn add_manifests(&mut self) {
        let image = |media_type: &str, document: &str| {
            let (media_type, document) = (format!("Content-Type: {media_type}"), document.to_owned());
            move |head: &str| manifest(head, &media_type, &document, &sha256(document.as_bytes()))
        };
        let config =
            json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(b"{}"), "size": 2});
        let good = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []});
        self.at_tag("a tag that is not there", (LOOKUP, "not_found"), |_| {
            answer("404 Not Found", &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#)
        });
        self.at_tag("a lookup that is refused", (LOOKUP, "denied"), |_| answer("403 Forbidden", &[], ""));
        self.at_tag("a lookup in trouble", (LOOKUP, "unavailable"), |_| answer("503 Later", &[], ""));
        let text = good.to_string();
        self.at_tag("a manifest that is another one", (MANIFEST, "checksum"), move |head| {
            manifest(head, &format!("Content-Type: {OCI_MANIFEST}"), &text, &sha256(b"another"))
        });
        let text = good.to_string();
        self.at_tag("a digest that is none", (MANIFEST, "parse"), move |head| {
            manifest(head, &format!("Content-Type: {OCI_MANIFEST}"), &text, "sha256:garbage")
        });
        self.at_tag("a manifest that is no JSON", (MANIFEST, "parse"), image(OCI_MANIFEST, "garbage"));
        self.at_tag(
            "a web page in place of a manifest",
            (MANIFEST, "parse"),
            image("text/html", "<html>log in</html>"),
        );
        let schema_1 = json!({"schemaVersion": 1, "name": "team/app", "tag": "1", "fsLayers": [], "signatures": []});
        self.at_tag("a manifest of schema 1", (MANIFEST, "unsupported"), image(DOCKER_SCHEMA_1, &schema_1.to_string()));
        let other = json!({"schemaVersion": 2, "mediaType": "application/vnd.example.thing.v1+json"}).to_string();
        let other = image("application/vnd.example.thing.v1+json", &other);
        self.at_tag("a document of an unknown type", (MANIFEST, "unsupported"), other);
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX});
        self.at_tag("an index without manifests", (MANIFEST, "parse"), image(OCI_INDEX, &index.to_string()));
        let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
        self.at_tag("an index of no manifests", (MANIFEST, "parse"), image(OCI_INDEX, &empty.to_string()));
        self.at_tag("a manifest that says it is an index", (MANIFEST, "parse"), image(OCI_INDEX, &good.to_string()));
        let mut broken = good.clone();
        broken["layers"] = json!([{"mediaType": "x", "digest": "md5:0", "size": 1}]);
        self.at_tag("a layer without a digest", (MANIFEST, "parse"), image(OCI_MANIFEST, &broken.to_string()));
        let huge = format!("{{{}}}", " ".repeat(5 * 1024 * 1024));
        self.at_tag("a manifest that is too large", (MANIFEST, "too_large"), image(OCI_MANIFEST, &huge));
        let name = "a listed tag without a manifest";
        let server = FaultServer::plain(|head| {
            if head.contains("/manifests/") { answer("404 Not Found", &[], "") } else { page(&["1"], &[]) }
        });
        self.add(name, MANIFEST, "not_found", server.repository(), server.registry());
        self.last().resource = format!("{}:1", server.repository());
        self.servers.push(server);
    }
}

/// The answer to HEAD or GET of a document that is announced with `digest`.
fn manifest(head: &str, media_type: &str, document: &str, digest: &str) -> Reply {
    let digest = format!("Docker-Content-Digest: {digest}");
    let length = format!("Content-Length: {}", document.len());
    answer("200 OK", &[media_type, &digest, &length], if head.starts_with("HEAD") { "" } else { document })
}
