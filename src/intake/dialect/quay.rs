//! Quay: a push is the event with `updated_tags` (docs.quay.io, "Repository notifications"; `notificationevent.py`).

use serde::Deserialize;

use super::list::{Gathered, Items, Sender};
use super::{Delivery, Malformed, Push, Read, Text};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    docker_url: Text<'b>,
    #[serde(borrow, default)]
    repository: Text<'b>,
    #[serde(borrow, default)]
    namespace: Text<'b>,
    #[serde(borrow, default)]
    updated_tags: Option<Items<'b>>,
}

/// Reads a delivery. Events of other kinds are never refused, nor is a push of very many tags or of a bad one, of which the
/// others tell as much: after three refusals Quay switches the notification off.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Read, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let Some(tags) = body.updated_tags else {
        let known = body.docker_url.get().or(body.repository.get()).or(body.namespace.get());
        return known.map(|_| Delivery::Ignored("not a push").into()).ok_or(Malformed::Missing("updated_tags"));
    };
    let url = body.docker_url.need("docker_url")?;
    let mut gathered = Gathered::default();
    for tag in tags.read::<Text<'_>>() {
        let push = |tag: Text<'_>| tag.get().map(|tag| Push::read(url, Some(tag), None)).transpose();
        gathered.take(tag.and_then(push));
    }
    gathered.into_read(Sender::Insists, tags.more(), "no tag was updated")
}
