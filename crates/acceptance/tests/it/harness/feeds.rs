//! A server of feeds: documents by their paths, which a test changes while it runs.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

type Documents = Arc<Mutex<BTreeMap<String, String>>>;

/// Ends with the process of the test.
pub struct Feeds {
    address: SocketAddr,
    documents: Documents,
}

impl Feeds {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let documents = Documents::default();
        let served = Arc::clone(&documents);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                // A client that goes away takes its connection along.
                thread::spawn(move || drop(answer(&stream, &served)));
            }
        });
        Self { address, documents }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is at `path` from now on.
    pub fn put(&self, path: &str, document: String) {
        self.documents.lock().expect("nobody panics while it is held").insert(path.to_owned(), document);
    }

    pub fn remove(&self, path: &str) {
        self.documents.lock().expect("nobody panics while it is held").remove(path);
    }

    /// Alpine's document for v3.20/main with advisories of so many packages.
    pub fn secdb(packages: usize) -> String {
        let package =
            |number| format!(r#"{{"pkg": {{"name": "p{number}", "secfixes": {{"1.0-r0": ["CVE-2024-{number}"]}}}}}}"#);
        let packages: Vec<String> = (0..packages).map(package).collect();
        format!(r#"{{"distroversion": "v3.20", "reponame": "main", "packages": [{}]}}"#, packages.join(",\n"))
    }
}

fn answer(stream: &TcpStream, documents: &Documents) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    // The rest of the head is not looked at.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let document = documents.lock().expect("nobody panics while it is held").get(path).cloned();
    let (status, body) = match document {
        Some(document) => ("200 OK", document),
        None => ("404 Not Found", String::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}
