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
    let kind = body.detail_type.need("detail-type")?;
    let Some(detail) = &body.detail else { return Err(Malformed::Missing("detail")) };
    let pushed = match kind {
        "ECR Image Action" => detail.action.is("PUSH") && detail.result.is("SUCCESS"),
        "ECR Replication Action" => detail.action.is("REPLICATE") && detail.result.is("SUCCESS"),
        "ECR Pull Through Cache Action" => detail.sync_status.is("SUCCESS"),
        _ => false,
    };
    if !pushed {
        return Ok(Delivery::Ignored("not a push"));
    }
    let host = host(body.account.need("account")?, body.region.need("region")?);
    let path = detail.repository.need("detail.repository-name")?;
    Ok(Delivery::Pushes(vec![Push::read(&format!("{host}/{path}"), detail.tag.get(), detail.digest.get())?]))
}

impl Body<'_> {
    /// `source` is `urn:aws:ecr:<region>:<account>:repository/…`.
    fn cloud_event(&self) -> Result<Delivery, Malformed> {
        if self.r#type.need("type")?.rsplit('.').next() != Some("push") {
            return Ok(Delivery::Ignored("not a push"));
        }
        let mut parts = self.source.need("source")?.split(':').skip_while(|part| *part != "ecr").skip(1);
        let region = parts.next().ok_or(Malformed::Missing("the region in source"))?;
        let data = self.data.as_ref().ok_or(Malformed::Missing("data"))?;
        let account = data.account.get().or(parts.next()).ok_or(Malformed::Missing("data.registryId"))?;
        let path = data.repository.need("data.repositoryName")?;
        let repository = format!("{}/{path}", host(account, region));
        Ok(Delivery::Pushes(vec![Push::read(&repository, data.tag.get(), data.digest.get())?]))
    }
}

fn host(account: &str, region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("{account}.dkr.ecr.{region}.amazonaws.com{end}")
}
