//! Asks the APIs of forges: bounded, politely, and with a credential only where it belongs.
//!
//! Limits are obeyed as docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api says: `Retry-After`, else
//! `x-ratelimit-reset` when nothing remains, else a minute and longer each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, ETAG, HeaderMap, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use super::forge::{ForgeHost, ForgeKind, Forges, Project};
use crate::ambient::Ambient;
use crate::domain::retry::{Backoff, RetryAfter};
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::memory::room::{Body, NoRoom, Room, Rooms};
use crate::outbound::{Client, Outbound, OutboundError, Reach, Response};
use crate::telemetry::metrics::Metrics;

/// One request, with its body.
const DEADLINE: Duration = Duration::from_secs(15);
/// Redirects of a renamed project that are followed.
const MOST_REDIRECTS: usize = 3;
/// Requests to one host at once; forges ask for few.
const AT_ONCE: usize = 4;
/// Answers that are under way at once, whatever the forges.
const AT_ONCE_OF_ALL: u32 = 16;
/// The largest list that is read, in bytes, and what all answers that are larger than a few kilobytes may have
/// together: one such list, or several answers about one release.
pub(super) const MOST_OF_A_LIST: usize = 8 * 1024 * 1024;
/// The longest that a forge is left alone because it said so.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(2);

/// Why a forge gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// It asked to be left alone, or did not answer a moment ago.
    #[error("{host} is left alone until {until}")]
    Waits {
        /// The host.
        host: String,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// It answers with something that is no answer.
    #[error("{host} answers with status {status}")]
    Status {
        /// The host.
        host: String,
        /// What it is.
        status: StatusCode,
    },
    /// It leads elsewhere, or in a circle.
    #[error("{0} leads elsewhere, which is not followed")]
    Elsewhere(String),
    /// No answer.
    #[error("the releases can't be read")]
    Outbound(#[from] OutboundError),
    /// There is no room for the answer any more.
    #[error("the process ends")]
    Ends,
    /// An answer that can't be read.
    #[error("{host} sends no list of releases")]
    Unreadable {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// An answer that is one.
#[derive(Debug)]
pub(super) enum Reply {
    /// Here it is.
    Body {
        /// The body.
        body: Body,
        /// What the forge calls its state.
        etag: Option<String>,
    },
    /// The same as before.
    Unchanged,
    /// There is none, or not for us.
    Absent,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// The name of the question, for metrics.
    pub(super) operation: &'static str,
    /// What it is about.
    pub(super) project: &'a Project,
    /// Where.
    pub(super) url: &'a Url,
    /// The state that is known.
    pub(super) etag: Option<&'a str>,
    /// The most bytes that are read.
    pub(super) most: usize,
    /// Whether the file itself is wanted, not a description of it.
    pub(super) raw: bool,
}

/// What a client of forges is made of.
#[derive(Clone, Copy, Debug)]
pub struct FetchSettings<'s> {
    /// Makes its HTTP clients.
    pub outbound: &'s Outbound,
    /// The forges that may be asked.
    pub forges: &'s Forges,
    /// `GITHUB_TOKEN`. It goes to GitHub's own API host, over https, and nowhere else.
    pub github_token: Option<&'s Rotating<Secret>>,
    /// Where it counts.
    pub metrics: &'s Metrics,
}

/// The client of all forges.
pub(super) struct Fetcher {
    public: Client,
    named: Client,
    github_token: Option<Rotating<Secret>>,
    waits: Mutex<HashMap<String, Wait>>,
    slots: Mutex<HashMap<String, Arc<Semaphore>>>,
    rooms: Rooms,
    ambient: Ambient,
    metrics: Metrics,
}

/// A host that is left alone.
#[derive(Clone, Copy, Debug)]
struct Wait {
    until: DateTime<Utc>,
    /// Whether it said until when, and was not left alone by our own measure.
    is_told: bool,
    attempts: u32,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetcher")
    }
}

impl Fetcher {
    /// A client.
    ///
    /// # Errors
    /// [`OutboundError`] when the HTTP clients can't be made.
    pub(super) fn new(settings: FetchSettings<'_>, ambient: Ambient) -> Result<Self, OutboundError> {
        Ok(Self {
            public: settings.outbound.client(Reach::Public)?,
            named: settings.outbound.client(Reach::Named)?,
            github_token: settings.github_token.cloned(),
            waits: Mutex::default(),
            slots: Mutex::default(),
            rooms: Rooms::new(AT_ONCE_OF_ALL, MOST_OF_A_LIST, u32::try_from(MOST_OF_A_LIST).unwrap_or(u32::MAX)),
            ambient,
            metrics: settings.metrics.clone(),
        })
    }

    /// Asks, and follows a project that was renamed.
    ///
    /// # Errors
    /// [`FetchError`] for everything but a body, no change, or nothing there.
    pub(super) async fn get(&self, ask: Ask<'_>) -> Result<Reply, FetchError> {
        let forge = ask.project.forge();
        let slot = self.slot(forge.host());
        let _turn = slot.acquire().await;
        let mut url = ask.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            self.may_ask(forge)?;
            let (answer, room) = self.once(&url, ask).await?;
            self.obey(forge, &answer);
            let status = answer.status;
            match status.as_u16() {
                200 => {
                    let etag = answer.headers.get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
                    return Ok(Reply::Body { body: Body::new(answer.body, room), etag });
                }
                304 => return Ok(Reply::Unchanged),
                404 | 410 | 451 => return Ok(Reply::Absent),
                301 | 302 | 307 | 308 => {
                    let next = next(&answer, &url);
                    url = next.ok_or_else(|| FetchError::Elsewhere(forge.host().to_owned()))?;
                }
                _ => return Err(FetchError::Status { host: forge.host().to_owned(), status }),
            }
        }
        Err(FetchError::Elsewhere(forge.host().to_owned()))
    }

    async fn once(&self, url: &Url, ask: Ask<'_>) -> Result<(Response, Room), FetchError> {
        let forge = ask.project.forge();
        let client = if forge.is_named() { &self.named } else { &self.public };
        let mut request = client.get(url.clone());
        request = match (forge.kind(), ask.raw) {
            (ForgeKind::GitHub, false) => request.header(ACCEPT, "application/vnd.github+json"),
            (ForgeKind::GitHub, true) => request.header(ACCEPT, "application/vnd.github.raw+json"),
            (_, false) => request.header(ACCEPT, "application/json"),
            (_, true) => request,
        };
        if forge.kind() == ForgeKind::GitHub {
            request = request.header("x-github-api-version", "2022-11-28");
        }
        if let Some(token) = self.credential(url) {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if let Some(etag) = ask.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let mut room = self.rooms.enter_for(ask.most).await.map_err(|_| FetchError::Ends)?;
        let answer = self.whole(client, request, &mut room).await;
        let code = answer.as_ref().map_or_else(|_| "error".to_owned(), |answer| answer.status.as_u16().to_string());
        self.metrics.release_request(forge.host(), ask.operation, &code);
        let is_silent = |error: &OutboundError| !error.is_large() && !matches!(error, OutboundError::Blocked(_));
        if matches!(&answer, Err(FetchError::Outbound(error)) if is_silent(error)) {
            self.leave_alone(forge.host(), None, 30);
        }
        Ok((answer?, room))
    }

    /// The whole answer. It has its time for the network; waiting for room of our own is not counted.
    async fn whole(&self, client: &Client, request: RequestBuilder, room: &mut Room) -> Result<Response, FetchError> {
        let mut left = DEADLINE;
        let mut incoming = self.timed(&mut left, async |limit| client.open(request, limit).await).await?;
        let mut body = Vec::new();
        while let Some(chunk) = self.timed(&mut left, async |limit| incoming.chunk(limit).await).await? {
            let chunk = chunk.as_ref();
            room.hold(body.len() + chunk.len()).await.map_err(|error| match error {
                NoRoom::TooLarge(most) => OutboundError::Large { host: incoming.host().to_owned(), most }.into(),
                NoRoom::Closed => FetchError::Ends,
            })?;
            body.extend_from_slice(chunk);
        }
        Ok(Response { status: incoming.status, headers: incoming.headers, body })
    }

    async fn timed<T>(
        &self,
        left: &mut Duration,
        wait: impl AsyncFnOnce(Duration) -> Result<T, OutboundError>,
    ) -> Result<T, OutboundError> {
        let started = self.ambient.monotonic();
        let ended = wait(*left).await;
        *left = left.saturating_sub(self.ambient.monotonic().saturating_sub(started));
        ended.map_err(|error| error.after(DEADLINE))
    }

    /// Whether the operator's token goes with questions about a project.
    pub(super) fn has_token_for(&self, project: &Project) -> bool {
        project.description().is_some_and(|url| self.credential(&url).is_some())
    }

    /// The token, for GitHub's own API host only.
    fn credential(&self, url: &Url) -> Option<Arc<Secret>> {
        let own = url.scheme() == "https" && url.host_str() == Some("api.github.com") && url.port().is_none();
        self.github_token.as_ref().filter(|_| own).map(Rotating::get)
    }

    fn slot(&self, host: &str) -> Arc<Semaphore> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
    }

    fn may_ask(&self, forge: &ForgeHost) -> Result<(), FetchError> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        match waits.get(forge.host()).filter(|wait| self.ambient.now() < wait.until) {
            Some(wait) => Err(FetchError::Waits { host: forge.host().to_owned(), until: wait.until }),
            None => Ok(()),
        }
    }

    /// Learns from an answer how long to leave a host alone.
    fn obey(&self, forge: &ForgeHost, answer: &Response) {
        let now = self.ambient.now();
        let limited = answer.status == StatusCode::TOO_MANY_REQUESTS
            || (answer.status == StatusCode::FORBIDDEN && is_about_limits(answer));
        let told = left_alone_until(&answer.headers, now);
        if limited {
            self.leave_alone(forge.host(), told, 60);
        } else if let Some(until) = told.filter(|_| remains_nothing(&answer.headers)) {
            self.leave_alone(forge.host(), Some(until), 60);
        } else if answer.status.is_server_error() {
            self.leave_alone(forge.host(), told, 30);
        } else {
            // It was under way when another was told to wait.
            let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            waits.retain(|host, wait| host != forge.host() || (wait.is_told && now < wait.until));
        }
    }

    fn leave_alone(&self, host: &str, told: Option<DateTime<Utc>>, seconds: i64) {
        let now = self.ambient.now();
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waits.get(host).copied();
        let attempts = before.map_or(0, |wait| wait.attempts).saturating_add(1);
        let longer = TimeDelta::seconds(seconds.saturating_mul(1 << attempts.min(7).saturating_sub(1)));
        let until = told.unwrap_or(now + longer).clamp(now, now + LONGEST_WAIT);
        let longest = before.filter(|wait| wait.is_told && wait.until > until);
        let (until, is_told) = longest.map_or((until, told.is_some()), |wait| (wait.until, true));
        tracing::info!(forge = host, %until, "release notes are not asked for until then");
        waits.insert(host.to_owned(), Wait { until, is_told, attempts });
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn remains_nothing(headers: &HeaderMap) -> bool {
    ["x-ratelimit-remaining", "ratelimit-remaining"].iter().any(|name| header(headers, name) == Some("0"))
}

/// Until when the host says that it is to be left alone.
fn left_alone_until(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let after = header(headers, RETRY_AFTER.as_str()).and_then(|value| RetryAfter::parse(value, now));
    if let Some(after) = after {
        // Through the bounds that every such wait has: nobody parks us, and nothing overflows.
        return Some(Backoff::seconds(1, LONGEST_WAIT.num_seconds(), 2).next(1, Some(after), now, 0.0));
    }
    let reset = ["x-ratelimit-reset", "ratelimit-reset"].iter().find_map(|name| header(headers, name));
    let at = reset.filter(|_| remains_nothing(headers))?.parse::<i64>().ok()?;
    DateTime::from_timestamp(at, 0)
}

/// GitHub answers 403 to whoever asks too often, and to whoever may not see something.
fn is_about_limits(answer: &Response) -> bool {
    let says = |words: &[u8]| answer.body.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words));
    remains_nothing(&answer.headers) || answer.headers.contains_key(RETRY_AFTER) || says(b"rate limit")
}

/// Where a redirect leads, if that is the same host by the same scheme.
fn next(answer: &Response, url: &Url) -> Option<Url> {
    let next = url.join(answer.headers.get(LOCATION)?.to_str().ok()?).ok()?;
    (next.origin() == url.origin() && next.username().is_empty() && next.password().is_none()).then_some(next)
}

#[cfg(test)]
mod tests;
