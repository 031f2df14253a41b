//! Sonatype Nexus: components, and assets that are manifests (help.sonatype.com, "Webhooks"). No event names a registry.

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    action: Text<'b>,
    #[serde(borrow, default, rename = "repositoryName")]
    repository: Text<'b>,
    #[serde(borrow, default)]
    component: Option<Named<'b>>,
    #[serde(borrow, default)]
    asset: Option<Named<'b>>,
}

#[derive(Deserialize)]
struct Named<'b> {
    #[serde(borrow, default)]
    format: Text<'b>,
    #[serde(borrow, default)]
    name: Text<'b>,
    #[serde(borrow, default)]
    version: Text<'b>,
}

/// Reads a delivery. A component is created once; a tag that is pushed again is an asset that is updated.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let body: Body<'_> = serde_json::from_slice(verified.body())?;
    // Events of the whole server come here when the operator picks them too; some have no action.
    let global = verified.header("X-Nexus-Webhook-ID").is_some_and(|id| id.starts_with("rm:global:"));
    if global || !matches!(body.action.need("action")?, "CREATED" | "UPDATED") {
        return Ok(Delivery::Ignored("not a push"));
    }
    let docker = |named: &&Named<'_>| named.format.is("docker");
    let (name, version) = if let Some(component) = body.component.as_ref().filter(docker) {
        (component.name.need("component.name")?, component.version.need("component.version")?)
    } else if let Some(asset) = body.asset.as_ref().filter(docker) {
        match asset.name.get().and_then(manifest) {
            Some(found) => found,
            None => return Ok(Delivery::Ignored("not a manifest")),
        }
    } else {
        return Ok(Delivery::Ignored("not about images"));
    };
    let hosts = verified.hosts();
    let place = body.repository.get();
    let host = place.and_then(|name| hosts.mapped(name)).or_else(|| hosts.registry.clone());
    let host = host.ok_or_else(|| Malformed::no_host(place.unwrap_or_default()))?;
    Ok(Delivery::Pushes(vec![Push::at(&host, name, Some(version), None)?]))
}

/// `/v2/<name>/manifests/<reference>`
fn manifest(path: &str) -> Option<(&str, &str)> {
    let rest = path.trim_start_matches('/').strip_prefix("v2/")?;
    rest.rsplit_once("/manifests/").filter(|(_, reference)| !reference.contains('/'))
}
