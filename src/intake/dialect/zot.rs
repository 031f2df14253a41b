//! Zot: CloudEvents of its `events` extension (`pkg/extensions/events`). No event names a registry.

use serde::Deserialize;

use super::cloudevents::Event;
use super::{Malformed, Push, Read, Text};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Data<'b> {
    #[serde(borrow, default)]
    name: Text<'b>,
    #[serde(borrow, default)]
    reference: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
}

/// Reads a delivery. The reference may be a digest.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Read, Malformed> {
    let host = verified.hosts().registry.as_deref().ok_or(Malformed::Missing("registryHost of this source"))?;
    Event::gather(verified, "not a push", |event| {
        if !is_push(&event.kind) {
            return Ok(None);
        }
        let data: Data<'_> = serde_json::from_slice(&event.data)?;
        let name = data.name.need("name")?;
        Push::at(host, name, data.reference.get(), data.digest.get()).map(Some)
    })
}

/// `zotregistry.image.updated`, with another prefix where the extension's `typePrefix` says so.
fn is_push(kind: &str) -> bool {
    kind.strip_suffix("image.updated").is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}
