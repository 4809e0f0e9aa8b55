//! Requests to the REST interface, each over a connection of its own, as old clients make them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{DEADLINE, User, eventually, holds};

/// Longer than any answer takes.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Events in one request.
const PART_EVENTS: usize = 500;

/// A program that speaks REST.
#[derive(Debug, Clone)]
pub struct Rest {
    port: u16,
    headers: Vec<(String, String)>,
}

/// What it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Rest {
    /// Nobody, at the door with this port.
    pub fn anonymous(port: u16) -> Self {
        Self { port, headers: Vec::new() }
    }

    pub fn new(port: u16, user: User) -> Self {
        let credentials = STANDARD.encode(format!("{}:{}", user.name, user.password));
        Self::anonymous(port).with("Authorization", &format!("Basic {credentials}"))
    }

    /// The same program at another door.
    pub fn at(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// With a header more, in place of one of the same name.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| known != name);
        headers.push((name.to_owned(), value.to_owned()));
        Self { port: self.port, headers }
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "")
    }

    #[track_caller]
    pub fn post(&self, body: &Value) -> Answer {
        self.with("Content-Type", "application/json").send("POST", "/v1/events", &body.to_string())
    }

    /// Publishes records that have an id, and waits until all of them are stored.
    #[track_caller]
    pub fn store(&self, records: &[Value]) {
        for part in records.chunks(PART_EVENTS) {
            let answer = self.post(&part.into());
            assert!(matches!(answer.status, 200 | 202), "{answer:?}");
            for record in answer.json().as_array().into_iter().flatten().filter(|record| record["created_at"].is_null())
            {
                let path = format!("/v1/events/{}", record["generated_uuid"].as_str().unwrap_or_default());
                eventually(DEADLINE, || holds(self.get(&path).status == 200, || format!("{path} is not stored")));
            }
        }
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// # Errors
    /// Nobody is there, or the answer is broken off.
    pub fn try_send(&self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
        for (name, value) in &self.headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        write!(request, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        stream.write_all(&request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Answer::parse(&answer).ok_or_else(|| std::io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = first.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.lines().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let mut answer = Self { status, headers: headers.collect(), body: String::new() };
        let body = &bytes[end + 4..];
        let is_chunked = answer.header("transfer-encoding") == Some("chunked");
        let body = if is_chunked { unchunked(body)? } else { body.to_vec() };
        answer.body = String::from_utf8(body).ok()?;
        Some(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }
}

/// `None` when the last chunk is missing.
fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        let chunk = body.get(end + 2..end + 2 + size)?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(chunk);
        body = body.get(end + 4 + size..)?;
    }
}
