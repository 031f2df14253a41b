//! Harbor 2, in its own format and as CloudEvents, and the push of Harbor 1 (goharbor.io, "Configure webhook
//! notifications").

use serde::Deserialize;

use super::{Delivery, MOST_EVENTS, Malformed, Push, Text, without_scheme, without_tag};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    r#type: Text<'b>,
    #[serde(borrow, default)]
    event_data: Option<Data<'b>>,
    /// Where a CloudEvent has it.
    #[serde(borrow, default)]
    data: Option<Data<'b>>,
}

#[derive(Deserialize)]
struct Data<'b> {
    #[serde(borrow, default)]
    resources: Option<Vec<Resource<'b>>>,
}

#[derive(Deserialize)]
struct Resource<'b> {
    #[serde(borrow, default)]
    digest: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
    #[serde(borrow, default)]
    resource_url: Text<'b>,
}

/// The event types that say an image is there.
const PUSHES: [&str; 3] = ["PUSH_ARTIFACT", "pushImage", "harbor.artifact.pushed"];

/// Reads a delivery. Harbor names only the first tag of a push; by digest, the digest stands in its place.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let kind = body.r#type.need("type")?;
    if !PUSHES.contains(&kind) {
        return Ok(Delivery::Ignored("not a push"));
    }
    let data = body.event_data.or(body.data);
    let resources = data.and_then(|data| data.resources).ok_or(Malformed::Missing("resources"))?;
    if resources.len() > MOST_EVENTS {
        return Err(Malformed::Many);
    }
    let mut pushes = Vec::new();
    for resource in &resources {
        let name = without_tag(without_scheme(resource.resource_url.need("resource_url")?));
        let (host, path) = name.split_once('/').ok_or(Malformed::Missing("the repository in resource_url"))?;
        let host = verified.hosts().of(Some(host)).unwrap_or_default();
        pushes.push(Push::at(&host, path, resource.tag.get(), resource.digest.get())?);
    }
    Ok(Delivery::of(pushes, "no resource"))
}
