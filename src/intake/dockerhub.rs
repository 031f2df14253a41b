//! Docker Hub: one push a delivery, no digest, no event name (docs.docker.com, "Webhooks").

use serde::Deserialize;

use super::dialect::{Delivery, Malformed, Push};
use super::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    repository: Option<Repository<'b>>,
    #[serde(borrow)]
    push_data: Option<PushData<'b>>,
}

#[derive(Deserialize)]
struct Repository<'b> {
    #[serde(borrow)]
    repo_name: Option<std::borrow::Cow<'b, str>>,
}

#[derive(Deserialize)]
struct PushData<'b> {
    #[serde(borrow)]
    tag: Option<std::borrow::Cow<'b, str>>,
}

/// Reads a delivery. Its `callback_url` is never called: it would be an address from a stranger.
pub(super) fn parse(verified: &Verified) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let name = body.repository.and_then(|r| r.repo_name).ok_or(Malformed::Missing("repository.repo_name"))?;
    let tag = body.push_data.and_then(|push| push.tag).ok_or(Malformed::Missing("push_data.tag"))?;
    if tag.is_empty() {
        return Err(Malformed::Missing("push_data.tag"));
    }
    Ok(Delivery::Pushes(vec![Push::read(&format!("docker.io/{name}"), Some(&tag), None)?]))
}
