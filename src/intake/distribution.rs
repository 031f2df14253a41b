//! CNCF Distribution: an envelope of events (distribution.github.io, "Work with notifications").

use std::borrow::Cow;

use serde::Deserialize;

use super::dialect::{Delivery, MOST_EVENTS, Malformed, Push};
use super::verify::Verified;

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    events: Option<Vec<Event<'b>>>,
}

#[derive(Deserialize)]
struct Event<'b> {
    #[serde(borrow)]
    action: Option<Cow<'b, str>>,
    #[serde(borrow)]
    target: Option<Target<'b>>,
    #[serde(borrow)]
    request: Option<Request<'b>>,
}

#[derive(Deserialize)]
struct Target<'b> {
    #[serde(borrow, rename = "mediaType")]
    media_type: Option<Cow<'b, str>>,
    #[serde(borrow)]
    repository: Option<Cow<'b, str>>,
    #[serde(borrow)]
    tag: Option<Cow<'b, str>>,
    #[serde(borrow)]
    digest: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
struct Request<'b> {
    #[serde(borrow)]
    host: Option<Cow<'b, str>>,
}

/// Reads an envelope: pushes of manifests count, layers, pulls, mounts and deletes do not.
///
/// The host is the one that the pushing client wrote. It is compared with what workloads run, never dialled.
pub(super) fn parse(verified: &Verified) -> Result<Delivery, Malformed> {
    let envelope: Envelope<'_> = serde_json::from_slice(verified.body())?;
    let events = envelope.events.ok_or(Malformed::Missing("events"))?;
    if events.len() > MOST_EVENTS {
        return Err(Malformed::Many(MOST_EVENTS));
    }
    let mut pushes = Vec::new();
    for event in events.iter().filter(|event| event.action.as_deref() == Some("push")) {
        let Some(target) = event.target.as_ref().filter(|target| is_manifest(target.media_type.as_deref())) else {
            continue;
        };
        let path = target.repository.as_deref().ok_or(Malformed::Missing("target.repository"))?;
        let host = event.request.as_ref().and_then(|request| request.host.as_deref());
        let host = host.filter(|host| !host.is_empty()).ok_or(Malformed::Missing("request.host"))?;
        pushes.push(Push::read(&format!("{host}/{path}"), target.tag.as_deref(), target.digest.as_deref())?);
    }
    if pushes.is_empty() { Ok(Delivery::Ignored("no push of a manifest")) } else { Ok(Delivery::Pushes(pushes)) }
}

fn is_manifest(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| {
        media_type.contains("manifest") || media_type.starts_with("application/vnd.oci.image.index")
    })
}
