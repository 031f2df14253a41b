//! When a tag was pushed, by the registry's own clock: some say it beside the distribution API. Asked rarely, and never a
//! reason to fail.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::Credential;
use super::client::HttpRegistry;
use super::wire::{JSON, Patience, Shown};
use crate::domain::reference::{Digest, Repository, Tag};

/// One question.
const PATIENCE: Duration = Duration::from_secs(5);
/// For so long it is remembered which of them a host speaks, or that it speaks none.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// So many hosts are remembered; beyond it all are forgotten, and asked once more.
const MOST: usize = 1000;
/// Where Docker Hub says it.
const HUB: &str = "https://hub.docker.com";
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

/// When a tag was pushed last, as its registry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// When.
    pub at: DateTime<Utc>,
    /// What was pushed, where it says that too.
    pub digest: Option<Digest>,
}

/// Who says it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Hub,
    Quay,
    Harbor,
}

/// What one question came to.
enum Said {
    Pushed(Pushed),
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

impl Speech {
    /// Where a registry at `base` says when this tag was pushed.
    fn url(self, base: &Url, repository: &Repository, tag: &Tag) -> Option<Url> {
        let (path, mut url) = (repository.path(), base.clone());
        match self {
            Self::Hub => return Url::parse(&format!("{HUB}/v2/repositories/{path}/tags/{tag}")).ok(),
            Self::Quay => {
                url.set_path(&format!("/api/v1/repository/{path}/tag/"));
                url.query_pairs_mut().append_pair("specificTag", tag.as_str()).append_pair("onlyActiveTags", "true");
            }
            Self::Harbor => {
                let (project, name) = path.split_once('/')?;
                // A slash within its name is encoded twice.
                let name = name.replace('/', "%252F");
                url.set_path(&format!("/api/v2.0/projects/{project}/repositories/{name}/artifacts/{tag}"));
                url.set_query(Some("with_tag=true"));
            }
        }
        Some(url)
    }

    /// What an answer says of a tag.
    fn read(self, body: &[u8], tag: &Tag) -> Option<Pushed> {
        let read = |at: Option<DateTime<Utc>>, digest: Option<String>| {
            Some(Pushed { at: at?, digest: digest.and_then(|digest| Digest::parse(&digest).ok()) })
        };
        match self {
            Self::Hub => {
                let tag: HubTag = serde_json::from_slice(body).ok()?;
                read(tag.tag_last_pushed, tag.digest)
            }
            Self::Quay => {
                let QuayTags { tags } = serde_json::from_slice(body).ok()?;
                let newest =
                    tags.into_iter().filter(|found| found.name == tag.as_str()).max_by_key(|it| it.start_ts)?;
                read(DateTime::from_timestamp(newest.start_ts, 0), newest.manifest_digest)
            }
            Self::Harbor => {
                let artifact: Artifact = serde_json::from_slice(body).ok()?;
                let tagged = artifact.tags.into_iter().flatten().find(|found| found.name == tag.as_str());
                read(tagged.and_then(|found| found.push_time).or(artifact.push_time), artifact.digest)
            }
        }
    }
}

#[derive(Deserialize)]
struct HubTag {
    tag_last_pushed: Option<DateTime<Utc>>,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct QuayTags {
    tags: Vec<QuayTag>,
}

#[derive(Deserialize)]
struct QuayTag {
    name: String,
    start_ts: i64,
    manifest_digest: Option<String>,
}

#[derive(Deserialize)]
struct Artifact {
    push_time: Option<DateTime<Utc>>,
    digest: Option<String>,
    tags: Option<Vec<ArtifactTag>>,
}

#[derive(Deserialize)]
struct ArtifactTag {
    name: String,
    push_time: Option<DateTime<Utc>>,
}

impl HttpRegistry {
    /// When a tag was pushed; see [`super::Registry::pushed`].
    pub(super) async fn when_pushed(
        &self,
        repository: &Repository,
        tag: &Tag,
        credential: &Credential,
    ) -> Option<Pushed> {
        let host = repository.host();
        let speeches = self.speeches.of(host, self.ambient.monotonic());
        for speech in &speeches {
            let said = self.said(*speech, repository, tag, credential).await;
            let speaks = match &said {
                Said::Pushed(_) => Some(*speech),
                Said::Nothing => None,
                Said::Silence => return None,
            };
            if let Said::Pushed(pushed) = said {
                self.speeches.remember(host, speaks, self.ambient.monotonic());
                return Some(pushed);
            }
        }
        // A host that is known to speak one is asked on: it does not know this tag.
        if speeches.len() > 1 {
            self.speeches.remember(host, None, self.ambient.monotonic());
        }
        None
    }

    /// Asks for one tag. Only a Harbor is shown the credential, as it is the registry itself; Quay's takes another.
    async fn said(&self, speech: Speech, repository: &Repository, tag: &Tag, credential: &Credential) -> Said {
        let Ok(tries) = self.tries::<()>(repository, credential).await else { return Said::Silence };
        let question = tries.question("pushed", JSON);
        let Ok(base) = self.base(question) else { return Said::Silence };
        // Where the operator sends Docker Hub's questions elsewhere, the Hub itself may be out of reach.
        if speech == Speech::Hub && base.host_str() != Some("registry-1.docker.io") {
            return Said::Silence;
        }
        let Some(url) = speech.url(&base, repository, tag) else { return Said::Nothing };
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
        speech.read(&body.bytes, tag).map_or(Said::Nothing, Said::Pushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn each_is_asked_where_it_says_it() {
        let url = |speech: Speech, base: &str, repository: &str| {
            let (base, tag) = (Url::parse(base).unwrap(), Tag::parse("1.0.1").unwrap());
            speech.url(&base, &Repository::parse(repository).unwrap(), &tag).map(String::from)
        };
        for (speech, base, repository, expected) in [
            (
                Speech::Hub,
                "https://registry-1.docker.io/",
                "nginx",
                Some("https://hub.docker.com/v2/repositories/library/nginx/tags/1.0.1"),
            ),
            (
                Speech::Quay,
                "https://quay.io/",
                "quay.io/acme/web",
                Some("https://quay.io/api/v1/repository/acme/web/tag/?specificTag=1.0.1&onlyActiveTags=true"),
            ),
            (
                Speech::Harbor,
                "https://10.0.0.7:8443/",
                "harbor.example.com/shop/team/web",
                Some(
                    "https://10.0.0.7:8443/api/v2.0/projects/shop/repositories/team%252Fweb/artifacts/1.0.1?with_tag=true",
                ),
            ),
            (Speech::Harbor, "https://harbor.example.com/", "harbor.example.com/web", None),
        ] {
            assert_eq!(url(speech, base, repository).as_deref(), expected, "{speech:?}");
        }
    }

    #[test]
    fn what_they_say_is_read_and_rubbish_is_nothing() {
        let (tag, digest) = (Tag::parse("1.0.1").unwrap(), Digest::of(b"one"));
        let said = Some(Pushed { at: at("2026-11-20T10:00:00Z"), digest: Some(digest.clone()) });
        let hub =
            format!(r#"{{"name":"1.0.1","tag_last_pushed":"2026-11-20T10:00:00Z","digest":"{digest}","images":[]}}"#);
        let quay = format!(
            r#"{{"tags":[{{"name":"1.0.10","start_ts":1,"manifest_digest":"x"}},
                {{"name":"1.0.1","start_ts":{},"manifest_digest":"{digest}"}}],"page":1,"has_additional":false}}"#,
            at("2026-11-20T10:00:00Z").timestamp()
        );
        let harbor = format!(
            r#"{{"digest":"{digest}","push_time":"2026-01-01T00:00:00Z",
                "tags":[{{"name":"1.0.1","push_time":"2026-11-20T10:00:00Z"}}]}}"#
        );
        assert_eq!(Speech::Hub.read(hub.as_bytes(), &tag), said);
        assert_eq!(Speech::Quay.read(quay.as_bytes(), &tag), said);
        assert_eq!(Speech::Harbor.read(harbor.as_bytes(), &tag), said, "the tag's own time, if it has one");
        let untagged = br#"{"push_time":"2026-01-01T00:00:00Z","tags":null}"#;
        let artifact = Pushed { at: at("2026-01-01T00:00:00Z"), digest: None };
        assert_eq!(Speech::Harbor.read(untagged, &tag), Some(artifact));
        for speech in [Speech::Hub, Speech::Quay, Speech::Harbor] {
            for rubbish in ["", "null", "[]", "{}", r#"{"tags":[]}"#, r#"{"tag_last_pushed":"soon","push_time":7}"#] {
                assert_eq!(speech.read(rubbish.as_bytes(), &tag), None, "{speech:?}: {rubbish}");
            }
        }
    }

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
