//! Quay: a push is the event with `updated_tags` (docs.quay.io, "Repository notifications"; `notificationevent.py`).

use serde::Deserialize;

use super::{Delivery, MOST_EVENTS, Malformed, Push, Text};
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
    updated_tags: Option<Vec<Text<'b>>>,
}

/// Reads a delivery. Events of other kinds are never refused, nor is a push of very many tags, of which the first tell as
/// much: after three refusals Quay switches the notification off.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let Some(tags) = body.updated_tags else {
        let known = body.docker_url.get().or(body.repository.get()).or(body.namespace.get());
        return known.map(|_| Delivery::Ignored("not a push")).ok_or(Malformed::Missing("updated_tags"));
    };
    let url = body.docker_url.need("docker_url")?;
    let pushes: Result<Vec<Push>, Malformed> =
        tags.iter().filter_map(Text::get).take(MOST_EVENTS).map(|tag| Push::read(url, Some(tag), None)).collect();
    Ok(Delivery::of(pushes?, "no tag was updated"))
}
