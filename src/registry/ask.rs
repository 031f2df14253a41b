//! A question with what is known to work, and with what a challenge asks for.

use std::time::Duration;

use reqwest::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::challenge::{self, Challenge, Realm};
use super::client::HttpRegistry;
use super::token::{self, Key, Scheme};
use super::wire::{Incoming, Patience, Question, Shown};
use super::{Refusal, RegistryError};
use crate::domain::retry::RetryAfter;
use crate::memory::room::{Body, NoRoom, Room};
use crate::outbound;

/// How long a scheme without an expiry of its own is remembered.
const REMEMBER_BASIC: Duration = Duration::from_secs(600);

impl HttpRegistry {
    /// Asks, and takes a redirect for no answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'_>, RegistryError> {
        let answer = self.asked(method, url, question, patience).await?;
        if answer.status().is_redirection() {
            answer.finish(patience).await;
            return Err(question.unusable("it leads elsewhere, which is not followed"));
        }
        Ok(answer)
    }

    /// Gets what may not be there: `None` where the registry says so.
    pub(super) async fn found(
        &self,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Option<Incoming<'_>>, RegistryError> {
        let answer = self.ask(Method::GET, url, question, patience).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => {
                answer.finish(patience).await;
                Ok(None)
            }
            status => {
                answer.finish(patience).await;
                Err(question.unusable(&format!("status {}", status.as_u16())))
            }
        }
    }

    /// Asks with what is known to work, and answers challenges: at most one for a scheme, one for a stale token.
    pub(super) async fn asked(
        &self,
        method: Method,
        url: &Url,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'_>, RegistryError> {
        self.throttled.may_ask(question, self.ambient.now())?;
        let (host, path) = (question.host().to_owned(), question.repository.path().to_owned());
        let key: Key = (host, path, question.credential.scope().to_owned());
        let mut scheme = self.schemes.get(&key, self.ambient.monotonic());
        for _ in 0..3 {
            let shown = match (&scheme, question.credential.user()) {
                (Some(Scheme::Bearer(token)), _) => Shown::Token(token),
                (Some(Scheme::Basic), Some((name, password))) => Shown::User(name, password),
                _ => Shown::Nothing,
            };
            let answer = self.wire.open(method.clone(), url, shown, question, patience).await?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                return self.judged(answer, question, patience).await;
            }
            let header = answer.header(WWW_AUTHENTICATE).unwrap_or_default().to_owned();
            answer.finish(patience).await;
            self.schemes.forget(&key);
            if matches!(scheme, Some(Scheme::Basic)) {
                break;
            }
            scheme = Some(self.challenged(&header, question, &key, patience).await?);
        }
        Err(question.refused(Refusal::Credential))
    }

    /// Learns from the header of a 401 how to ask, and remembers it for later questions.
    async fn challenged(
        &self,
        header: &str,
        question: Question<'_>,
        key: &Key,
        patience: &mut Patience,
    ) -> Result<Scheme, RegistryError> {
        let challenges = challenge::read(header);
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service.as_deref())),
            Challenge::Basic => None,
        });
        if let Some((realm, service)) = bearer {
            let token = self.token(realm, service, question, patience).await?;
            let scheme = Scheme::Bearer(token.secret);
            self.schemes.put(key.clone(), self.ambient.monotonic() + token.lifetime, scheme.clone());
            return Ok(scheme);
        }
        if challenges.contains(&Challenge::Basic) && question.credential.user().is_some() {
            self.schemes.put(key.clone(), self.ambient.monotonic() + REMEMBER_BASIC, Scheme::Basic);
            return Ok(Scheme::Basic);
        }
        Err(question.refused(Refusal::UnknownWay))
    }

    /// A token to read one repository, from a realm that is entitled to see the credential.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<token::Token, RegistryError> {
        let url = self.token_url(realm, service, question)?;
        let shown = question.credential.user().map_or(Shown::Nothing, |(name, password)| Shown::User(name, password));
        let asked = Question { operation: "token", ..question };
        let answer = self.wire.open(Method::GET, &url, shown, asked, patience).await?;
        match answer.status() {
            StatusCode::OK => {
                let room = self.tokens.enter().await;
                let body = self.body(answer, room, asked, patience).await?;
                token::read(&body.bytes).ok_or_else(|| {
                    let longest = token::LONGEST;
                    question.unusable(&format!("its token service sends no token of at most {longest} bytes"))
                })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                answer.finish(patience).await;
                Err(question.refused(Refusal::ByTokenService))
            }
            _ => match self.judged(answer, question, patience).await {
                Ok(answer) => {
                    answer.finish(patience).await;
                    Err(question.unusable("its token service sends no token"))
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Where a token is asked for, if whoever is there is entitled to see the credential.
    fn token_url(&self, realm: &str, service: Option<&str>, question: Question<'_>) -> Result<Url, RegistryError> {
        let registry = self.url(question, "")?;
        let judged = challenge::judge(realm, question.host(), &registry, self.wire.hosts());
        let mut url = match (judged, question.credential.user()) {
            (Realm::Entitled(url), _) | (Realm::Anonymous(url), None) => url,
            (Realm::Anonymous(url), Some(_)) => {
                return Err(question.unauthorized(Refusal::Stranger(outbound::written_host(&url))));
            }
            (Realm::Refused(reason), _) => return Err(question.unauthorized(Refusal::TokenService(reason))),
        };
        let scope = format!("repository:{}:pull", question.repository.path());
        let service = service.map(|service| ("service", service));
        url.query_pairs_mut().extend_pairs(service.into_iter().chain([("scope", &*scope)]));
        Ok(url)
    }

    /// Statuses that are no answer to any question.
    async fn judged<'r>(
        &'r self,
        answer: Incoming<'r>,
        question: Question<'_>,
        patience: &mut Patience,
    ) -> Result<Incoming<'r>, RegistryError> {
        let error = match answer.status().as_u16() {
            429 => {
                let now = self.ambient.now();
                let until = answer.header(RETRY_AFTER).and_then(|value| RetryAfter::parse(value, now));
                self.throttled.wait(question, until, now);
                RegistryError::Throttled { host: question.host().to_owned(), until }
            }
            403 => question.refused(Refusal::Forbidden),
            status @ 500..=599 => question.unusable(&format!("status {status}")),
            _ => return Ok(answer),
        };
        answer.finish(patience).await;
        Err(error)
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
