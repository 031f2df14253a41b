//! A question with what is known to work, and with what a challenge asks for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::budget::{Quota, Told};
use super::challenge::{self, Challenge, Realm};
use super::client::HttpRegistry;
use super::token::{self, Key, Scheme};
use super::wire::{Incoming, JSON, Patience, Question, Shown};
use super::{Refusal, RegistryError, Wait, moved, refused};
use crate::domain::retry::RetryAfter;
use crate::memory::room::{Body, NoRoom, Room};
use crate::outbound;

/// Redirects of one question that are followed.
const MOST_REDIRECTS: usize = 3;

/// Ways to be let in that one question has tried.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    basic: bool,
    token: bool,
}

/// Whether a status says where else the answer is.
fn leads_elsewhere(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Who asks everything once waits for so long in all, where it is asked to before one answer, and no shorter at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// How long a scheme without an expiry of its own is remembered.
const REMEMBER_BASIC: Duration = Duration::from_secs(600);

impl HttpRegistry {
    /// Asks, and follows to where the answer is: with what is shown on the same host only, and with nothing elsewhere.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'_>, RegistryError> {
        let mut answer = self.asked(&method, url, question, patience).await?;
        for _ in 0..MOST_REDIRECTS {
            if !leads_elsewhere(answer.status()) {
                return Ok(answer);
            }
            let location = answer.header(LOCATION);
            let next = moved::next(self.wire.hosts(), question.host(), answer.url(), location);
            answer.finish(patience).await;
            let led = |why| question.unusable(&format!("it leads elsewhere, where it is not followed: {why}"));
            let next = next.map_err(led)?;
            answer = self.asked(&method, &next, question, patience).await?;
        }
        if !leads_elsewhere(answer.status()) {
            return Ok(answer);
        }
        answer.finish(patience).await;
        Err(question.unusable(&format!("it leads elsewhere more than {MOST_REDIRECTS} times")))
    }

    /// Gets what may not be there: `None` where the registry says so.
    pub(super) async fn found(
        &self,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<Incoming<'_>>, RegistryError> {
        let answer = self.ask(Method::GET, url, question, patience).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer.finish(patience).await;
            return Ok(None);
        }
        self.given(answer, question, patience).await.map(Some)
    }

    /// The answer, where it holds what was asked for.
    pub(super) async fn given<'r>(
        &'r self,
        answer: Incoming<'r>,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'r>, RegistryError> {
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status @ (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) => {
                answer.finish(patience).await;
                let (host, operation) = (question.host().to_owned(), question.operation);
                Err(RegistryError::NotSupported { host, operation, status: status.as_u16() })
            }
            status => {
                answer.finish(patience).await;
                Err(question.no_answer(status))
            }
        }
    }

    /// Asks once more where whoever is asked wants it later, and there is no later for who asks everything once.
    pub(super) async fn asked(
        &self,
        method: &Method,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'_>, RegistryError> {
        let mut left = if self.config.waits { LONGEST_WAIT } else { Duration::ZERO };
        loop {
            let error = match self.asked_now(method, url, question, patience).await {
                Err(error) => error,
                answer => return answer,
            };
            let until = match &error {
                RegistryError::Throttled {
                    why: Wait::Asked | Wait::Unavailable | Wait::LittleLeft,
                    until: Some(until),
                    ..
                } => *until,
                _ => return Err(error),
            };
            let wait = (until.moment() - self.ambient.now()).to_std().unwrap_or_default();
            match left.checked_sub(wait.max(SHORTEST_WAIT)) {
                Some(rest) => left = rest,
                None => return Err(error),
            }
            tracing::info!(registry = question.host(), seconds = wait.as_secs(), "it asks to wait, which is done");
            tokio::time::sleep(wait.max(SHORTEST_WAIT)).await;
        }
    }

    /// Asks its own host with what is known to work, and another with nothing.
    async fn asked_now(
        &self,
        method: &Method,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'_>, RegistryError> {
        if self.base(question)?.origin() == url.origin() {
            return self.asked_at_home(method, url, question, patience).await;
        }
        let answer = self.wire.open(method.clone(), url, Shown::Nothing, question, patience).await?;
        let status = answer.status().as_u16();
        if matches!(status, 401 | 403) {
            answer.finish(patience).await;
            let host = outbound::written_host(url);
            return Err(question.unusable(&format!("it leads to {host}, which answers {status}")));
        }
        // Where blobs are kept elsewhere, that host may be away while the registry is there.
        if status == 503 {
            let error = question.no_answer(answer.status());
            answer.finish(patience).await;
            return Err(error);
        }
        self.judged(answer, question, patience).await
    }

    /// Asks with what is known to work, and answers challenges: each way that is offered once.
    async fn asked_at_home(
        &self,
        method: &Method,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'_>, RegistryError> {
        if !patience.is_begun() {
            self.budgets.may_ask(question, self.ambient.now()).map_err(|error| self.wire.put_off(error))?;
        }
        let (host, path) = (question.host().to_owned(), question.repository.path().to_owned());
        let key: Key = (host, path, question.credential.scope().to_owned());
        let mut scheme = self.schemes.get(&key, self.ambient.monotonic());
        let mut tried = Tried::default();
        let mut is_from_before = scheme.is_some();
        loop {
            let shown = match (&scheme, question.credential.user()) {
                (Some(Scheme::Bearer(token)), _) => Shown::Token(token),
                (Some(Scheme::Basic), Some((name, password))) => Shown::User(name, password),
                _ => Shown::Nothing,
            };
            let answer = self.wire.open(method.clone(), url, shown, question, patience).await?;
            match answer.status() {
                StatusCode::UNAUTHORIZED => {}
                StatusCode::FORBIDDEN if !question.takes_refusal => {
                    let said = refused::words(answer, question.credential, patience).await;
                    if matches!(scheme, Some(Scheme::Bearer(_))) {
                        // A token says what its user was allowed when it was made.
                        self.schemes.forget(&key);
                        if std::mem::take(&mut is_from_before) {
                            scheme = None;
                            continue;
                        }
                    }
                    return Err(self.refused(&key, question.refused(Refusal::Forbidden, said)));
                }
                _ => {
                    self.refusals.over(&key);
                    return self.judged(answer, question, patience).await;
                }
            }
            let lines = answer.lines(WWW_AUTHENTICATE).filter_map(|line| std::str::from_utf8(line).ok());
            let challenges = challenge::read(lines);
            let said = refused::words(answer, question.credential, patience).await;
            self.schemes.forget(&key);
            tried.basic |= matches!(scheme, Some(Scheme::Basic));
            let learned = self.challenged((&challenges, said), question, &mut tried, patience).await;
            let (learned, lifetime) = learned.map_err(|error| self.refused(&key, error))?;
            self.schemes.put(key.clone(), self.ambient.monotonic() + lifetime, learned.clone());
            (scheme, is_from_before) = (Some(learned), false);
        }
    }

    /// Learns from a 401 how to ask, and for how long that is good: by a token, else by name and password.
    async fn challenged(
        &self,
        (challenges, said): (&[Challenge], Option<Box<str>>),
        question: Question<'_>,
        tried: &mut Tried,
        patience: &mut Patience,
    ) -> Result<(Scheme, Duration), RegistryError> {
        if question.credential.is_too_long() {
            return Err(question.unauthorized(Refusal::TooLong));
        }
        let has_user = question.credential.user().is_some();
        let takes_user = has_user && !tried.basic && challenges.contains(&Challenge::Basic);
        let bearers = challenges.iter().filter_map(|challenge| match challenge {
            Challenge::Bearer { realm, service, scope } => Some((realm, service.as_deref(), scope.as_deref())),
            Challenge::Basic => None,
        });
        let mut urls = bearers.map(|(realm, service, scope)| self.token_url(realm, service, scope, question));
        if !tried.token
            && let Some(first) = urls.next()
        {
            let url = urls.fold(first, |chosen, other| chosen.or_else(|error| other.map_err(|_| error)));
            tried.token = true;
            let token = match url {
                Ok(url) => self.token(&url, question, patience).await,
                Err(error) => Err(error),
            };
            match token {
                Ok(token) => return Ok((Scheme::Bearer(token.secret), token.lifetime)),
                Err(RegistryError::Unauthorized { .. }) if takes_user => {}
                Err(error) => return Err(error),
            }
        }
        if takes_user {
            return Ok((Scheme::Basic, REMEMBER_BASIC));
        }
        Err(match (tried.basic, tried.token) {
            (true, _) => question.refused(Refusal::Credential, said),
            // Whoever asks is known to it, and is not let in: it does not say whether there is anything.
            (false, true) => question.unknown(StatusCode::UNAUTHORIZED),
            (false, false) => question.refused(Refusal::UnknownWay, None),
        })
    }

    /// A refusal is told as one that may end by itself, until it has lasted.
    fn refused(&self, key: &Key, error: RegistryError) -> RegistryError {
        let may_end = match &error {
            RegistryError::Unauthorized { refusal, .. } => refusal.may_end(),
            RegistryError::UnknownRepository { .. } => true,
            _ => false,
        };
        if may_end && !self.refusals.is_settled(key, self.ambient.monotonic()) {
            return RegistryError::RefusedForNow(Box::new(error));
        }
        error
    }

    /// A token to read one repository.
    async fn token(
        &self,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<token::Token, RegistryError> {
        let shown = question.credential.user().map_or(Shown::Nothing, |(name, password)| Shown::User(name, password));
        let asked = Question { operation: "token", accept: JSON, known: None, takes_refusal: false, ..question };
        let service = outbound::written_host(url);
        let answer = self.wire.open(Method::GET, url, shown, asked, patience).await.map_err(|error| match error {
            RegistryError::Unreachable { operation, source, .. } => {
                RegistryError::Unreachable { host: service.clone(), operation, source }
            }
            other => other,
        })?;
        match answer.status() {
            StatusCode::OK => {
                let claimed = answer.media_type().filter(|media| !media.contains("json"));
                let claimed = claimed.map(|media| format!(", but {media}")).unwrap_or_default();
                let room = self.tokens.enter().await;
                let body = self.body(answer, room, asked, patience).await?;
                token::read(&body.bytes).ok_or_else(|| {
                    let longest = token::LONGEST;
                    let told =
                        format!("its token service {service} sends no token of at most {longest} bytes{claimed}");
                    question.unusable(&told)
                })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let said = refused::words(answer, question.credential, patience).await;
                Err(question.refused(Refusal::ByTokenService, said))
            }
            status => match self.judged(answer, question, patience).await {
                Err(error @ RegistryError::Throttled { .. }) => Err(error),
                judged => {
                    if let Ok(answer) = judged {
                        answer.finish(patience).await;
                    }
                    Err(question.unusable(&format!(
                        "its token service {service} sends no token, but answers {}",
                        status.as_u16()
                    )))
                }
            },
        }
    }

    /// Where a token is asked for, if whoever is there is entitled to see the credential.
    fn token_url(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        question: Question<'_>,
    ) -> Result<Url, RegistryError> {
        let judged = challenge::judge(realm, question.host(), &self.base(question)?, self.wire.hosts());
        let mut url = match (judged, question.credential.user()) {
            (Realm::Entitled(url), _) | (Realm::Anonymous(url), None) => url,
            (Realm::Anonymous(url), Some(_)) | (Realm::Stranger(url), _) => {
                let refusal = challenge::of_stranger(&url, &self.base(question)?);
                return Err(question.unauthorized(refusal));
            }
            (Realm::Refused(reason), _) => return Err(question.unauthorized(Refusal::TokenService(reason))),
        };
        let scopes = challenge::scopes(scope, question.repository.path());
        let scopes = scopes.iter().map(|scope| ("scope", &**scope));
        url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service)).into_iter().chain(scopes));
        Ok(url)
    }

    /// Statuses that are no answer to any question.
    async fn judged<'r>(
        &'r self,
        answer: Incoming<'r>,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'r>, RegistryError> {
        self.learn_budget(&answer, question);
        let now = self.ambient.now();
        let told = answer.header(RETRY_AFTER).and_then(|value| RetryAfter::parse(value, now));
        let error = match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => self.waits(Wait::Asked, question, told, now),
            // One that does not say for how long is asked again as after any answer that is none.
            StatusCode::SERVICE_UNAVAILABLE if told.is_some() => self.waits(Wait::Unavailable, question, told, now),
            // 501 is how some say that they know no HEAD.
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => question.no_answer(status),
            _ => return Ok(answer),
        };
        answer.finish(patience).await;
        Err(error)
    }

    /// The host asked to wait: it is left alone, by other replicas, too.
    fn waits(&self, why: Wait, question: Question<'_>, told: Option<RetryAfter>, now: DateTime<Utc>) -> RegistryError {
        let error = self.budgets.wait(why, question, told, now);
        if let RegistryError::Throttled { until: Some(until), why, .. } = &error {
            let whom = (question.host(), question.credential.scope());
            self.wire.beside.tell_of_wait(whom, (until.moment(), *why), now);
        }
        self.wire.put_off(error)
    }

    /// What an answer says is left.
    fn learn_budget(&self, answer: &Incoming<'_>, question: Question<'_>) {
        let quota = |name| answer.header(HeaderName::from_static(name)).and_then(Quota::parse);
        let now = self.ambient.now();
        if let Some(told) = Told::read(quota("ratelimit-remaining"), quota("ratelimit-limit"), now) {
            self.budgets.learn(question, told, now);
        }
    }

    /// The whole body, as soon as there is room for it.
    pub(super) async fn body(
        &self,
        mut answer: Incoming<'_>,
        room: Result<Room, NoRoom>,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Body, RegistryError> {
        let refused = |error| match error {
            NoRoom::TooLarge(most) => question.unusable(&format!("more than {most} bytes")),
            NoRoom::Closed => question.unusable("the process ends"),
        };
        let (mut room, mut bytes) = (room.map_err(refused)?, Vec::new());
        while let Some(chunk) = answer.chunk(patience).await? {
            let chunk = chunk.as_ref();
            room.hold(bytes.len() + chunk.len()).await.map_err(refused)?;
            bytes.extend_from_slice(chunk);
        }
        Ok(Body::new(bytes, room))
    }
}
