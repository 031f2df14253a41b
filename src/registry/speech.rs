//! What registries say beside the distribution API, each in its own way.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::Url;

use crate::domain::reference::{Digest, Repository, Tag};

/// Where Docker Hub says it.
const HUB: &str = "https://hub.docker.com";
/// For so long it is remembered which of them a host speaks, or that it speaks none.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// So many hosts are remembered, and so many who were told nothing; beyond it all are forgotten, and asked once more.
const MOST: usize = 1000;
/// Hosts that are known to say nothing of it to who may pull, with all below them.
const SILENT: [&str; 8] = [
    "gcr.io",
    "pkg.dev",
    "amazonaws.com",
    "public.ecr.aws",
    "azurecr.io",
    "mcr.microsoft.com",
    "registry.k8s.io",
    "registry.gitlab.com",
];

/// The tags of a page.
const A_PAGE: usize = 100;

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
pub(super) enum Speech {
    Hub,
    Quay,
    Harbor,
    /// The package of an organisation at GitHub, whose images are at ghcr.io.
    GitHubOrganisation,
    /// The same of a user.
    GitHubUser,
}

/// What hosts speak, who was told nothing there, and until when that is remembered.
#[derive(Debug, Default)]
pub(super) struct Speeches(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    spoken: HashMap<String, (Speech, Duration)>,
    /// By who asked for what: what one may not be told, another may, and the same one of another project.
    silent: HashMap<Silence, Duration>,
}

/// A project of a host, by which registries give rights, and what caches are keyed by of who asks.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Silence {
    host: String,
    project: String,
    scope: String,
}

impl Silence {
    fn of(repository: &Repository, scope: &str) -> Self {
        let project = repository.path().split('/').next().unwrap_or_default();
        Self { host: repository.host().to_owned(), project: project.to_owned(), scope: scope.to_owned() }
    }
}

impl Speeches {
    /// What the host of a repository may speak to who asks by a credential of this scope.
    pub(super) fn of(&self, repository: &Repository, scope: &str, now: Duration) -> Vec<Speech> {
        let host = repository.host();
        match host {
            "docker.io" => return vec![Speech::Hub],
            "quay.io" => return vec![Speech::Quay],
            "ghcr.io" => return vec![Speech::GitHubOrganisation, Speech::GitHubUser],
            host if SILENT.iter().any(|silent| is_within(host, silent)) => return Vec::new(),
            _ => {}
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.silent.get(&Silence::of(repository, scope)).is_some_and(|until| now < *until) {
            return Vec::new();
        }
        match known.spoken.get(host).filter(|(_, until)| now < *until) {
            Some((speech, _)) => vec![*speech],
            None => vec![Speech::Harbor, Speech::Quay],
        }
    }

    /// Its host speaks this, whoever asks.
    pub(super) fn remember(&self, repository: &Repository, speech: Speech, now: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        insert(&mut known.spoken, repository.host().to_owned(), (speech, now + REMEMBERED));
    }

    /// Nothing was said of this project to who asked by a credential of this scope.
    pub(super) fn remember_silence(&self, repository: &Repository, scope: &str, now: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        insert(&mut known.silent, Silence::of(repository, scope), now + REMEMBERED);
    }
}

fn insert<K: Eq + std::hash::Hash, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= MOST && !known.contains_key(&key) {
        known.clear();
    }
    known.insert(key, value);
}

/// Whether a host is this one, or one below it.
fn is_within(host: &str, other: &str) -> bool {
    host.strip_suffix(other).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The path of a Harbor's artifacts; a slash within a repository's name is encoded twice.
fn artifacts(path: &str) -> Option<String> {
    let (project, name) = path.split_once('/')?;
    Some(format!("/api/v2.0/projects/{project}/repositories/{}/artifacts", name.replace('/', "%252F")))
}

/// Where the versions of a package at GitHub are listed, the newest first.
fn versions(base: &Url, kind: &str, path: &str) -> Option<Url> {
    let (owner, name) = path.split_once('/')?;
    let mut url = base.clone();
    url.path_segments_mut().ok()?.extend([kind, owner, "packages", "container", name, "versions"]);
    url.set_query(Some(&format!("per_page={A_PAGE}")));
    Some(url)
}

/// A tag, and when it was pushed, where that is said.
type Listed = (String, Option<DateTime<Utc>>);

/// A page of tags, and whether there is another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PushedPage {
    pub(super) tags: Vec<(String, DateTime<Utc>)>,
    pub(super) has_more: bool,
}

impl Speech {
    /// Where a registry at `base`, or the API of a package at GitHub, says when this tag was pushed.
    pub(super) fn url(self, base: &Url, repository: &Repository, tag: &Tag) -> Option<Url> {
        let (path, mut url) = (repository.path(), base.clone());
        match self {
            Self::Hub => return Url::parse(&format!("{HUB}/v2/repositories/{path}/tags/{tag}")).ok(),
            Self::Quay => {
                url.set_path(&format!("/api/v1/repository/{path}/tag/"));
                url.query_pairs_mut().append_pair("specificTag", tag.as_str()).append_pair("onlyActiveTags", "true");
            }
            Self::Harbor => {
                url.set_path(&format!("{}/{tag}", artifacts(path)?));
                url.set_query(Some("with_tag=true"));
            }
            Self::GitHubOrganisation => return versions(base, "orgs", path),
            Self::GitHubUser => return versions(base, "users", path),
        }
        Some(url)
    }

    /// Where it says when all tags were pushed, page by page from 1.
    pub(super) fn page_url(self, base: &Url, repository: &Repository, page: usize) -> Option<Url> {
        let (path, mut url) = (repository.path(), base.clone());
        match self {
            Self::Hub => {
                let text = format!("{HUB}/v2/repositories/{path}/tags?page_size={A_PAGE}&page={page}");
                return Url::parse(&text).ok();
            }
            Self::Quay => {
                url.set_path(&format!("/api/v1/repository/{path}/tag/"));
                url.set_query(Some(&format!("onlyActiveTags=true&limit={A_PAGE}&page={page}")));
            }
            Self::Harbor => {
                url.set_path(&artifacts(path)?);
                url.set_query(Some(&format!("with_tag=true&page_size={A_PAGE}&page={page}")));
            }
            // One page of them is enough for what is new.
            Self::GitHubOrganisation | Self::GitHubUser if page > 1 => return None,
            Self::GitHubOrganisation => return versions(base, "orgs", path),
            Self::GitHubUser => return versions(base, "users", path),
        }
        Some(url)
    }

    /// What a page says. A tag without a time is left out.
    pub(super) fn read_page(self, body: &[u8]) -> Option<PushedPage> {
        let (tags, has_more): (Vec<Listed>, bool) = match self {
            Self::Hub => {
                let HubPage { next, results } = serde_json::from_slice(body).ok()?;
                (results.into_iter().map(|tag| (tag.name, tag.tag_last_pushed)).collect(), next.is_some())
            }
            Self::Quay => {
                let QuayTags { tags, has_additional } = serde_json::from_slice(body).ok()?;
                let time = |tag: QuayTag| (tag.name, DateTime::from_timestamp(tag.start_ts, 0));
                (tags.into_iter().map(time).collect(), has_additional)
            }
            Self::Harbor => {
                let artifacts: Vec<Artifact> = serde_json::from_slice(body).ok()?;
                let has_more = artifacts.len() == A_PAGE;
                let tagged = artifacts.into_iter().flat_map(|artifact| artifact.tags.into_iter().flatten());
                (tagged.map(|tag| (tag.name, tag.push_time)).collect(), has_more)
            }
            Self::GitHubOrganisation | Self::GitHubUser => {
                let versions: Vec<PackageVersion> = serde_json::from_slice(body).ok()?;
                let has_more = versions.len() == A_PAGE;
                let tagged = versions.into_iter().flat_map(|version| {
                    let at = Some(version.since());
                    version.tags().into_iter().map(move |name| (name, at))
                });
                (tagged.collect(), has_more)
            }
        };
        let tags = tags.into_iter().filter_map(|(name, at)| Some((name, at?))).collect();
        Some(PushedPage { tags, has_more })
    }

    /// What an answer says of a tag.
    pub(super) fn read(self, body: &[u8], tag: &Tag) -> Option<Pushed> {
        let read = |at: Option<DateTime<Utc>>, digest: Option<String>| {
            Some(Pushed { at: at?, digest: digest.and_then(|digest| Digest::parse(&digest).ok()) })
        };
        match self {
            Self::Hub => {
                let tag: HubTag = serde_json::from_slice(body).ok()?;
                read(tag.tag_last_pushed, tag.digest)
            }
            Self::Quay => {
                let QuayTags { tags, .. } = serde_json::from_slice(body).ok()?;
                let newest =
                    tags.into_iter().filter(|found| found.name == tag.as_str()).max_by_key(|it| it.start_ts)?;
                read(DateTime::from_timestamp(newest.start_ts, 0), newest.manifest_digest)
            }
            Self::Harbor => {
                let artifact: Artifact = serde_json::from_slice(body).ok()?;
                let tagged = artifact.tags.into_iter().flatten().find(|found| found.name == tag.as_str());
                read(tagged.and_then(|found| found.push_time).or(artifact.push_time), artifact.digest)
            }
            Self::GitHubOrganisation | Self::GitHubUser => {
                let versions: Vec<PackageVersion> = serde_json::from_slice(body).ok()?;
                let is_it = |version: &PackageVersion| version.tags().iter().any(|found| found == tag.as_str());
                let version = versions.into_iter().find(is_it)?;
                read(Some(version.since()), Some(version.name))
            }
        }
    }
}

#[derive(Deserialize)]
struct HubPage {
    next: Option<String>,
    results: Vec<HubTag>,
}

#[derive(Deserialize)]
struct HubTag {
    #[serde(default)]
    name: String,
    tag_last_pushed: Option<DateTime<Utc>>,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct QuayTags {
    tags: Vec<QuayTag>,
    #[serde(default)]
    has_additional: bool,
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

#[derive(Deserialize)]
struct PackageVersion {
    /// The digest.
    name: String,
    created_at: DateTime<Utc>,
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    metadata: PackageMetadata,
}

#[derive(Default, Deserialize)]
struct PackageMetadata {
    #[serde(default)]
    container: ContainerMetadata,
}

#[derive(Default, Deserialize)]
struct ContainerMetadata {
    #[serde(default)]
    tags: Vec<String>,
}

impl PackageVersion {
    /// Since when it is what it is. It may have been there for long before it got its tag, which its change tells.
    fn since(&self) -> DateTime<Utc> {
        self.updated_at.map_or(self.created_at, |updated| updated.max(self.created_at))
    }

    fn tags(&self) -> Vec<String> {
        self.metadata.container.tags.clone()
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
    fn a_package_at_github_is_asked_for_by_owner_and_name_and_is_as_old_as_its_last_change() {
        let base = Url::parse("https://api.github.com/").unwrap();
        let tag = Tag::parse("1.0.1").unwrap();
        let url =
            |speech: Speech, image: &str| speech.url(&base, &Repository::parse(image).unwrap(), &tag).map(String::from);
        let expected = "https://api.github.com/orgs/acme/packages/container/web%2Fserver/versions?per_page=100";
        assert_eq!(url(Speech::GitHubOrganisation, "ghcr.io/acme/web/server").as_deref(), Some(expected));
        let expected = "https://api.github.com/users/joe/packages/container/web/versions?per_page=100";
        assert_eq!(url(Speech::GitHubUser, "ghcr.io/joe/web").as_deref(), Some(expected));
        assert_eq!(url(Speech::GitHubUser, "ghcr.io/web"), None);
        let digest = Digest::of(b"one");
        let version = |tags: &str, created: &str, updated: &str| {
            format!(
                r#"{{"id":1,"name":"{digest}","created_at":"{created}","updated_at":"{updated}",
                    "metadata":{{"package_type":"container","container":{{"tags":[{tags}]}}}}}}"#
            )
        };
        let (early, late) = ("2026-11-01T10:00:00Z", "2026-11-20T10:00:00Z");
        let versions = format!("[{},{}]", version("", late, late), version(r#""latest","1.0.1""#, early, late));
        for speech in [Speech::GitHubOrganisation, Speech::GitHubUser] {
            let said = Some(Pushed { at: at(late), digest: Some(digest.clone()) });
            assert_eq!(speech.read(versions.as_bytes(), &tag), said, "what waited under no name is as new as its name");
            let page = speech.read_page(versions.as_bytes()).unwrap();
            let names: Vec<_> = page.tags.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!((names, page.has_more), (vec!["latest", "1.0.1"], false));
            for rubbish in ["", "null", "[]", "{}", r#"[{"name":"x"}]"#, r#"{"message":"Not Found"}"#] {
                assert_eq!(speech.read(rubbish.as_bytes(), &tag), None, "{rubbish}");
            }
        }
    }

    #[test]
    fn pages_are_read_with_whether_there_is_another() {
        let web = Repository::parse("quay.io/acme/web").unwrap();
        let url = Speech::Quay.page_url(&Url::parse("https://quay.io").unwrap(), &web, 2).unwrap();
        assert_eq!(
            url.as_str(),
            "https://quay.io/api/v1/repository/acme/web/tag/?onlyActiveTags=true&limit=100&page=2"
        );
        let time = at("2026-11-20T10:00:00Z");
        let page = |has_more| Some(PushedPage { tags: vec![("a".to_owned(), time)], has_more });
        let hub = r#"{"next":"https://evil.example/","results":[{"name":"a","tag_last_pushed":"2026-11-20T10:00:00Z"},{"name":"b"}]}"#;
        assert_eq!(Speech::Hub.read_page(hub.as_bytes()), page(true), "where the next is, we know ourselves");
        let quay = format!(r#"{{"tags":[{{"name":"a","start_ts":{}}}]}}"#, time.timestamp());
        assert_eq!(Speech::Quay.read_page(quay.as_bytes()), page(false));
        let harbor = r#"[{"tags":[{"name":"a","push_time":"2026-11-20T10:00:00Z"}]},{"tags":null}]"#;
        assert_eq!(Speech::Harbor.read_page(harbor.as_bytes()), page(false));
        assert_eq!(Speech::Harbor.read_page(b"{}"), None);
        let team = Repository::parse("harbor.example.com/shop/team/web").unwrap();
        let url = Speech::Harbor.page_url(&Url::parse("https://harbor.example.com").unwrap(), &team, 1).unwrap();
        let path = "https://harbor.example.com/api/v2.0/projects/shop/repositories/team%252Fweb/artifacts";
        assert_eq!(url.as_str(), format!("{path}?with_tag=true&page_size=100&page=1"));
    }

    #[test]
    fn what_a_host_speaks_is_remembered_for_a_while_and_bounded() {
        let (speeches, hour) = (Speeches::default(), REMEMBERED);
        let at = |host: &str| Repository::parse(&format!("{host}/acme/web")).unwrap();
        let of = |host: &str, scope: &str, now| speeches.of(&at(host), scope, now);
        let (both, none) = (vec![Speech::Harbor, Speech::Quay], Vec::<Speech>::new());
        assert_eq!(of("harbor.example.com", "a", Duration::ZERO), both);
        speeches.remember(&at("harbor.example.com"), Speech::Harbor, Duration::ZERO);
        speeches.remember_silence(&at("registry.example.com"), "a", Duration::ZERO);
        assert_eq!(of("harbor.example.com", "b", hour / 2), [Speech::Harbor], "whoever asks");
        assert_eq!(of("registry.example.com", "a", hour / 2), none);
        assert_eq!(of("registry.example.com", "b", hour / 2), both, "another may be told");
        let other = Repository::parse("registry.example.com/shop/web").unwrap();
        assert_eq!(speeches.of(&other, "a", hour / 2), both, "or the same one, of another project");
        assert_eq!(of("registry.example.com", "a", hour), both, "it may be another by then");
        assert_eq!((of("docker.io", "a", hour), of("quay.io", "a", hour)), (vec![Speech::Hub], vec![Speech::Quay]));
        for silent in ["1234.dkr.ecr.eu-west-1.amazonaws.com", "gcr.io", "eu.gcr.io", "acme.azurecr.io"] {
            assert_eq!(of(silent, "a", hour), none, "{silent}");
        }
        for another in ["mygcr.io", "my.ghcr.io", "gcr.io.example.com", "azurecr.io:8443"] {
            assert_eq!(of(another, "a", hour), both, "{another}");
        }
        for n in 0..=MOST {
            speeches.remember(&at(&format!("host-{n}.example.com")), Speech::Quay, hour);
            speeches.remember_silence(&at("registry.example.com"), &format!("scope-{n}"), hour);
        }
        let known = speeches.0.lock().unwrap();
        assert!(known.spoken.len() <= MOST && known.silent.len() <= MOST);
    }
}
