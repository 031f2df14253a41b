//! When a tag was pushed, by the registry's own clock: some say it beside the distribution API. Asked rarely, and never a
//! reason to fail.

mod speech;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use url::Url;

pub use speech::Pushed;
use speech::Speech;

use super::Credential;
use super::client::HttpRegistry;
use super::wire::{JSON, Patience, Shown};
use crate::domain::reference::{Repository, Tag};

/// One question.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most pages of tags that are read for one order by push time.
const MOST_PAGES: usize = 10;
/// For so long it is remembered which of them a host speaks, or that it speaks none.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// So many hosts are remembered; beyond it all are forgotten, and asked once more.
const MOST: usize = 1000;
/// Hosts, and what the names of others end in, that are known to say nothing of it to who may pull.
const SILENT: [&str; 9] = [
    "ghcr.io",
    "gcr.io",
    ".pkg.dev",
    ".amazonaws.com",
    "public.ecr.aws",
    ".azurecr.io",
    "mcr.microsoft.com",
    "registry.k8s.io",
    "registry.gitlab.com",
];

/// What one question came to.
enum Said<T> {
    This(T),
    /// It does not know the tag, or not the question.
    Nothing,
    /// There was no answer, which says nothing of what it speaks.
    Silence,
}

/// What hosts speak, and until when that is remembered.
#[derive(Debug, Default)]
pub(super) struct Speeches(Mutex<HashMap<String, (Option<Speech>, Duration)>>);

impl Speeches {
    fn of(&self, host: &str, now: Duration) -> Vec<Speech> {
        match host {
            "docker.io" => return vec![Speech::Hub],
            "quay.io" => return vec![Speech::Quay],
            host if SILENT.iter().any(|silent| host.ends_with(silent)) => return Vec::new(),
            _ => {}
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied();
        match known.filter(|(_, until)| now < *until) {
            Some((speech, _)) => speech.into_iter().collect(),
            None => vec![Speech::Harbor, Speech::Quay],
        }
    }

    fn remember(&self, host: &str, speech: Option<Speech>, now: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(host) {
            known.clear();
        }
        known.insert(host.to_owned(), (speech, now + REMEMBERED));
    }
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
        self.first_of(repository, credential, &url, &read).await
    }

    /// When all of these were pushed; see [`super::Registry::push_times`].
    pub(super) async fn when_all_pushed(
        &self,
        repository: &Repository,
        tags: &[Tag],
        credential: &Credential,
    ) -> Option<BTreeMap<String, DateTime<Utc>>> {
        let mut times = BTreeMap::new();
        for number in 1..=MOST_PAGES {
            let url = |speech: Speech, base: &Url| speech.page_url(base, repository, number);
            let page = self.first_of(repository, credential, &url, &Speech::read_page).await?;
            let is_wanted = |name: &str| tags.iter().any(|tag| tag.as_str() == name);
            times.extend(page.tags.into_iter().filter(|(name, _)| is_wanted(name)));
            if tags.iter().all(|tag| times.contains_key(tag.as_str())) {
                return Some(times);
            }
            if !page.has_more {
                return None;
            }
        }
        None
    }

    /// What the first says that a host may speak, and remembers which that is.
    async fn first_of<T: Send>(
        &self,
        repository: &Repository,
        credential: &Credential,
        url: &(impl Fn(Speech, &Url) -> Option<Url> + Sync),
        read: &(impl Fn(Speech, &[u8]) -> Option<T> + Sync),
    ) -> Option<T> {
        let host = repository.host();
        let speeches = self.speeches.of(host, self.ambient.monotonic());
        for speech in &speeches {
            match self.said(*speech, repository, credential, url, read).await {
                Said::This(said) => {
                    self.speeches.remember(host, Some(*speech), self.ambient.monotonic());
                    return Some(said);
                }
                Said::Nothing => {}
                Said::Silence => return None,
            }
        }
        // A host that is known to speak one is asked on: it does not know this tag.
        if speeches.len() > 1 {
            self.speeches.remember(host, None, self.ambient.monotonic());
        }
        None
    }

    /// Asks once. Only a Harbor is shown the credential, as it is the registry itself; Quay's takes another.
    async fn said<T: Send>(
        &self,
        speech: Speech,
        repository: &Repository,
        credential: &Credential,
        url: &(impl Fn(Speech, &Url) -> Option<Url> + Sync),
        read: &(impl Fn(Speech, &[u8]) -> Option<T> + Sync),
    ) -> Said<T> {
        let Ok(tries) = self.tries::<()>(repository, credential).await else { return Said::Silence };
        let question = tries.question("pushed", JSON);
        let Ok(base) = self.base(question) else { return Said::Silence };
        // Where the operator sends Docker Hub's questions elsewhere, the Hub itself may be out of reach.
        if speech == Speech::Hub && base.host_str() != Some("registry-1.docker.io") {
            return Said::Silence;
        }
        let Some(url) = url(speech, &base) else { return Said::Nothing };
        let shown = match question.credential.user() {
            Some((name, password)) if speech == Speech::Harbor => Shown::User(name, password),
            _ => Shown::Nothing,
        };
        let mut patience = Patience::of(PATIENCE);
        let asked = self.wire.open(Method::GET, &url, shown, question, &mut patience).await;
        let Ok(answer) = asked else { return Said::Silence };
        if answer.status() != StatusCode::OK {
            let is_later = answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS;
            answer.finish(&mut patience).await;
            return if is_later { Said::Silence } else { Said::Nothing };
        }
        let body = self.body(answer, self.images.enter().await, question, &mut patience).await;
        let Ok(body) = body else { return Said::Silence };
        read(speech, &body.bytes).map_or(Said::Nothing, Said::This)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_speaks_is_remembered_for_a_while_and_bounded() {
        let (speeches, hour) = (Speeches::default(), REMEMBERED);
        assert_eq!(speeches.of("harbor.example.com", Duration::ZERO), [Speech::Harbor, Speech::Quay]);
        speeches.remember("harbor.example.com", Some(Speech::Harbor), Duration::ZERO);
        speeches.remember("registry.example.com", None, Duration::ZERO);
        assert_eq!(speeches.of("harbor.example.com", hour / 2), [Speech::Harbor]);
        assert_eq!(speeches.of("registry.example.com", hour / 2), []);
        assert_eq!(speeches.of("registry.example.com", hour).len(), 2, "it may be another by then");
        assert_eq!(
            (speeches.of("docker.io", hour), speeches.of("quay.io", hour)),
            (vec![Speech::Hub], vec![Speech::Quay])
        );
        assert_eq!(speeches.of("1234.dkr.ecr.eu-west-1.amazonaws.com", hour), []);
        (0..=MOST).for_each(|n| speeches.remember(&format!("host-{n}"), None, hour));
        assert!(speeches.0.lock().unwrap().len() <= MOST);
    }
}
