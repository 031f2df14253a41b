//! CNCF Distribution: an envelope of events (distribution.github.io, "Work with notifications").

use serde::Deserialize;

use super::list::{Gathered, Items, Sender};
use super::{Malformed, Push, Read, Text, looks};
use crate::config::source::{Hosts, SourceKind};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow, default)]
    events: Option<Items<'b>>,
}

#[derive(Deserialize)]
struct Event<'b> {
    #[serde(borrow, default)]
    action: Text<'b>,
    #[serde(borrow, default)]
    target: Option<Target<'b>>,
    #[serde(borrow, default)]
    request: Option<Request<'b>>,
}

#[derive(Deserialize)]
struct Target<'b> {
    #[serde(borrow, default, rename = "mediaType")]
    media_type: Text<'b>,
    #[serde(borrow, default)]
    repository: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
    #[serde(borrow, default)]
    url: Text<'b>,
}

#[derive(Deserialize)]
struct Request<'b> {
    #[serde(borrow, default)]
    host: Text<'b>,
}

/// Reads an envelope: pushes of manifests count, layers, pulls, mounts and deletes do not.
///
/// The host is the one that the pushing client wrote. It is compared with what workloads run, never dialled. An event that
/// can't be used is passed over: refused, the envelope would come again for ever, before all the others.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Read, Malformed> {
    parse_of(SourceKind::Distribution, verified)
}

/// The same for another kind of source that sends it.
pub(super) fn parse_of(kind: SourceKind, verified: &Verified<'_>) -> Result<Read, Malformed> {
    let envelope: Envelope<'_> = serde_json::from_slice(verified.body())?;
    let mut gathered = Gathered::default();
    let Some(events) = envelope.events else {
        looks::own(kind, verified)?;
        gathered.take(Err(Malformed::Missing("events")));
        return gathered.into_read(Sender::Insists, 0, "no events");
    };
    for event in events.read::<Event<'_>>() {
        gathered.take(event.and_then(|event| event.push(verified.hosts())));
    }
    gathered.into_read(Sender::Insists, events.more(), "no push of a manifest")
}

impl Event<'_> {
    fn push(&self, hosts: &Hosts) -> Result<Option<Push>, Malformed> {
        if !self.action.is("push") {
            return if self.action.get().is_some() { Ok(None) } else { Err(Malformed::Missing("action")) };
        }
        let target = self.target.as_ref().ok_or(Malformed::Missing("target"))?;
        if !target.is_manifest() {
            return Ok(None);
        }
        let path = target.repository.need("target.repository")?;
        let host = hosts.of(self.request.as_ref().and_then(|request| request.host.get()));
        let host = host.ok_or(Malformed::Missing("request.host, and a registryHost of this source,"))?;
        Push::at(&host, path, target.tag.get(), target.digest.get()).map(Some)
    }
}

impl Target<'_> {
    /// Whether it is a manifest. Where no media type says so, a tag does, or a digest that is not at the URL of a layer.
    fn is_manifest(&self) -> bool {
        if let Some(kind) = self.media_type.get() {
            return kind.contains("manifest") || kind.starts_with("application/vnd.oci.image.index");
        }
        let layer = self.url.get().is_some_and(|url| url.contains("/blobs/"));
        !layer && (self.tag.get().is_some() || self.digest.get().is_some())
    }
}
