//! Alibaba Cloud Container Registry: nearly Docker Hub's shape, with region and digest (aliyun.com, "Webhook
//! management").

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text};
use crate::config::source::Hosts;
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    push_data: Option<PushData<'b>>,
    #[serde(borrow, default)]
    repository: Option<Repository<'b>>,
}

#[derive(Deserialize)]
struct PushData<'b> {
    #[serde(borrow, default)]
    tag: Text<'b>,
    #[serde(borrow, default)]
    digest: Text<'b>,
}

#[derive(Deserialize)]
struct Repository<'b> {
    #[serde(borrow, default)]
    repo_full_name: Text<'b>,
    #[serde(borrow, default)]
    region: Text<'b>,
}

/// Reads a delivery. The host is the public one of the region, unless the source names another: an instance of one's own,
/// or `registry-vpc.{region}.aliyuncs.com`.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let repository = body.repository.ok_or(Malformed::Missing("repository"))?;
    let push = body.push_data.ok_or(Malformed::Missing("push_data"))?;
    let Hosts { registry, template, .. } = verified.hosts();
    let host = match (registry, template) {
        (Some(host), _) => host.clone(),
        (None, Some(template)) => template.replace("{region}", repository.region.need("repository.region")?),
        (None, None) => format!("registry.{}.aliyuncs.com", repository.region.need("repository.region")?),
    };
    let name = repository.repo_full_name.need("repository.repo_full_name")?;
    if push.digest.get().is_none() {
        push.tag.need("push_data.tag")?;
    }
    Ok(Delivery::Pushes(vec![Push::at(&host, name, push.tag.get(), push.digest.get())?]))
}
