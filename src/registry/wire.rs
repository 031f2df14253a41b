//! One request on the wire: whom it may connect to, how long it may take, whether the host is left alone, what is counted.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use tracing::Instrument as _;
use url::Url;

use super::beside::Beside;
use super::breaker::{Breakers, Change, Key, LastFailure, Leave};
use super::ceiling::Ceilings;
use super::credential::Login;
use super::host::RegistryHost;
use super::hosts::{Hosts, Place, authority};
use super::{Refusal, RegistryError, Wait};
use crate::ambient::Ambient;
use crate::domain::reference::Repository;
use crate::domain::secret::Secret;
use crate::outbound::trust::Trust;
use crate::outbound::{self, Client, Outbound, OutboundError, Reach};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::{chain, spans};

/// What an answer that is no manifest is.
pub(super) const JSON: &str = "application/json";
/// A blob is kept as whatever it is.
pub(super) const ANYTHING: &str = "*/*";
/// The media types of what a tag can point to.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// What may be asked for by a digest: those of [`MANIFESTS`], and the first format, which is refused.
pub(super) const ALL_MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws, application/vnd.docker.distribution.manifest.v1+json";
/// So much of a body that nobody needs is read, so that the connection can be used again.
const LITTLE: usize = 8 * 1024;

/// Times that a question waits for the operator's ceiling.
const MOST_WAITS: usize = 10;

/// Sees every request.
pub trait Observer: Send + Sync + 'static {
    /// `code` is the status, or `error`.
    fn request(&self, host: &str, operation: &'static str, code: &str, took: Duration);

    /// A question is put off, as the host has no more for us now.
    fn waits(&self, host: &str, why: Wait);

    /// So many hosts are left alone now, as they gave no answers.
    fn left_alone(&self, hosts: usize);
}

impl Observer for Metrics {
    fn request(&self, host: &str, operation: &'static str, code: &str, took: Duration) {
        self.registry_request(host, operation, code, took);
    }

    fn waits(&self, host: &str, why: Wait) {
        self.registry_wait(host, why.as_str());
    }

    fn left_alone(&self, hosts: usize) {
        self.registries_left_alone.set(i64::try_from(hosts).unwrap_or(i64::MAX));
    }
}

/// One question to one repository.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    pub(super) repository: &'q Repository,
    pub(super) credential: &'q Login,
    pub(super) operation: &'static str,
    /// The media types that its answer may have.
    pub(super) accept: &'static str,
    /// The entity tag of the answer that is known.
    pub(super) known: Option<&'q str>,
    /// Whether a 403 is an answer, as where it is asked what stands in it.
    pub(super) takes_refusal: bool,
}

impl Question<'_> {
    pub(super) fn host(&self) -> &str {
        self.repository.host()
    }

    /// The answer can't be used.
    pub(super) fn unusable(&self, reason: &str) -> RegistryError {
        RegistryError::Unusable { host: self.host().to_owned(), operation: self.operation, reason: reason.to_owned() }
    }

    /// It has another status than those of an answer.
    pub(super) fn no_answer(&self, status: StatusCode) -> RegistryError {
        RegistryError::Status { host: self.host().to_owned(), operation: self.operation, status: status.as_u16() }
    }

    /// The repository is not there, or not for whoever asks: it was answered so.
    pub(super) fn unknown(&self, status: StatusCode) -> RegistryError {
        let (repository, asked) = (self.repository.to_string(), self.credential.asked());
        RegistryError::UnknownRepository { repository, asked, status: status.as_u16() }
    }

    /// The credential is missing or not accepted.
    pub(super) fn unauthorized(&self, refusal: Refusal) -> RegistryError {
        RegistryError::Unauthorized { host: self.host().to_owned(), refusal, whose: None, said: None }
    }

    /// What it was shown is refused, in these words. To who showed nothing they say no more than that.
    pub(super) fn refused(&self, refusal: Refusal, said: Option<Box<str>>) -> RegistryError {
        let (host, refusal) = (self.host().to_owned(), self.credential.refused(refusal));
        let said = self.credential.user().and(said);
        RegistryError::Unauthorized { host, refusal, whose: self.credential.whose().map(Box::new), said }
    }
}

/// What is shown to who is asked.
#[derive(Clone, Copy)]
pub(super) enum Shown<'s> {
    Nothing,
    Token(&'s Secret),
    User(&'s str, &'s Secret),
}

impl<'s> Shown<'s> {
    fn token(self) -> Option<&'s Secret> {
        match self {
            Self::Token(token) => Some(token),
            Self::Nothing | Self::User(..) => None,
        }
    }
}

/// How long a question may still wait for the network. Waiting for room of our own is not counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    left: Duration,
    /// What it had so far.
    whole: Duration,
    /// What progress may add.
    more: Duration,
    /// Whether something was asked already.
    is_begun: bool,
    /// Whether it waits for its turn from the start.
    waits: bool,
}

impl Patience {
    /// For a question that comes after others, as a digest does after the list: those would be asked again.
    pub(super) fn of(left: Duration) -> Self {
        Self { left, whole: left, more: Duration::ZERO, is_begun: false, waits: true }
    }

    /// `left` to begin with, and no more than `whole` whatever progress is made.
    pub(super) fn growing(left: Duration, whole: Duration) -> Self {
        Self { left, whole: left, more: whole.saturating_sub(left), is_begun: false, waits: false }
    }

    pub(super) fn that_waits(self) -> Self {
        Self { waits: true, ..self }
    }

    /// There was progress, which is worth this much more time.
    pub(super) fn grow(&mut self, by: Duration) {
        let by = by.min(self.more);
        self.more -= by;
        self.left += by;
        self.whole += by;
    }

    /// Whether something was asked already: then a wait is worth more than to begin anew.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}

/// The clients of a host that the operator named, with its reach and its trust.
struct Named {
    /// For its own repositories: it shows the client's certificate, where there is one.
    own: Client,
    /// For whoever is led there by another registry.
    led: Client,
}

impl Named {
    fn new(host: &RegistryHost, outbound: &Outbound) -> Result<Self, OutboundError> {
        let own = outbound.to_host(&host.trust)?.client(host.reach())?;
        let led = if host.trust.identity.is_some() {
            let trust = Trust { identity: None, ..host.trust.clone() };
            outbound.to_host(&trust)?.client(host.reach())?
        } else {
            own.clone()
        };
        Ok(Self { own, led })
    }
}

/// All requests to registries, their token services and where their blobs are.
pub(super) struct Wire {
    public: Client,
    /// For the hosts that the operator named, each its own.
    named: Vec<Named>,
    hosts: Hosts,
    breakers: Mutex<Breakers>,
    ceilings: Ceilings,
    pub(super) beside: Beside,
    /// For one answer.
    deadline: Duration,
    ambient: Ambient,
    observer: Arc<dyn Observer>,
}

impl Wire {
    pub(super) fn new(
        hosts: Hosts,
        outbound: &Outbound,
        deadline: Duration,
        ambient: Ambient,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, OutboundError> {
        let public = outbound.client(Reach::Public)?;
        let named = hosts.all().iter().map(|host| Named::new(host, outbound)).collect::<Result<_, _>>()?;
        let (breakers, ceilings) = (Mutex::default(), Ceilings::default());
        let beside = Beside::default();
        Ok(Self { public, named, hosts, breakers, ceilings, beside, deadline, ambient, observer })
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Sends a request; its answer comes in.
    pub(super) async fn open<'w>(
        &'w self,
        method: Method,
        url: &Url,
        shown: Shown<'_>,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'w>, RegistryError> {
        self.below_ceiling(url, question, patience).await?;
        patience.is_begun = true;
        let mut pass = self.pass(url, question)?;
        let named = self.hosts.place(question.host(), url).and_then(|Place(at)| self.named.get(at));
        let client = match named {
            Some(named) if self.hosts.is_entitled(question.host(), url) => &named.own,
            Some(named) => &named.led,
            None => &self.public,
        };
        let has_body = method != Method::HEAD;
        let request = client.request(method.clone(), url.clone());
        let request = request.header(ACCEPT, question.accept).header(ACCEPT_ENCODING, "identity");
        let request = match question.known {
            Some(known) => request.header(IF_NONE_MATCH, known),
            None => request,
        };
        let request = match shown {
            Shown::Nothing => request,
            Shown::Token(token) => request.bearer_auth(token.expose()),
            Shown::User(name, password) => request.basic_auth(name, Some(password.expose())),
        };
        let server = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let span = spans::registry(method.as_str(), question.operation, question.repository, server);
        let opened = pass.timed(patience, async |limit| client.open(request, limit).await);
        let opened = opened.instrument(span.clone()).await;
        spans::responded(&span, opened.as_ref().ok().map(|head| head.status.as_u16()));
        match opened {
            Ok(head) => {
                let answer = Incoming { head, pass, url: url.clone(), token: shown.token().cloned() };
                match answer.coding().filter(|_| has_body && answer.status() == StatusCode::OK) {
                    Some(coding) => {
                        answer.finish(patience).await;
                        Err(question.unusable(&format!("it comes encoded as {coding}, which was not asked for")))
                    }
                    None => Ok(answer),
                }
            }
            Err(error) => Err(pass.failed(error)),
        }
    }

    /// Counts a request where the operator set a ceiling. When it is reached, a list that is not begun is sent away; what
    /// is begun, or comes after a list, waits: half of it is of no use, and all of it would be asked for again.
    async fn below_ceiling(&self, url: &Url, question: Question<'_>, patience: &Patience) -> Result<(), RegistryError> {
        let Some((Place(at), most)) = self.hosts.place(question.host(), url).and_then(|at| self.ceiling_of(at)) else {
            return Ok(());
        };
        for _ in 0..MOST_WAITS {
            let now = self.ambient.monotonic();
            let Err(at) = self.ceilings.enter(at, most, now) else { return Ok(()) };
            let wait = at.saturating_sub(now);
            if !patience.is_begun && !patience.waits {
                let until = self.ambient.now() + TimeDelta::from_std(wait).unwrap_or_default();
                return Err(self.put_off(RegistryError::throttled(question.host(), until, Wait::Ceiling)));
            }
            tokio::time::sleep(wait).await;
        }
        Err(question.unusable("others took all that its requestsPerMinute allows"))
    }

    /// This replica's part of the operator's ceiling.
    fn ceiling_of(&self, Place(at): Place) -> Option<(Place, NonZeroU32)> {
        let of_all = self.hosts.all().get(at)?.requests_per_minute?;
        Some((Place(at), self.beside.part_of(of_all)))
    }

    /// The operator's ceiling for what is asked of a registry itself.
    pub(super) fn ceiling(&self, registry: &str) -> Option<(Place, NonZeroU32)> {
        let base = self.hosts.base(registry).ok()?;
        self.hosts.place(registry, &base).and_then(|at| self.ceiling_of(at))
    }

    pub(super) fn ceilings(&self) -> &Ceilings {
        &self.ceilings
    }

    /// Counts a question that is put off.
    pub(super) fn put_off(&self, error: RegistryError) -> RegistryError {
        if let RegistryError::Throttled { host, why, .. } = &error {
            self.observer.waits(host, *why);
        }
        error
    }

    fn pass(&self, url: &Url, question: Question<'_>) -> Result<Pass<'_>, RegistryError> {
        let (host, port) = authority(url).ok_or_else(|| question.unusable("a URL without host"))?;
        let key = (question.host().to_owned(), question.credential.scope().to_owned(), format!("{host}:{port}"));
        let now = self.ambient.monotonic();
        let leave = self.breakers().admit(&key, now);
        match leave {
            Ok(leave) => Ok(Pass {
                wire: self,
                key,
                leave,
                operation: question.operation,
                spent: Duration::ZERO,
                limit: self.deadline,
                is_over: false,
            }),
            Err(until) => {
                let host = outbound::written_host(url);
                let last = self.breakers().last(&key);
                Err(RegistryError::LeftAlone { host, until: self.moment(until, now), last })
            }
        }
    }

    /// Until when a registry is not asked, as it gave no answer, and how it failed.
    pub(super) fn left_alone_until(&self, registry: &str) -> Option<(DateTime<Utc>, Option<LastFailure>)> {
        let now = self.ambient.monotonic();
        let (until, last) = self.breakers().until(registry, now)?;
        Some((self.moment(until, now), last))
    }

    /// A moment of the monotonic clock, as the wall's has it.
    fn moment(&self, at: Duration, now: Duration) -> DateTime<Utc> {
        self.ambient.now() + TimeDelta::from_std(at.saturating_sub(now)).unwrap_or_default()
    }

    fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A word of a stranger, to be shown.
pub(super) fn shown(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || "/+._-, ".contains(*c)).take(64).collect()
}

/// Leave to send one request, and what became of it. Dropped before its end, it says nothing of the host.
struct Pass<'w> {
    wire: &'w Wire,
    key: Key,
    leave: Leave,
    operation: &'static str,
    spent: Duration,
    /// Whose end comes first: that of one answer, or of its question.
    limit: Duration,
    is_over: bool,
}

impl Pass<'_> {
    /// Waits for the network, no longer than one answer and its question may take.
    async fn timed<T>(&mut self, patience: &mut Patience, wait: impl AsyncFnOnce(Duration) -> T) -> T {
        let started = self.wire.ambient.monotonic();
        let left = self.wire.deadline.saturating_sub(self.spent);
        self.limit = if patience.left < left { patience.whole } else { self.wire.deadline };
        let ended = wait(left.min(patience.left)).await;
        let took = self.wire.ambient.monotonic().saturating_sub(started);
        self.spent += took;
        patience.spend(took);
        ended
    }

    fn answered(&mut self, status: StatusCode) {
        let change = self.wire.breakers().answered(&self.key);
        self.over(status.as_str(), change, None);
    }

    fn failed(&mut self, error: OutboundError) -> RegistryError {
        // The rest that was waited for last says nothing: all of it was too short.
        let error = error.after(self.limit);
        // It is we who don't connect to an address that is blocked.
        let change = if matches!(error, OutboundError::Blocked(_)) {
            self.wire.breakers().withdrawn(&self.key, self.leave, self.wire.ambient.monotonic());
            Change::Nothing
        } else {
            let (now, jitter) = (self.wire.ambient.monotonic(), self.wire.ambient.jitter());
            let mut breakers = self.wire.breakers();
            let change = breakers.failed(&self.key, self.leave, now, jitter);
            breakers.failed_by(&self.key, last_failure(&error));
            change
        };
        self.over("error", change, Some(&error));
        if let OutboundError::Blocked(host) = error {
            return RegistryError::Blocked { host };
        }
        let (host, operation) = (self.key.0.clone(), self.operation);
        RegistryError::Unreachable { host, operation, source: error.into() }
    }

    fn over(&mut self, code: &str, change: Change, error: Option<&OutboundError>) {
        self.is_over = true;
        let (registry, _, address) = &self.key;
        self.wire.observer.request(registry, self.operation, code, self.spent);
        match change {
            Change::Nothing => return,
            Change::Opened(wait) => tracing::warn!(
                registry,
                address,
                seconds = wait.as_secs(),
                error = error.map(|error| tracing::field::display(chain(error))),
                "no answer several times in a row: it is left alone for a while, then asked once"
            ),
            Change::Closed => tracing::info!(registry, address, "it answers again"),
        }
        let open = self.wire.breakers().open();
        self.wire.observer.left_alone(open);
    }
}

fn last_failure(error: &OutboundError) -> LastFailure {
    let said = chain(error).to_string();
    if matches!(error, OutboundError::Certificate { .. }) {
        LastFailure::Untrusted(said)
    } else {
        LastFailure::NoAnswer(said)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let now = self.wire.ambient.monotonic();
            self.wire.breakers().withdrawn(&self.key, self.leave, now);
        }
    }
}

/// An answer that comes in.
pub(super) struct Incoming<'w> {
    head: outbound::Incoming,
    pass: Pass<'w>,
    url: Url,
    token: Option<Secret>,
}

impl Incoming<'_> {
    pub(super) fn status(&self) -> StatusCode {
        self.head.status
    }

    /// A header's text.
    pub(super) fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        self.head.headers.get(name.into()).and_then(|value| value.to_str().ok())
    }

    /// All lines of a header.
    pub(super) fn lines(&self, name: impl Into<HeaderName>) -> impl Iterator<Item = &[u8]> {
        self.head.headers.get_all(name.into()).into_iter().map(reqwest::header::HeaderValue::as_bytes)
    }

    /// The token that it was asked for with.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Where it comes from.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What its body is encoded as, where it is.
    fn coding(&self) -> Option<String> {
        let coding = self.head.headers.get(CONTENT_ENCODING)?.to_str().unwrap_or("something").trim();
        let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
        (!is_plain).then(|| shown(coding))
    }

    /// The media type that its body claims to have.
    pub(super) fn media_type(&self) -> Option<String> {
        let text = self.header(CONTENT_TYPE)?.split(';').next()?.trim();
        (!text.is_empty()).then(|| shown(text))
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn chunk(
        &mut self,
        patience: &mut Patience,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, RegistryError> {
        let head = &mut self.head;
        match self.pass.timed(patience, async |limit| head.chunk(limit).await).await {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => {
                self.pass.answered(self.head.status);
                Ok(None)
            }
            Err(error) => Err(self.pass.failed(error)),
        }
    }

    /// The status and the headers were all that is needed.
    pub(super) async fn finish(self, patience: &mut Patience) {
        drop(self.rest(patience).await);
    }

    /// The same; as much of the body as came at once, and no more than a little.
    pub(super) async fn rest(mut self, patience: &mut Patience) -> Vec<u8> {
        let mut read = Vec::new();
        while read.len() < LITTLE {
            let head = &mut self.head;
            match self.pass.timed(patience, async |limit| head.chunk(limit.min(Duration::from_secs(1))).await).await {
                Ok(Some(chunk)) => read.extend_from_slice(chunk.as_ref()),
                Ok(None) | Err(_) => break,
            }
        }
        self.pass.answered(self.head.status);
        read
    }
}
