//! What every dialect is brought to, one file a sender.
//!
//! Lenient in what is not used, strict in what is: a field of another type counts as missing, an unknown event is
//! ignored, and a repository or tag outside the OCI grammar makes an event malformed. Of several events the others count.

mod acr;
mod aliyun;
mod artifactory;
mod cloudevents;
mod distribution;
mod dockerhub;
mod ecr;
mod gar;
mod gitea;
mod github;
mod gitlab;
mod harbor;
mod list;
mod looks;
mod native;
mod nexus;
mod quay;
mod zot;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::verify::{self, Verified};
use crate::config::source::{Hosts, SourceKind};
use crate::domain::reference::{Digest, ReferenceError, Repository, Tag};

/// An image that a registry says was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Where.
    pub repository: Repository,
    /// Under which tag, if it says.
    pub tag: Option<Tag>,
    /// Which manifest, if it says.
    pub digest: Option<Digest>,
}

/// A delivery that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// These were pushed.
    Pushes(Vec<Push>),
    /// It is about something else, or a test.
    Ignored(&'static str),
    /// The sender asks whether it may send, and wants to read this JSON.
    Handshake(String),
}

/// A delivery that was understood, if need be without some of its events.
pub(super) struct Read {
    pub(super) delivery: Delivery,
    /// Events that could not be used.
    pub(super) passed_over: usize,
    /// Why the first of them could not.
    pub(super) reason: Option<Malformed>,
}

impl From<Delivery> for Read {
    fn from(delivery: Delivery) -> Self {
        Self { delivery, passed_over: 0, reason: None }
    }
}

/// A delivery that is not what its source sends.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not of that shape.
    #[error("not the JSON of this source: {0}")]
    Json(#[from] serde_json::Error),
    /// Something that has to be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It names no registry that an image could name, and the source has none for this name.
    #[error("no registry for {0:?}: give this source a registryHost, or this name in repositoryHosts")]
    NoHost(String),
    /// A repository or tag outside the grammar.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// In a format that is not JSON.
    #[error("a format of CloudEvents other than JSON")]
    Format,
    /// What another kind of source sends.
    #[error("this looks like what {} sends", looks::name(*.0))]
    Other(SourceKind),
    /// More than one delivery can hold.
    #[error("more than {MOST_EVENTS} events or tags in one delivery")]
    Many,
}

/// The most events of one delivery, and tags of one event.
pub(super) const MOST_EVENTS: usize = 1000;

/// Reads a delivery in the dialect of its source.
pub(super) fn parse(kind: SourceKind, verified: &Verified<'_>) -> Result<Read, Malformed> {
    let whole = |delivery: Result<Delivery, Malformed>| delivery.map(Read::from);
    let read = match kind {
        SourceKind::DockerHub => whole(dockerhub::parse(verified)),
        SourceKind::GitHub => whole(github::parse(verified)),
        SourceKind::Quay => quay::parse(verified),
        SourceKind::Harbor => harbor::parse(verified),
        SourceKind::Acr => whole(acr::parse(verified)),
        SourceKind::AcrEventGrid => acr::parse_event_grid(verified),
        SourceKind::GitLab => gitlab::parse(verified),
        SourceKind::Distribution => distribution::parse(verified),
        SourceKind::Zot => zot::parse(verified),
        SourceKind::Gar => whole(gar::parse(verified)),
        SourceKind::Ecr => whole(ecr::parse(verified)),
        SourceKind::Artifactory => whole(artifactory::parse(verified)),
        SourceKind::Nexus => whole(nexus::parse(verified)),
        SourceKind::Gitea | SourceKind::Forgejo => whole(gitea::parse(verified)),
        SourceKind::Aliyun => whole(aliyun::parse(verified)),
        SourceKind::CloudEvents => cloudevents::parse(verified),
        SourceKind::Native => whole(native::parse(verified)),
    };
    read.map_err(|malformed| looks::other(kind, verified).map_or(malformed, Malformed::Other))
}

/// Reads a body that no sender vouches for, for fuzz targets and tests; nothing comes of it.
///
/// # Errors
/// [`Malformed`] when it is not what this kind of source sends.
pub fn read(kind: SourceKind, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Malformed> {
    let hosts = Hosts { registry: Some("registry.example.com".into()), ..Hosts::default() };
    let read = parse(kind, &Verified::unvouched(Bytes::copy_from_slice(body), headers, &hosts))?;
    Ok(read.delivery)
}

/// What makes a delivery recognisable when it comes again: the sender's own id for it, and who gave it where ids of
/// several givers can be equal.
pub(super) fn delivery_id<'r>(kind: SourceKind, verified: &Verified<'r>) -> Option<(&'r str, &'r str)> {
    let name = match kind {
        SourceKind::CloudEvents | SourceKind::Zot => "ce-id",
        SourceKind::GitHub => "X-GitHub-Delivery",
        SourceKind::Gitea | SourceKind::Forgejo => "X-Gitea-Delivery",
        SourceKind::Nexus => "X-Nexus-Webhook-Delivery",
        SourceKind::Gar => "x-goog-pubsub-message-id",
        _ => return None,
    };
    let id = verified.header(name).filter(|id| !id.is_empty())?;
    Some((id, verified.header("ce-source").unwrap_or_default()))
}

/// Whether no other push can have this body, as it holds the id or time that this sender writes into each. Where it does
/// not, the same body is news: a tag that was pushed once more.
pub(super) fn is_unique(kind: SourceKind, body: &[u8]) -> bool {
    let fields: &[&str] = match kind {
        SourceKind::DockerHub | SourceKind::Aliyun => &["\"pushed_at\""],
        SourceKind::GitHub => &["\"updated_at\""],
        SourceKind::Harbor => &["\"occur_at\"", "\"time\""],
        SourceKind::Acr | SourceKind::Distribution | SourceKind::GitLab | SourceKind::Nexus => &["\"timestamp\""],
        SourceKind::AcrEventGrid | SourceKind::Ecr => &["\"eventTime\"", "\"time\""],
        SourceKind::Gar => &["\"messageId\""],
        SourceKind::CloudEvents | SourceKind::Zot => &["\"specversion\""],
        SourceKind::Gitea | SourceKind::Forgejo => &["\"created_at\""],
        SourceKind::Quay | SourceKind::Native | SourceKind::Artifactory => &[],
    };
    fields.iter().any(|field| memmem::find(body, field.as_bytes()).is_some())
}

impl Push {
    /// A push as texts: an empty tag is none, a digest in the tag's place is a digest, a digest that is none is dropped.
    pub(super) fn read(repository: &str, tag: Option<&str>, digest: Option<&str>) -> Result<Self, Malformed> {
        let repository = without_scheme(repository).trim_end_matches(['/', ':']).to_ascii_lowercase();
        let repository = Repository::parse(&repository)?;
        let tag = tag.filter(|tag| !tag.is_empty());
        let by_tag = tag.filter(|tag| tag.starts_with("sha256:"));
        let digest = digest.and_then(|digest| Digest::parse(digest).ok());
        let digest = digest.or_else(|| Digest::parse(by_tag?).ok());
        let tag = match tag {
            Some(tag) if by_tag.is_none() => Some(Tag::parse(tag)?),
            _ => None,
        };
        Ok(Self { repository, tag, digest })
    }

    /// A push at a registry that the payload or the source names. One that no image can name, as `registry` or `my_host`,
    /// is none: what stands behind it would be taken for a path on Docker Hub.
    pub(super) fn at(host: &str, path: &str, tag: Option<&str>, digest: Option<&str>) -> Result<Self, Malformed> {
        let repository = format!("{host}/{path}");
        if !native::names_a_host(&repository) {
            return Err(Malformed::no_host(host));
        }
        Self::read(&repository, tag, digest).map_err(|malformed| match malformed {
            Malformed::Reference(ReferenceError::Repository(_)) if Repository::parse(&format!("{host}/x")).is_err() => {
                Malformed::no_host(host)
            }
            other => other,
        })
    }
}

impl Malformed {
    /// The name is a stranger's, and this is told in the log.
    fn no_host(name: &str) -> Self {
        Self::NoHost(name.chars().take(80).collect())
    }
}

impl Delivery {
    /// These pushes, or why there are none.
    pub(super) fn of(pushes: Vec<Push>, none: &'static str) -> Self {
        if pushes.is_empty() { Self::Ignored(none) } else { Self::Pushes(pushes) }
    }
}

/// A text of a payload; anything that is no text counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'b>(Option<Cow<'b, str>>);

impl Text<'_> {
    /// The text, if it is one and not empty.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// The text.
    ///
    /// # Errors
    /// [`Malformed::Missing`] when there is none.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, Malformed> {
        self.get().ok_or(Malformed::Missing(name))
    }

    /// Whether it is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        self.0.as_deref() == Some(word)
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Text<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyText)
    }
}

/// Takes whatever stands where a text is expected.
struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// The JSON itself: the body, or the form field `payload`.
fn json_or_form<'v>(verified: &'v Verified<'_>) -> Result<Cow<'v, [u8]>, Malformed> {
    if !verified.is_form() {
        return Ok(Cow::Borrowed(verified.body()));
    }
    let payload = verify::form_payload(verified.body()).ok_or(Malformed::Missing("payload"))?;
    Ok(Cow::Owned(payload.into_bytes()))
}

/// A reference without the `https://` that some senders write before it.
fn without_scheme(reference: &str) -> &str {
    match reference.split_once("://") {
        Some((scheme, rest)) if ["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => rest,
        _ => reference,
    }
}

/// `host/path:tag` or `host/path@digest` without what stands behind the path.
fn without_tag(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    // Harbor 2.0 wrote a digest behind a colon.
    let name = name.split_once(":sha256:").map_or(name, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') && name.contains('/') => name,
        _ => name,
    }
}

/// The host of a URL, with its port; of a text without scheme what stands before the first `/`.
fn host_of(address: &str) -> Option<&str> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests;
