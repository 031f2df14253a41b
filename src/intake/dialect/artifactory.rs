//! JFrog Artifactory: events of the domain `docker` (jfrog.com, "Webhooks").

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text, host_of};
use crate::config::source::Hosts;
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    domain: Text<'b>,
    #[serde(borrow, default)]
    event_type: Text<'b>,
    #[serde(borrow, default)]
    data: Option<Data<'b>>,
    #[serde(borrow, default)]
    jpd_origin: Text<'b>,
}

#[derive(Deserialize)]
struct Data<'b> {
    #[serde(borrow, default)]
    repo_key: Text<'b>,
    #[serde(borrow, default)]
    path: Text<'b>,
    #[serde(borrow, default)]
    name: Text<'b>,
    #[serde(borrow, default)]
    sha256: Text<'b>,
    #[serde(borrow, default)]
    tag: Text<'b>,
}

/// Reads a delivery.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    let (domain, event) = (body.domain.need("domain")?, body.event_type.need("event_type")?);
    if domain != "docker" || !matches!(event, "pushed" | "promoted") {
        return Ok(Delivery::Ignored("not a push of an image"));
    }
    let data = body.data.as_ref().ok_or(Malformed::Missing("data"))?;
    if !matches!(data.name.get(), Some("manifest.json" | "list.manifest.json")) {
        return Ok(Delivery::Ignored("not a manifest"));
    }
    let (host, path) = data.place(body.jpd_origin.get(), verified.hosts())?;
    let tag = data.tag.get().map(|tag| tag.replacen("sha256__", "sha256:", 1));
    let digest = data.sha256.get().map(|hex| format!("sha256:{}", hex.trim_start_matches("sha256:")));
    Ok(Delivery::Pushes(vec![Push::at(&host, &path, tag.as_deref(), digest.as_deref())?]))
}

impl Data<'_> {
    /// Host and path. `data.path` is the repository, the tag and the file; `image_name` is only the last part of it in
    /// some versions.
    fn place(&self, origin: Option<&str>, hosts: &Hosts) -> Result<(String, String), Malformed> {
        let key = self.repo_key.need("data.repo_key")?;
        let mut parts = self.path.need("data.path")?.trim_start_matches('/').rsplitn(3, '/');
        let path = parts.nth(2).ok_or(Malformed::Missing("the repository in data.path"))?;
        if let Some(host) = hosts.mapped(key) {
            return Ok((host, path.to_owned()));
        }
        let host = hosts.of(origin.and_then(host_of)).ok_or_else(|| Malformed::no_host(key))?;
        Ok((host, format!("{key}/{path}")))
    }
}
