//! Doors behind TLS.

use std::path::Path;
use std::process::Command;

use fixtures::Authority;

use crate::harness::{
    ADMIN, Client, DEADLINE, Process, any_ports, event, eventually, free_port, holds, id_of, run, server_program,
};

/// `anchore-events`, in one process, with the configuration of `folder`.
fn server(folder: &Path, admin_port: u16, gateway_port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(server_program());
    command.args(arguments).env_clear().env("ANCHORE_ADMIN_PASSWORD", ADMIN.password).current_dir(folder);
    any_ports(&mut command);
    command.env("ANCHORE_EVENTS__ADMIN__PORT", admin_port.to_string());
    command.env("ANCHORE_EVENTS__SERVICES__GATEWAY__PORT", gateway_port.to_string());
    command
}

#[test]
fn every_door_speaks_tls_where_a_certificate_is_configured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let authority = Authority::named("acceptance");
    let identity = authority.issue("127.0.0.1");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file of our own");
    write("authority.pem", &authority.pem);
    write("certificate.pem", &identity.certificate_pem);
    write("key.pem", &identity.key_pem);
    write("config.yaml", "tls: {cert: certificate.pem, key: key.pem}");
    let (admin_port, gateway_port) = (free_port(), free_port());
    let server = |arguments: &[&str]| server(folder, admin_port, gateway_port, arguments);
    let process = Process::start(&mut server(&[]), folder, "server");
    eventually(DEADLINE, || {
        let health = run(&mut server(&["health"]), b"", DEADLINE);
        holds(health.code == 0, || format!("{health:?} {}", process.stderr()))
    });
    let url = format!("https://127.0.0.1:{gateway_port}/v1");
    assert!(process.stdout().contains(&url), "the first screen names it: {}", process.stdout());

    let client = Client::new(url, ADMIN, folder);
    let line = event(1).to_string();
    let mut publish = client.command(&["event", "publish", "-"]);
    publish.env("SSL_CERT_FILE", folder.join("authority.pem"));
    assert_eq!(run(&mut publish, line.as_bytes(), DEADLINE).ok(), format!("{}\n", id_of(1)));
    let mut list = client.command(&["--insecure", "event", "list"]);
    eventually(DEADLINE, || {
        let listed = run(&mut list, b"", DEADLINE).ok();
        holds(listed.contains(&id_of(1)), || listed)
    });

    // Who does not know the authority, or speaks plain HTTP, is told so.
    let mut unknown = client.command(&["event", "list"]);
    unknown.env("SSL_CERT_FILE", folder.join("certificate.pem"));
    run(&mut unknown, b"", DEADLINE)
        .refused(2, &["Error: could not access anchore service", "is signed by an unknown authority"]);
    let plain = Client::new(format!("http://127.0.0.1:{gateway_port}"), ADMIN, folder);
    plain.run(&["event", "list"]).refused(2, &["should the URL begin with https://?"]);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let identity = Authority::named("acceptance").issue("127.0.0.1");
    std::fs::write(folder.join("certificate.pem"), &identity.certificate_pem).expect("a file of our own");
    std::fs::write(folder.join("other.pem"), Authority::named("acceptance").issue("127.0.0.1").key_pem)
        .expect("a file of our own");
    let check = |config: &str, parts: &[&str]| {
        std::fs::write(folder.join("config.yaml"), config).expect("a file of our own");
        let output = run(&mut server(folder, 0, 0, &[]), b"", DEADLINE);
        assert_ne!(output.code, 0);
        output.refused(output.code, parts);
    };
    check("tls: {cert: certificate.pem}", &["tls.key: missing beside `cert`"]);
    check("tls: {cert: certificate.pem, key: none.pem}", &["tls: `none.pem` cannot be read"]);
    check("tls: {cert: certificate.pem, key: certificate.pem}", &["tls: `certificate.pem` cannot be read as PEM"]);
    check(
        "tls: {cert: certificate.pem, key: other.pem}",
        &["tls: the certificate and the key cannot be used together"],
    );
}
