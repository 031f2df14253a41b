//! Our own JSON, for CI jobs and registries without webhooks: `{"name": …, "tag": …}`, with `digest` and `host` if they
//! are known. Keel's `/v1/webhooks/native` takes the same.

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text, host_of, without_tag};
use crate::domain::reference::ReferenceError;
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    name: Text<'b>,
    #[serde(borrow, default)]
    host: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
}

/// Reads a delivery. A name that itself holds a tag or digest is refused: it would not be clear which one is meant.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let name = body.name.need("name")?;
    if without_tag(name) != name || name.contains('@') {
        return Err(ReferenceError::Repository(name.chars().take(80).collect()).into());
    }
    if body.digest.get().is_none() {
        body.tag.need("tag")?;
    }
    let (tag, digest) = (body.tag.get(), body.digest.get());
    let push = match body.host.get().and_then(host_of).or(verified.hosts().registry.as_deref()) {
        Some(host) if !names_a_host(name) => Push::at(host, name, tag, digest)?,
        _ => Push::read(name, tag, digest)?,
    };
    Ok(Delivery::Pushes(vec![push]))
}

/// Whether the first part of a name is a registry.
pub(super) fn names_a_host(name: &str) -> bool {
    let first = name.split_once('/').map(|(first, _)| first).unwrap_or_default();
    first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")
}
