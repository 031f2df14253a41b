//! Docker Hub: one push a delivery, no digest, no event name (docs.docker.com, "Webhooks").

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    repository: Option<Repository<'b>>,
    #[serde(borrow, default)]
    push_data: Option<PushData<'b>>,
}

#[derive(Deserialize)]
struct Repository<'b> {
    #[serde(borrow, default)]
    repo_name: Text<'b>,
}

#[derive(Deserialize)]
struct PushData<'b> {
    #[serde(borrow, default)]
    tag: Text<'b>,
}

/// Reads a delivery. Its `callback_url` is never called: it would be an address from a stranger.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let repository = body.repository.ok_or(Malformed::Missing("repository"))?;
    let push = body.push_data.ok_or(Malformed::Missing("push_data"))?;
    let name = repository.repo_name.need("repository.repo_name")?;
    let tag = push.tag.need("push_data.tag")?;
    Ok(Delivery::Pushes(vec![Push::read(&format!("docker.io/{name}"), Some(tag), None)?]))
}
