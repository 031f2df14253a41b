//! Whoever may ask, one after another, until one is let in.
//!
//! A node tries the next user after any failure. Here the next one is tried where a registry does not let somebody in, or
//! does not show them what is asked for: 401, 403, 404, and no from a token service. What says nothing of the user (no
//! answer, 429, 5xx) passes by itself and ends the question, which is asked again later with the same users: nothing is
//! believed that a node would not find, and a host in trouble is not asked eight times as often.

use super::admitted::Key;
use super::client::HttpRegistry;
use super::credential::{Chosen, Credential, Login};
use super::questions::Ask;
use super::wire::Question;
use super::{Refusal, RegistryError};
use crate::domain::reference::Repository;
use crate::telemetry::chain;

/// One question, and whoever may still ask it.
pub(super) struct Tries<'r, T> {
    registry: &'r HttpRegistry,
    repository: &'r Repository,
    credential: Credential,
    /// In the order they are tried.
    logins: Vec<Login>,
    at: usize,
    /// Who was let in before: what they don't find is not there.
    admitted: Option<String>,
    /// What the first of them came to, or the first whose refusal may end by itself.
    told: Option<Result<T, RegistryError>>,
    /// Whether the credential was read again.
    is_renewed: bool,
}

impl HttpRegistry {
    /// Asks the mirrors of a host first, then the host itself, as whoever may ask, until something is found.
    pub(super) async fn ask_all<A: Ask>(
        &self,
        repository: &Repository,
        credential: &Credential,
        asks: A,
    ) -> Result<A::Answer, RegistryError> {
        let tries = self.tries_at(repository, credential).await?;
        match self.ask_mirrors(repository, &asks).await {
            Some(found) => Ok(found),
            None => self.ask_by(tries, &asks).await,
        }
    }

    /// Asks the host itself, and no mirror of it.
    pub(super) async fn ask_itself<A: Ask>(
        &self,
        repository: &Repository,
        credential: &Credential,
        asks: &A,
    ) -> Result<A::Answer, RegistryError> {
        self.ask_by(self.tries_at(repository, credential).await?, asks).await
    }

    /// What the first of a host's mirrors has that has it.
    pub(super) async fn ask_mirrors<A: Ask>(&self, repository: &Repository, asks: &A) -> Option<A::Answer> {
        let (operation, accept) = (A::OPERATION, A::ACCEPT);
        for (mirror, credential) in &self.wire.hosts().mirrors(repository) {
            let question =
                Question { repository: mirror, credential, operation, accept, known: None, takes_refusal: false };
            let end = asks.ask(self, question, false).await;
            let now = self.ambient.now();
            match end {
                Ok(answer) if asks.is_found_at_mirror(&answer) => {
                    self.seen.ended(mirror.host(), &Ok(()), now);
                    return Some(answer);
                }
                Ok(_) => {
                    tracing::debug!(%mirror, "the mirror has it not, or only a part; the next is asked");
                    self.seen.passed_over(mirror.host(), now);
                }
                Err(error) => {
                    tracing::debug!(%mirror, error = %chain(&error), "the mirror gives no answer; the next is asked");
                    self.seen.ended::<()>(mirror.host(), &Err(error), now);
                }
            }
        }
        None
    }

    async fn ask_by<A: Ask>(&self, mut tries: Tries<'_, A::Answer>, asks: &A) -> Result<A::Answer, RegistryError> {
        let (operation, accept) = (A::OPERATION, A::ACCEPT);
        loop {
            let asked = asks.ask(self, tries.question(operation, accept), tries.is_later()).await;
            if let Some(end) = tries.next(asked, A::is_found).await {
                self.seen.ended(tries.repository.host(), &end, self.ambient.now());
                return end;
            }
        }
    }

    async fn tries_at<'r, T>(
        &'r self,
        repository: &'r Repository,
        credential: &Credential,
    ) -> Result<Tries<'r, T>, RegistryError> {
        let tries = self.tries(repository, credential).await;
        tries.inspect_err(|error| self.seen.refused(repository.host(), error, self.ambient.now()))
    }

    /// Whoever may ask: the workload's own users; where it has none, the operator's; nobody in particular where there is
    /// none either.
    pub(super) async fn tries<'r, T>(
        &'r self,
        repository: &'r Repository,
        credential: &Credential,
    ) -> Result<Tries<'r, T>, RegistryError> {
        let mut tries = Tries {
            registry: self,
            repository,
            credential: credential.latest().clone(),
            logins: Vec::new(),
            at: 0,
            admitted: None,
            told: None,
            is_renewed: false,
        };
        match tries.begin() {
            Err(error) if tries.renew().await => tries.begin().map_err(|_| error)?,
            other => other?,
        }
        Ok(tries)
    }

    fn logins(&self, host: &str, credential: &Credential) -> Result<Vec<Login>, RegistryError> {
        if let Chosen::Broken(secret) = credential.chosen() {
            let refusal = Refusal::Broken(secret.clone());
            return Err(RegistryError::Unauthorized { host: host.to_owned(), refusal, whose: None, said: None });
        }
        let mut logins: Vec<Login> = credential.to_try().iter().cloned().map(Login::Workload).collect();
        if logins.is_empty() {
            logins.push(self.wire.hosts().login(host));
        }
        Ok(logins)
    }
}

impl<T> Tries<'_, T> {
    /// Begins with who was let in last.
    fn begin(&mut self) -> Result<(), RegistryError> {
        self.logins = self.registry.logins(self.repository.host(), &self.credential)?;
        self.admitted = self.registry.admitted.last(self.repository.host(), &self.key());
        self.logins.sort_by_key(|login| Some(login.scope()) != self.admitted.as_deref());
        (self.at, self.told) = (0, None);
        Ok(())
    }

    fn key(&self) -> Key {
        (self.repository.path().to_owned(), self.credential.scope().to_owned())
    }

    /// The question, of whose turn it is.
    pub(super) fn question(&self, operation: &'static str, accept: &'static str) -> Question<'_> {
        let credential = self.logins.get(self.at).unwrap_or(&Login::Nobody);
        Question { repository: self.repository, credential, operation, accept, known: None, takes_refusal: false }
    }

    /// Takes what somebody's question came to: the answer, or `None` where it is to be asked once more.
    pub(super) async fn next(
        &mut self,
        asked: Result<T, RegistryError>,
        is_found: impl Fn(&T) -> bool,
    ) -> Option<Result<T, RegistryError>> {
        match &asked {
            Ok(answer) if is_found(answer) => {
                self.remember();
                return Some(asked);
            }
            Ok(_) if self.is_admitted() => return Some(asked),
            Err(error) if !is_of_the_user(error) => return Some(asked),
            Err(error) if is_refused(error) && self.renew().await => {
                return self.begin().err().map(Err);
            }
            Ok(_) | Err(_) => {}
        }
        if self.told.as_ref().is_none_or(|told| !may_end(told) && may_end(&asked)) {
            self.told = Some(asked);
        }
        self.at += 1;
        if self.at < self.logins.len() { None } else { self.told.take() }
    }

    /// Whether somebody else has asked before: to begin anew would ask them again.
    pub(super) fn is_later(&self) -> bool {
        self.at > 0
    }

    /// Reads the credential again, once. Answers whether it is another.
    async fn renew(&mut self) -> bool {
        if std::mem::replace(&mut self.is_renewed, true) {
            return false;
        }
        match self.credential.renewed().await {
            Some(credential) => {
                self.credential = credential;
                true
            }
            None => false,
        }
    }

    fn is_admitted(&self) -> bool {
        let scope = self.logins.get(self.at).map(Login::scope);
        self.logins.len() == 1 || self.admitted.as_deref() == scope
    }

    /// Where there is one alone, there is nothing to remember.
    fn remember(&self) {
        if let Some(login) = self.logins.get(self.at).filter(|_| self.logins.len() > 1 && !self.is_admitted()) {
            self.registry.admitted.remember(self.repository.host(), self.key(), login.scope());
        }
    }
}

/// Whether it is a refusal that may end by itself.
fn may_end<T>(asked: &Result<T, RegistryError>) -> bool {
    matches!(asked, Err(RegistryError::RefusedForNow(_)))
}

/// Whether somebody was not let in, be it for now or for long: by a 401 or 403, whatever that is told as.
fn is_refused(error: &RegistryError) -> bool {
    match error {
        RegistryError::RefusedForNow(error) => is_refused(error),
        RegistryError::Unauthorized { .. } | RegistryError::UnknownRepository { status: 401, .. } => true,
        _ => false,
    }
}

/// Whether another user may have another answer.
fn is_of_the_user(error: &RegistryError) -> bool {
    match error {
        RegistryError::RefusedForNow(error) => is_of_the_user(error),
        RegistryError::UnknownRepository { .. } => true,
        RegistryError::Unauthorized { refusal, .. } => match refusal {
            Refusal::NoCredential
            | Refusal::Credential
            | Refusal::Forbidden
            | Refusal::ByTokenService
            | Refusal::TooLong => true,
            Refusal::Broken(_) | Refusal::UnknownWay | Refusal::Stranger(_) | Refusal::TokenService(_) => false,
        },
        _ => false,
    }
}
