//! Resolvers that say what a test tells them to.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use webhook::Resolver;

/// Has an answer for each time it is asked; the last one stays. Without any, no name is known.
#[derive(Debug)]
pub struct Scripted {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    /// Addresses with blanks between them.
    pub fn new<const N: usize>(answers: [&str; N]) -> Arc<Self> {
        let addresses = |answer: &str| answer.split_whitespace().map(|address| address.parse().unwrap()).collect();
        let answers = answers.into_iter().map(addresses).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: Mutex::default() })
    }

    /// Every name it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolver for Scripted {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        answer.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "Name or service not known"))
    }
}
