//! Requests about one repository, with whatever its registry wants to be shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cause::{Cause, CauseCode, Secrets};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use outbound::{Answer, Client, Url};

use crate::authorization::{self, Authorization};
use crate::challenge::Challenge;
use crate::media_type::JSON;
use crate::refusal::{Peer, Refusal, RegistryFailure, Standing};
use crate::registry::Registry;
use crate::token::Token;
use crate::{RepositoryName, Subject};

/// Largest answer of a token service, in bytes.
const TOKEN_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A repository, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    pub name: RepositoryName,
    /// Plain HTTP.
    pub insecure: bool,
}

/// Keeps the authorization that worked, so that a challenge is answered once per token and not once per request. A clone
/// begins with what was kept.
#[derive(Clone)]
pub struct Session {
    pub registry: Arc<Registry>,
    pub repository: Repository,
    authorization: Option<Authorization>,
    /// How long this session has waited for room in the registry's budget.
    pub(crate) waited: Duration,
    /// Those of the registry, and every token that was issued to this session and may still be seen.
    secrets: Secrets,
}

impl Session {
    pub fn new(registry: Arc<Registry>, repository: Repository) -> Self {
        let secrets = registry.secrets.clone();
        Self { registry, repository, authorization: None, waited: Duration::ZERO, secrets }
    }

    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.repository.insecure { "http" } else { "https" }
    }

    /// The address of something in the repository: `tags/list?n=1000`.
    ///
    /// # Errors
    /// The name of the repository makes no address.
    pub(crate) fn url(&self, rest: &str) -> Result<Url, Cause> {
        let name = &self.repository.name;
        let (scheme, endpoint, path) = (self.scheme(), name.registry().endpoint(), name.path());
        format!("{scheme}://{endpoint}/v2/{path}/{rest}").parse().map_err(|error| {
            let hint = "Correct the name of the repository.";
            Cause::new(CauseCode::Unsupported, format!("`{name}` makes no address: {error}"), hint)
        })
    }

    /// The answer to a request about `subject`, which is 200.
    ///
    /// # Errors
    /// There was no answer, or another one.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        url: &Url,
        accept: &'static str,
        subject: &Subject,
    ) -> Result<Answer, RegistryFailure> {
        let registry = Arc::clone(&self.registry);
        let client = if matches!(subject, Subject::Blob(_)) { &registry.blob_client } else { &registry.client };
        let mut answer = self.send(client, &method, url, accept).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.authorize(&answer, subject).await? {
            answer = self.send(client, &method, url, accept).await?;
        }
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let standing = self.standing();
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.authorization = None;
        }
        let name = self.repository.name.clone();
        let refusal = Refusal::read(answer, Peer::Registry, standing, name, subject.clone()).await;
        Err(self.refused(refusal))
    }

    /// What `refusal` means, for the requests to come as well.
    fn refused(&self, refusal: Refusal) -> RegistryFailure {
        let failure = refusal.into_failure(self.registry.clock.now());
        match (failure.cause.code(), failure.retry_at) {
            (CauseCode::RateLimited, retry_at) => self.registry.note_refusal(retry_at),
            (_, Some(retry_at)) => self.registry.hold(retry_at),
            (_, None) => {}
        }
        failure
    }

    /// Waits for a place in the registry's budget: every request has one, those to its token service too.
    async fn admitted(&mut self) -> Result<(), RegistryFailure> {
        let begun = Instant::now();
        let admitted = self.registry.admit().await;
        self.waited += begun.elapsed();
        admitted.map_err(|until| RegistryFailure::held_back(&self.registry.name, until))
    }

    async fn send(
        &mut self,
        client: &Client,
        method: &Method,
        url: &Url,
        accept: &'static str,
    ) -> Result<Answer, RegistryFailure> {
        self.admitted().await?;
        let now = self.registry.clock.now();
        let authorization = self.authorization.as_ref().and_then(|authorization| authorization.header(now));
        let headers = headers(accept, authorization);
        let answer = client.send(method.clone(), url, headers, Bytes::new()).await?;
        if answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND {
            self.registry.note_answer(answer.headers());
        }
        Ok(answer)
    }

    /// `failure` without the secrets of this session: everything that leaves this crate goes through here.
    pub(crate) fn without_secrets(&self, mut failure: RegistryFailure) -> RegistryFailure {
        failure.cause = failure.cause.without(&self.secrets);
        failure
    }

    fn standing(&self) -> Standing {
        match (&self.registry.credentials, &self.authorization) {
            (None, _) => Standing::NoCredentials,
            (Some(_), Some(Authorization::Bearer { .. })) => Standing::Accepted,
            (Some(_), _) => Standing::Sent,
        }
    }

    /// Answers the challenge of `answer`. Returns whether there is something new to send.
    async fn authorize(&mut self, answer: &Answer, subject: &Subject) -> Result<bool, RegistryFailure> {
        let challenges = Challenge::of(answer.headers());
        if let Some(challenge) = challenges.iter().find(|challenge| challenge.is("bearer")) {
            self.authorization = None;
            self.authorization = Some(self.fetch_token(challenge, subject).await?);
            return Ok(true);
        }
        let takes_password = challenges.iter().any(|challenge| challenge.is("basic"));
        // The same password again would only bring an account nearer to being locked.
        let was_refused = matches!(self.authorization, Some(Authorization::Basic(_)));
        match &self.registry.credentials {
            Some(credentials) if takes_password && !was_refused => {
                self.authorization = Some(Authorization::basic(credentials));
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Asks the token service that the registry names (distribution's token specification).
    async fn fetch_token(
        &mut self,
        challenge: &Challenge,
        subject: &Subject,
    ) -> Result<Authorization, RegistryFailure> {
        let url = self.token_url(challenge)?;
        self.admitted().await?;
        let registry = Arc::clone(&self.registry);
        let credentials = registry.credentials.as_ref().map(authorization::basic);
        let answer = registry.client.get(&url, headers(JSON, credentials)).await?;
        let now = registry.clock.now();
        if answer.status() != StatusCode::OK {
            let standing = self.standing();
            let name = self.repository.name.clone();
            let refusal = Refusal::read(answer, Peer::TokenService, standing, name, subject.clone()).await;
            return Err(self.refused(refusal));
        }
        let body = answer.body(TOKEN_ANSWER_BYTES_MAX).await?;
        let unusable = |what: &str| self.unusable_token(&url, what);
        let token = Token::parse(&body, now).map_err(unusable)?;
        let authorization = Authorization::bearer(&token.text, token.expires_at);
        let authorization =
            authorization.ok_or_else(|| self.unusable_token(&url, "a token that no header can carry"))?;
        self.secrets = registry.secrets.clone();
        self.secrets.add(&token.text);
        Ok(authorization)
    }

    fn token_url(&self, challenge: &Challenge) -> Result<Url, Cause> {
        let realm = challenge.parameter("realm").unwrap_or_default();
        let registry = &self.registry.name;
        let hint = "Correct `realm` in the settings of the registry (distribution: `auth.token.realm`).";
        let Some(mut url) = realm.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
            let summary = format!("`{registry}` names no usable token service");
            return Err(Cause::new(CauseCode::Parse, summary, hint).with_evidence("realm", realm));
        };
        if url.scheme() == "http" && !self.repository.insecure {
            let summary = format!("`{registry}` names a token service without TLS, to which no password is sent");
            return Err(Cause::new(CauseCode::Tls, summary, hint).with_evidence("realm", realm));
        }
        let default_scope = format!("repository:{}:pull", self.repository.name.path());
        let mut query = url.query_pairs_mut();
        if let Some(service) = challenge.parameter("service") {
            query.append_pair("service", service);
        }
        query.append_pair("scope", challenge.parameter("scope").unwrap_or(&default_scope));
        drop(query);
        Ok(url)
    }

    /// The body is not shown: even where it is no token, it may hold one.
    fn unusable_token(&self, url: &Url, what: &str) -> Cause {
        let summary = format!("the token service of `{}` answered with {what}", self.registry.name);
        let hint = "Check `realm` in the settings of the registry: something other than a token service answers there.";
        Cause::new(CauseCode::Parse, summary, hint).with_evidence("url", url.as_str()).with_evidence("http_status", 200)
    }
}

fn headers(accept: &'static str, authorization: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.extend(authorization.map(|authorization| (AUTHORIZATION, authorization)));
    headers
}
