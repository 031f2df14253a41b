//! Harbor 2, in its own format and as CloudEvents, and the push of Harbor 1 (goharbor.io, "Configure webhook
//! notifications").

use serde::Deserialize;

use super::list::{Gathered, Items, Sender};
use super::{Delivery, Malformed, Push, Read, Text, looks, without_scheme, without_tag};
use crate::config::source::{Hosts, SourceKind};
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
    resources: Option<Items<'b>>,
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

/// Reads a delivery. Harbor names only the first tag of a push; by digest, the digest stands in its place. It sends a
/// delivery that is refused again, and others wait behind it: what can't be used is passed over.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Read, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let mut gathered = Gathered::default();
    let Some(kind) = body.r#type.get() else {
        looks::own(SourceKind::Harbor, verified)?;
        gathered.take(Err(Malformed::Missing("type")));
        return gathered.into_read(Sender::Insists, 0, "no event");
    };
    if !PUSHES.contains(&kind) {
        return Ok(Delivery::Ignored("not a push").into());
    }
    let data = body.event_data.or(body.data);
    let Some(resources) = data.and_then(|data| data.resources) else {
        gathered.take(Err(Malformed::Missing("resources")));
        return gathered.into_read(Sender::Insists, 0, "no resource");
    };
    for resource in resources.read::<Resource<'_>>() {
        gathered.take(resource.and_then(|resource| resource.push(verified.hosts())));
    }
    gathered.into_read(Sender::Insists, resources.more(), "no resource")
}

impl Resource<'_> {
    fn push(&self, hosts: &Hosts) -> Result<Option<Push>, Malformed> {
        let name = without_tag(without_scheme(self.resource_url.need("resource_url")?));
        let (host, path) = name.split_once('/').ok_or(Malformed::Missing("the repository in resource_url"))?;
        let host = hosts.of(Some(host)).unwrap_or_default();
        Push::at(&host, path, self.tag.get(), self.digest.get()).map(Some)
    }
}
