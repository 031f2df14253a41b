//! Amazon ECR through EventBridge: its own events, or CloudEvents that an input transformer made of them
//! (docs.aws.amazon.com, "Amazon ECR events and EventBridge").

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default, rename = "detail-type")]
    detail_type: Text<'b>,
    #[serde(borrow, default)]
    account: Text<'b>,
    #[serde(borrow, default)]
    region: Text<'b>,
    #[serde(borrow, default)]
    detail: Option<Detail<'b>>,
    /// A CloudEvent has one.
    #[serde(borrow, default)]
    specversion: Text<'b>,
    #[serde(borrow, default)]
    r#type: Text<'b>,
    #[serde(borrow, default)]
    source: Text<'b>,
    #[serde(borrow, default)]
    data: Option<Data<'b>>,
}

#[derive(Deserialize)]
struct Detail<'b> {
    #[serde(borrow, default)]
    result: Text<'b>,
    #[serde(borrow, default, rename = "sync-status")]
    sync_status: Text<'b>,
    #[serde(borrow, default, rename = "action-type")]
    action: Text<'b>,
    #[serde(borrow, default, rename = "repository-name")]
    repository: Text<'b>,
    #[serde(borrow, default, rename = "image-tag")]
    tag: Text<'b>,
    #[serde(borrow, default, rename = "image-digest")]
    digest: Text<'b>,
}

#[derive(Deserialize)]
struct Data<'b> {
    #[serde(borrow, default, rename = "repositoryName")]
    repository: Text<'b>,
    #[serde(borrow, default, rename = "imageTag")]
    tag: Text<'b>,
    #[serde(borrow, default, rename = "imageDigest")]
    digest: Text<'b>,
    #[serde(borrow, default, rename = "registryId")]
    account: Text<'b>,
}

/// Reads a delivery.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    if body.specversion.get().is_some() {
        return body.cloud_event();
    }
    let pushed: fn(&Detail<'_>) -> bool = match body.detail_type.need("detail-type")? {
        "ECR Image Action" => |detail| detail.action.is("PUSH") && detail.result.is("SUCCESS"),
        "ECR Replication Action" => |detail| detail.action.is("REPLICATE") && detail.result.is("SUCCESS"),
        "ECR Pull Through Cache Action" => |detail| detail.sync_status.is("SUCCESS"),
        _ => return Ok(Delivery::Ignored("not about a push")),
    };
    let Some(detail) = &body.detail else { return Err(Malformed::Missing("detail")) };
    if !pushed(detail) {
        return Ok(Delivery::Ignored("not a push"));
    }
    let host = host(body.account.need("account")?, body.region.need("region")?);
    let path = detail.repository.need("detail.repository-name")?;
    Ok(Delivery::Pushes(vec![Push::read(&format!("{host}/{path}"), detail.tag.get(), detail.digest.get())?]))
}

impl Body<'_> {
    fn cloud_event(&self) -> Result<Delivery, Malformed> {
        if !matches!(self.r#type.need("type")?.rsplit('.').next(), Some("push" | "pushed")) {
            return Ok(Delivery::Ignored("not a push"));
        }
        let (region, account) = place(self.source.need("source")?);
        let region = region.ok_or(Malformed::Missing("the region in source"))?;
        let data = self.data.as_ref().ok_or(Malformed::Missing("data"))?;
        let account = data.account.get().or(account).ok_or(Malformed::Missing("data.registryId"))?;
        let path = data.repository.need("data.repositoryName")?;
        let repository = format!("{}/{path}", host(account, region));
        Ok(Delivery::Pushes(vec![Push::read(&repository, data.tag.get(), data.digest.get())?]))
    }
}

/// Region and account of `urn:aws:ecr:<region>:<account>:repository/…`.
fn place(source: &str) -> (Option<&str>, Option<&str>) {
    let mut parts = source.split(':').skip_while(|part| *part != "ecr").skip(1).filter(|part| !part.is_empty());
    (parts.next(), parts.next())
}

/// The registry that is the source of an event, if it is one of Amazon's.
pub(super) fn host_in(source: &str) -> Option<String> {
    match place(source) {
        (Some(region), Some(account)) => Some(host(account, region)),
        _ => None,
    }
}

fn host(account: &str, region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("{account}.dkr.ecr.{region}.amazonaws.com{end}")
}
