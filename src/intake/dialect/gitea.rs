//! Gitea and Forgejo: events of packages, as JSON or as a form (docs.gitea.com, "Webhooks"). They carry GitHub's headers
//! too, so that only the configured source tells them apart.

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text, host_of, json_or_form};
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    action: Text<'b>,
    #[serde(borrow, default)]
    package: Option<Package<'b>>,
}

#[derive(Deserialize)]
struct Package<'b> {
    #[serde(borrow, default)]
    r#type: Text<'b>,
    #[serde(borrow, default)]
    name: Text<'b>,
    #[serde(borrow, default)]
    version: Text<'b>,
    #[serde(borrow, default)]
    html_url: Text<'b>,
    #[serde(borrow, default)]
    owner: Option<Owner<'b>>,
}

#[derive(Deserialize)]
struct Owner<'b> {
    #[serde(borrow, default)]
    login: Text<'b>,
}

/// Reads a delivery.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    let names = ["X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event", "X-GitHub-Event"];
    let event = names.iter().find_map(|name| verified.header(name));
    if event != Some("package") {
        return Ok(Delivery::Ignored("not an event of packages"));
    }
    let json = json_or_form(verified)?;
    let body: Body<'_> = serde_json::from_slice(&json)?;
    if !body.action.is("created") {
        return Ok(Delivery::Ignored("not a push"));
    }
    let package = body.package.ok_or(Malformed::Missing("package"))?;
    if !package.r#type.is("container") {
        return Ok(Delivery::Ignored("not a container"));
    }
    let host = verified.hosts().of(package.html_url.get().and_then(host_of));
    let host = host.ok_or(Malformed::Missing("package.html_url"))?;
    let owner = package.owner.as_ref().ok_or(Malformed::Missing("package.owner"))?.login.need("package.owner.login")?;
    let path = format!("{owner}/{}", package.name.need("package.name")?);
    Ok(Delivery::Pushes(vec![Push::at(&host, &path, package.version.get(), None)?]))
}
