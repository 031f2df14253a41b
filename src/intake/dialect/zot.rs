//! Zot: CloudEvents of its `events` extension (`pkg/extensions/events`). No event names a registry.

use serde::Deserialize;

use super::cloudevents::Event;
use super::{Delivery, Malformed, Push, Text};
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
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let host = verified.hosts().registry.as_deref().ok_or(Malformed::Missing("registryHost of this source"))?;
    let mut pushes = Vec::new();
    for event in Event::all(verified)? {
        if !is_push(&event.kind) {
            continue;
        }
        let data: Data<'_> = serde_json::from_slice(&event.data)?;
        let name = data.name.need("name")?;
        pushes.push(Push::at(host, name, data.reference.get(), data.digest.get())?);
    }
    Ok(Delivery::of(pushes, "not a push"))
}

/// `zotregistry.image.updated`, with another prefix where the extension's `typePrefix` says so.
fn is_push(kind: &str) -> bool {
    kind.strip_suffix("image.updated").is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}
