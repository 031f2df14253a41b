//! The client itself: one question, at most two challenges, one bounded answer.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, HeaderName, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::challenge::{self, Challenge, Realm};
use super::pages::{self, Next};
use super::token::{self, Key, Scheme, Schemes};
use super::{Credential, Labels, Registry, RegistryError, labels};
use crate::ambient::Ambient;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::retry::RetryAfter;
use crate::domain::tags::TagList;
use crate::outbound::{Answer, Client, Outbound, OutboundError, Reach};

/// The media types of what a tag can point to.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// What the OCI distribution specification calls the digest's header.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Bounds of answers, in bytes.
const MOST_PAGE: usize = 4 * 1024 * 1024;
const MOST_MANIFEST: usize = 4 * 1024 * 1024;
const MOST_TOKEN: usize = 64 * 1024;
/// Bounds of a list.
const MOST_PAGES: usize = 200;
const MOST_TAGS: usize = 100_000;
/// How long a scheme without an expiry of its own is remembered.
const REMEMBER_BASIC: Duration = Duration::from_secs(600);

/// What the client is told.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    plain_http: HashSet<String>,
    /// One request.
    request_deadline: Duration,
    /// A whole list.
    list_deadline: Duration,
}

impl RegistryConfig {
    /// Hosts that are spoken to in plain http; naming them also allows private addresses.
    #[must_use]
    pub fn new(plain_http: impl IntoIterator<Item = String>) -> Self {
        Self {
            plain_http: plain_http.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
            request_deadline: Duration::from_secs(15),
            list_deadline: Duration::from_secs(60),
        }
    }
}

/// Sees every request.
pub trait Observer: Send + Sync + 'static {
    /// `code` is the status, or `error`.
    fn request(&self, host: &str, operation: &'static str, code: &str, took: Duration);
}

/// A registry over HTTP.
pub struct HttpRegistry {
    config: RegistryConfig,
    public: Client,
    named: Client,
    schemes: Schemes,
    /// Hosts that asked to wait, by credential.
    throttled: Mutex<HashMap<(String, String), DateTime<Utc>>>,
    ambient: Ambient,
    observer: Arc<dyn Observer>,
}

impl std::fmt::Debug for HttpRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpRegistry")
    }
}

/// One question to one repository.
#[derive(Clone, Copy)]
struct Question<'q> {
    repository: &'q Repository,
    credential: &'q Credential,
    operation: &'static str,
    most: usize,
}

impl HttpRegistry {
    /// A client.
    ///
    /// # Errors
    /// [`OutboundError`] when the HTTP clients can't be made.
    pub fn new(
        config: RegistryConfig,
        outbound: &Outbound,
        ambient: Ambient,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, OutboundError> {
        Ok(Self {
            config,
            public: outbound.client(Reach::Public)?,
            named: outbound.client(Reach::Named)?,
            schemes: Schemes::default(),
            throttled: Mutex::default(),
            ambient,
            observer,
        })
    }

    fn is_plain(&self, host: &str) -> bool {
        self.config.plain_http.contains(host)
    }

    fn client(&self, host: &str) -> &Client {
        if self.is_plain(host) { &self.named } else { &self.public }
    }

    fn url(&self, repository: &Repository, rest: &str) -> Result<Url, RegistryError> {
        let host = match repository.host() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = if self.is_plain(host) { "http" } else { "https" };
        Url::parse(&format!("{scheme}://{host}/v2/{}/{rest}", repository.path())).map_err(|error| {
            RegistryError::Unusable { host: host.to_owned(), operation: "url", reason: error.to_string() }
        })
    }

    /// Asks, and takes a redirect for no answer.
    async fn ask(&self, method: Method, url: &Url, question: Question<'_>) -> Result<Answer, RegistryError> {
        let answer = self.asked(method, url, question).await?;
        if answer.status.is_redirection() {
            return Err(unusable(question, "it leads elsewhere, which is not followed"));
        }
        Ok(answer)
    }

    /// Asks with what is known to work, and answers challenges: at most one for a scheme, one for a stale token.
    async fn asked(&self, method: Method, url: &Url, question: Question<'_>) -> Result<Answer, RegistryError> {
        let host = question.repository.host();
        self.may_ask(question)?;
        let key: Key = (host.to_owned(), question.repository.path().to_owned(), question.credential.scope().to_owned());
        for _ in 0..3 {
            let scheme = self.schemes.get(&key, self.ambient.monotonic());
            let answer = self.once(method.clone(), url, question, scheme.as_ref()).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return self.judged(answer, question);
            }
            let known = scheme.is_some();
            self.schemes.forget(&key);
            if known && matches!(scheme, Some(Scheme::Basic)) {
                break;
            }
            self.challenged(&answer, question, &key).await?;
        }
        Err(unauthorized(question, "it refuses the credential"))
    }

    async fn once(
        &self,
        method: Method,
        url: &Url,
        question: Question<'_>,
        scheme: Option<&Scheme>,
    ) -> Result<Answer, RegistryError> {
        let client = self.client(question.repository.host());
        let mut request = client.request(method, url.clone()).header(ACCEPT, MANIFESTS);
        request = match (scheme, question.credential) {
            (Some(Scheme::Bearer(token)), _) => request.bearer_auth(token.expose()),
            (Some(Scheme::Basic), Credential::User { name, password, .. }) => {
                request.basic_auth(name, Some(password.expose()))
            }
            _ => request,
        };
        self.send(client, request, question.operation, question.repository.host(), question.most).await
    }

    async fn send(
        &self,
        client: &Client,
        request: reqwest::RequestBuilder,
        operation: &'static str,
        host: &str,
        most: usize,
    ) -> Result<Answer, RegistryError> {
        let started = self.ambient.monotonic();
        let answer = client.send(request, self.config.request_deadline, most).await;
        let took = self.ambient.monotonic().saturating_sub(started);
        let code = answer.as_ref().map_or_else(|_| "error".to_owned(), |answer| answer.status.as_u16().to_string());
        self.observer.request(host, operation, &code, took);
        answer.map_err(|error| match error {
            OutboundError::Large { most, .. } => {
                RegistryError::Unusable { host: host.to_owned(), operation, reason: format!("more than {most} bytes") }
            }
            other => RegistryError::Unreachable { host: host.to_owned(), operation, source: other.into() },
        })
    }

    /// Learns from a 401 how to ask.
    async fn challenged(&self, answer: &Answer, question: Question<'_>, key: &Key) -> Result<(), RegistryError> {
        let header = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let challenges = challenge::read(header);
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service.as_deref())),
            Challenge::Basic => None,
        });
        let now = self.ambient.monotonic();
        if let Some((realm, service)) = bearer {
            let token = self.token(realm, service, question).await?;
            self.schemes.put(key.clone(), now + token.lifetime, Scheme::Bearer(token.secret), now);
            return Ok(());
        }
        if challenges.contains(&Challenge::Basic) && matches!(question.credential, Credential::User { .. }) {
            self.schemes.put(key.clone(), now + REMEMBER_BASIC, Scheme::Basic, now);
            return Ok(());
        }
        let reason = match question.credential {
            Credential::Anonymous => "it wants a credential; give the workload an imagePullSecret for it",
            Credential::User { .. } => "it asks for a credential in a way that is not understood",
        };
        Err(unauthorized(question, reason))
    }

    /// A token to read one repository, from a realm that is entitled to see the credential.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        question: Question<'_>,
    ) -> Result<token::Token, RegistryError> {
        let host = question.repository.host();
        let mut url = match (challenge::judge(realm, host, self.is_plain(host)), question.credential) {
            (Realm::Entitled(url), _) | (Realm::Anonymous(url), Credential::Anonymous) => url,
            (Realm::Anonymous(url), Credential::User { .. }) => {
                let reason = format!(
                    "its token service {} is another host, which is not trusted with the credential",
                    url.host_str().unwrap_or_default()
                );
                return Err(unauthorized(question, &reason));
            }
            (Realm::Refused(reason), _) => return Err(unauthorized(question, reason)),
        };
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &format!("repository:{}:pull", question.repository.path()));
        }
        let client = self.client(host);
        let mut request = client.request(Method::GET, url);
        if let Credential::User { name, password, .. } = question.credential {
            request = request.basic_auth(name, Some(password.expose()));
        }
        let answer = self.send(client, request, "token", host, MOST_TOKEN).await?;
        match answer.status {
            StatusCode::OK => {
                token::read(&answer.body).ok_or_else(|| unusable(question, "its token service sends no token"))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(unauthorized(question, "its token service refuses the credential"))
            }
            _ => Err(self
                .judged(answer, question)
                .err()
                .unwrap_or_else(|| unusable(question, "its token service sends no token"))),
        }
    }

    /// Statuses that are no answer to any question.
    fn judged(&self, answer: Answer, question: Question<'_>) -> Result<Answer, RegistryError> {
        let status = answer.status;
        match status.as_u16() {
            429 => {
                let header = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let until = header.and_then(|value| RetryAfter::parse(value, self.ambient.now()));
                self.wait(question, until);
                Err(RegistryError::Throttled { host: question.repository.host().to_owned(), until })
            }
            403 => Err(unauthorized(question, "it forbids this to the credential")),
            500..=599 => Err(unusable(question, &format!("status {status}"))),
            _ => Ok(answer),
        }
    }

    /// Remembers that a host asked to wait.
    fn wait(&self, question: Question<'_>, until: Option<RetryAfter>) {
        let now = self.ambient.now();
        let at = crate::domain::retry::Backoff::seconds(5, 3600, 2).next(1, until, now, 0.0);
        let key = (question.repository.host().to_owned(), question.credential.scope().to_owned());
        let mut throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        throttled.retain(|_, at| *at > now);
        throttled.insert(key, at);
    }

    fn may_ask(&self, question: Question<'_>) -> Result<(), RegistryError> {
        let key = (question.repository.host().to_owned(), question.credential.scope().to_owned());
        let throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        match throttled.get(&key).filter(|at| **at > self.ambient.now()) {
            Some(at) => Err(RegistryError::Throttled { host: key.0, until: Some(RetryAfter::at(*at)) }),
            None => Ok(()),
        }
    }

    async fn all_pages(&self, question: Question<'_>) -> Result<TagList, RegistryError> {
        let mut url = self.url(question.repository, "tags/list?n=1000")?;
        let (mut tags, mut seen) = (TagList::new(), HashSet::new());
        for _ in 0..MOST_PAGES {
            if !seen.insert(url.clone()) {
                return Err(unusable(question, "its pages lead in a circle"));
            }
            let answer = self.ask(Method::GET, &url, question).await?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => {
                    return Err(RegistryError::UnknownRepository { repository: question.repository.to_string() });
                }
                status => return Err(unusable(question, &format!("status {status}"))),
            }
            pages::read(&answer.body, &mut tags).map_err(|_| unusable(question, "no list of tags"))?;
            if tags.len() > MOST_TAGS {
                return Err(unusable(question, &format!("more than {MOST_TAGS} tags")));
            }
            match pages::next(answer.headers.get(LINK).and_then(|link| link.to_str().ok()), &url) {
                Next::End => return Ok(tags),
                Next::Page(next) => url = next,
                Next::Refused => return Err(unusable(question, "its next page is elsewhere")),
            }
        }
        Err(unusable(question, &format!("more than {MOST_PAGES} pages")))
    }

    /// The digest by GET, for registries that don't tell it by HEAD.
    async fn digest_by_get(&self, url: &Url, question: Question<'_>) -> Result<Option<Digest>, RegistryError> {
        let answer = self.ask(Method::GET, url, question).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let digest = Digest::of(&answer.body);
                match told_digest(&answer, question)? {
                    Some(told) if told != digest => Err(unusable(question, "the manifest is not what its digest says")),
                    _ => Ok(Some(digest)),
                }
            }
            status => Err(unusable(question, &format!("status {status}"))),
        }
    }
}

/// Redirects of a blob that are followed.
const MOST_REDIRECTS: usize = 3;

impl HttpRegistry {
    /// A manifest by its digest, and the proof that it is the one.
    async fn manifest(
        &self,
        digest: &Digest,
        question: Question<'_>,
    ) -> Result<Option<labels::Manifest>, RegistryError> {
        let url = self.url(question.repository, &format!("manifests/{}", digest.as_str()))?;
        let answer = self.ask(Method::GET, &url, question).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK if Digest::of(&answer.body) != *digest => {
                Err(unusable(question, "the manifest is not what its digest says"))
            }
            StatusCode::OK => {
                serde_json::from_slice(&answer.body).map(Some).map_err(|_| unusable(question, "no manifest"))
            }
            status => Err(unusable(question, &format!("status {status}"))),
        }
    }

    /// A blob by its digest. Registries lead to where blobs are stored: that is followed over https without any
    /// credential, and only to where the registry itself might be.
    async fn blob(&self, digest: &Digest, question: Question<'_>) -> Result<Option<Vec<u8>>, RegistryError> {
        let host = question.repository.host();
        let mut url = self.url(question.repository, &format!("blobs/{}", digest.as_str()))?;
        let mut answer = self.asked(Method::GET, &url, question).await?;
        for _ in 0..MOST_REDIRECTS {
            if !answer.status.is_redirection() {
                break;
            }
            let next = answer.headers.get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
            let may = |next: &Url| next.scheme() == "https" || (self.is_plain(host) && next.origin() == url.origin());
            url = next.filter(may).ok_or_else(|| unusable(question, "its blob is elsewhere, which is not followed"))?;
            let client = self.client(host);
            answer = self.send(client, client.get(url.clone()), question.operation, host, question.most).await?;
        }
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK if Digest::of(&answer.body) == *digest => Ok(Some(answer.body)),
            StatusCode::OK => Err(unusable(question, "the blob is not what its digest says")),
            status => Err(unusable(question, &format!("status {status}"))),
        }
    }

    async fn all_labels(&self, digest: &Digest, question: Question<'_>) -> Result<Option<Labels>, RegistryError> {
        let mut labels = Labels::default();
        let Some(mut manifest) = self.manifest(digest, question).await? else { return Ok(None) };
        labels.complete(&manifest.annotations);
        if let Some((entry, annotations)) = manifest.entry() {
            labels.complete(annotations);
            if labels.is_complete() {
                return Ok(Some(labels));
            }
            let Some(of_platform) = self.manifest(&entry, question).await? else { return Ok(Some(labels)) };
            manifest = of_platform;
            labels.complete(&manifest.annotations);
        }
        if let Some(config) = manifest.config().filter(|_| !labels.is_complete())
            && let Some(body) = self.blob(&config, question).await?
        {
            labels.complete(&labels::of_configuration(&body));
        }
        Ok(Some(labels))
    }
}

/// What the registry says the digest is.
fn told_digest(answer: &Answer, question: Question<'_>) -> Result<Option<Digest>, RegistryError> {
    let Some(header) = answer.headers.get(CONTENT_DIGEST) else { return Ok(None) };
    let digest = header.to_str().ok().and_then(|text| Digest::parse(text).ok());
    digest.map(Some).ok_or_else(|| unusable(question, "Docker-Content-Digest is no sha256 digest"))
}

/// The credential is missing or not accepted.
fn unauthorized(question: Question<'_>, reason: &str) -> RegistryError {
    RegistryError::Unauthorized { host: question.repository.host().to_owned(), reason: reason.to_owned() }
}

/// The answer can't be used.
fn unusable(question: Question<'_>, reason: &str) -> RegistryError {
    let host = question.repository.host().to_owned();
    RegistryError::Unusable { host, operation: question.operation, reason: reason.to_owned() }
}

impl Registry for HttpRegistry {
    async fn tags(&self, repository: &Repository, credential: &Credential) -> Result<TagList, RegistryError> {
        let question = Question { repository, credential, operation: "tags", most: MOST_PAGE };
        match tokio::time::timeout(self.config.list_deadline, self.all_pages(question)).await {
            Ok(tags) => tags,
            Err(elapsed) => Err(RegistryError::Unreachable {
                host: repository.host().to_owned(),
                operation: "tags",
                source: elapsed.into(),
            }),
        }
    }

    async fn digest(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> Result<Option<Digest>, RegistryError> {
        let question = Question { repository, credential, operation: "digest", most: MOST_MANIFEST };
        let url = self.url(repository, &format!("manifests/{tag}"))?;
        let answer = self.ask(Method::HEAD, &url, question).await?;
        match answer.status {
            StatusCode::OK => match told_digest(&answer, question)? {
                Some(digest) => Ok(Some(digest)),
                None => self.digest_by_get(&url, question).await,
            },
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => self.digest_by_get(&url, question).await,
            status => Err(unusable(question, &format!("status {status}"))),
        }
    }

    async fn labels(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> Result<Option<Labels>, RegistryError> {
        let question = Question { repository, credential, operation: "labels", most: MOST_MANIFEST };
        match tokio::time::timeout(self.config.list_deadline, self.all_labels(digest, question)).await {
            Ok(labels) => labels,
            Err(elapsed) => Err(RegistryError::Unreachable {
                host: repository.host().to_owned(),
                operation: "labels",
                source: elapsed.into(),
            }),
        }
    }
}
