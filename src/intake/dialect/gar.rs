//! Google Artifact Registry and `gcr.io`, through a push subscription of the Pub/Sub topic `gcr` (cloud.google.com,
//! "Configure Pub/Sub notifications", "Push subscriptions").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text, without_scheme, without_tag};
use crate::intake::verify::{Verified, without_mark};

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    message: Option<Message<'b>>,
}

#[derive(Deserialize)]
struct Message<'b> {
    #[serde(borrow, default)]
    data: Text<'b>,
}

#[derive(Deserialize)]
struct Event<'b> {
    #[serde(borrow, default)]
    action: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
}

/// Reads a message, wrapped or not. One that can't be read is acknowledged all the same: it would come again for a week.
#[expect(clippy::unnecessary_wraps, reason = "every dialect has this shape")]
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(verified.body()) else {
        return Ok(Delivery::Ignored("neither a message nor an event"));
    };
    let decoded = match &body.message {
        Some(message) => match message.data.get().map(|data| STANDARD.decode(data)) {
            Some(Ok(data)) => data,
            Some(Err(_)) => return Ok(Delivery::Ignored("a message whose data is no base64")),
            None => return Ok(Delivery::Ignored("a message without data")),
        },
        None => verified.body().to_vec(),
    };
    let Ok(event) = serde_json::from_slice::<Event<'_>>(without_mark(&decoded)) else {
        return Ok(Delivery::Ignored("a message that is no event of a registry"));
    };
    if !event.action.is("INSERT") {
        return Ok(Delivery::Ignored("not a push"));
    }
    match event.push() {
        Some(Ok(push)) => Ok(Delivery::Pushes(vec![push])),
        Some(Err(_)) => Ok(Delivery::Ignored("a message about something that is no image")),
        None => Ok(Delivery::Ignored("a message without image")),
    }
}

impl Event<'_> {
    /// `digest` is `host/path@sha256:…`, `tag` is `host/path:tag`.
    fn push(&self) -> Option<Result<Push, Malformed>> {
        let (digest, tag) = (self.digest.get().map(without_scheme), self.tag.get().map(without_scheme));
        let reference = tag.or(digest)?;
        let repository = without_tag(reference);
        let tag = tag.and_then(|tag| tag.get(repository.len()..)?.strip_prefix(':'));
        let digest = digest.and_then(|digest| Some(digest.split_once('@')?.1));
        Some(Push::read(repository, tag, digest))
    }
}
