//! When a tag was pushed, by the registry's own clock: some say it beside the distribution API. Asked rarely, and never a
//! reason to fail.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use url::Url;

use super::client::HttpRegistry;
use super::speech::{Pushed, Speech};
use super::wire::{JSON, Patience, Shown};
use super::{Credential, RegistryError};
use crate::domain::reference::{Repository, Tag};

/// One question.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most pages of tags that are read for one order by push time.
const MOST_PAGES: usize = 10;

/// What one question came to.
enum Said<T> {
    This(T),
    /// It does not know the tag, or not the question.
    Nothing,
    /// It is not asked where it stands now, which says nothing of what it speaks.
    Silence,
}

impl HttpRegistry {
    /// When a tag was pushed; see [`super::Registry::pushed`].
    pub(super) async fn when_pushed(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> Option<Pushed> {
        let url = |speech: Speech, base: &Url| speech.url(base, repository, tag);
        let read = |speech: Speech, body: &[u8]| speech.read(body, tag);
        self.first_of(repository, credential, &url, &read).await.ok().flatten()
    }

    /// When all of these were pushed; see [`super::Registry::push_times`].
    pub(super) async fn when_all_pushed(
        &self,
        repository: &Repository,
        tags: &[Tag],
        credential: &Credential,
    ) -> Result<Option<BTreeMap<String, DateTime<Utc>>>, RegistryError> {
        let mut times = BTreeMap::new();
        for number in 1..=MOST_PAGES {
            let url = |speech: Speech, base: &Url| speech.page_url(base, repository, number);
            let page = self.first_of(repository, credential, &url, &Speech::read_page).await?;
            let Some(page) = page else { return Ok(None) };
            let is_wanted = |name: &str| tags.iter().any(|tag| tag.as_str() == name);
            times.extend(page.tags.into_iter().filter(|(name, _)| is_wanted(name)));
            if tags.iter().all(|tag| times.contains_key(tag.as_str())) {
                return Ok(Some(times));
            }
            if !page.has_more {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// What the first says that a host may speak, and remembers which that is.
    async fn first_of<T: Send>(
        &self,
        repository: &Repository,
        credential: &Credential,
        url: &(impl Fn(Speech, &Url) -> Option<Url> + Sync),
        read: &(impl Fn(Speech, &[u8]) -> Option<T> + Sync),
    ) -> Result<Option<T>, RegistryError> {
        let speeches = self.speeches.of(repository, credential.scope(), self.ambient.monotonic());
        for speech in &speeches {
            match self.said(*speech, repository, credential, url, read).await? {
                Said::This(said) => {
                    self.speeches.remember(repository, *speech, self.ambient.monotonic());
                    return Ok(Some(said));
                }
                Said::Nothing => {}
                Said::Silence => return Ok(None),
            }
        }
        // A host that is known to speak one is asked on: it does not know this tag.
        if speeches.len() > 1 {
            self.speeches.remember_silence(repository, credential.scope(), self.ambient.monotonic());
        }
        Ok(None)
    }

    /// Asks once. Only a Harbor is shown the credential, as it is the registry itself; Quay's takes another, and GitHub's
    /// the operator's own token.
    async fn said<T: Send>(
        &self,
        speech: Speech,
        repository: &Repository,
        credential: &Credential,
        url: &(impl Fn(Speech, &Url) -> Option<Url> + Sync),
        read: &(impl Fn(Speech, &[u8]) -> Option<T> + Sync),
    ) -> Result<Said<T>, RegistryError> {
        let tries = self.tries::<()>(repository, credential).await?;
        let question = tries.question("pushed", JSON);
        let base = self.base(question)?;
        let token = self.config.packages.as_ref().map(|packages| packages.token.get());
        let (base, shown) =
            match (speech, self.config.packages.as_ref().zip(token.as_deref()), question.credential.user()) {
                (Speech::GitHubOrganisation | Speech::GitHubUser, Some((packages, token)), _)
                    if is_itself(&base, "ghcr.io") =>
                {
                    (packages.api.clone(), Shown::Token(token))
                }
                (Speech::GitHubOrganisation | Speech::GitHubUser, ..) => return Ok(Said::Silence),
                (Speech::Hub, ..) if !is_itself(&base, "registry-1.docker.io") => return Ok(Said::Silence),
                (Speech::Harbor, _, Some((name, password))) => (base, Shown::User(name, password)),
                (Speech::Hub | Speech::Quay | Speech::Harbor, ..) => (base, Shown::Nothing),
            };
        let Some(url) = url(speech, &base) else { return Ok(Said::Nothing) };
        let mut patience = Patience::of(PATIENCE);
        let answer = self.wire.open(Method::GET, &url, shown, question, &mut patience).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            let is_later = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            answer.finish(&mut patience).await;
            return if is_later { Err(question.no_answer(status)) } else { Ok(Said::Nothing) };
        }
        let body = self.body(answer, self.images.enter().await, question, &mut patience).await?;
        Ok(read(speech, &body.bytes).map_or(Said::Nothing, Said::This))
    }
}

/// Whether a registry is asked where everybody asks it: where the operator sends its questions elsewhere, what else is said
/// of it may be out of reach.
fn is_itself(base: &Url, host: &str) -> bool {
    base.host_str() == Some(host)
}
