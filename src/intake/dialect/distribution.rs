//! CNCF Distribution: an envelope of events (distribution.github.io, "Work with notifications").

use serde::Deserialize;

use super::{Delivery, MOST_EVENTS, Malformed, Push, Text};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow, default)]
    events: Option<Vec<Event<'b>>>,
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
}

#[derive(Deserialize)]
struct Request<'b> {
    #[serde(borrow, default)]
    host: Text<'b>,
}

/// Reads an envelope: pushes of manifests count, layers, pulls, mounts and deletes do not.
///
/// The host is the one that the pushing client wrote. It is compared with what workloads run, never dialled. Where it is
/// none that an image can name, the push is passed over: refused, it would come again for ever, before all the others.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let envelope: Envelope<'_> = serde_json::from_slice(verified.body())?;
    let events = envelope.events.ok_or(Malformed::Missing("events"))?;
    if events.len() > MOST_EVENTS {
        return Err(Malformed::Many);
    }
    let mut pushes = Vec::new();
    for event in events.iter().filter(|event| event.action.is("push")) {
        let Some(target) = event.target.as_ref().filter(|target| is_manifest(target.media_type.get())) else {
            continue;
        };
        let path = target.repository.need("target.repository")?;
        let host = verified.hosts().of(event.request.as_ref().and_then(|request| request.host.get()));
        let host = host.ok_or(Malformed::Missing("request.host"))?;
        match Push::at(&host, path, target.tag.get(), target.digest.get()) {
            Err(malformed @ Malformed::NoHost(_)) => tracing::warn!(reason = %malformed, "a push is passed over"),
            push => pushes.push(push?),
        }
    }
    Ok(Delivery::of(pushes, "no push of a manifest"))
}

fn is_manifest(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| {
        media_type.contains("manifest") || media_type.starts_with("application/vnd.oci.image.index")
    })
}
