//! GitHub: `package` and `registry_package` events of containers, as JSON or as a form (docs.github.com, "Webhook events
//! and payloads").

use serde::Deserialize;

use super::{Delivery, Malformed, Push, Text, json_or_form, without_scheme, without_tag};
use crate::domain::reference::Digest;
use crate::intake::verify::Verified;

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default)]
    action: Text<'b>,
    #[serde(borrow, default)]
    package: Option<Package<'b>>,
    #[serde(borrow, default)]
    registry_package: Option<Package<'b>>,
}

#[derive(Deserialize)]
struct Package<'b> {
    #[serde(borrow, default)]
    name: Text<'b>,
    #[serde(borrow, default)]
    namespace: Text<'b>,
    #[serde(borrow, default)]
    package_type: Text<'b>,
    #[serde(borrow, default)]
    registry: Option<Registry<'b>>,
    #[serde(borrow, default)]
    package_version: Option<Version<'b>>,
}

#[derive(Deserialize)]
struct Registry<'b> {
    #[serde(borrow, default)]
    r#type: Text<'b>,
}

#[derive(Deserialize)]
struct Version<'b> {
    #[serde(borrow, default)]
    version: Text<'b>,
    #[serde(borrow, default)]
    package_url: Text<'b>,
    #[serde(borrow, default)]
    container_metadata: Option<Container<'b>>,
}

#[derive(Deserialize)]
struct Container<'b> {
    #[serde(borrow, default)]
    tag: Option<TagName<'b>>,
    #[serde(borrow, default)]
    manifest: Option<Manifest<'b>>,
}

#[derive(Deserialize)]
struct TagName<'b> {
    #[serde(borrow, default)]
    name: Text<'b>,
}

#[derive(Deserialize)]
struct Manifest<'b> {
    #[serde(borrow, default)]
    digest: Text<'b>,
}

/// Reads a delivery. Which event it is stands in a header that the signature does not cover, so a wrong one can only
/// make it ignored.
pub(super) fn parse(verified: &Verified<'_>) -> Result<Delivery, Malformed> {
    match verified.header("X-GitHub-Event").unwrap_or_default() {
        "package" | "registry_package" => {}
        "ping" => return Ok(Delivery::Ignored("ping")),
        _ => return Ok(Delivery::Ignored("not an event of packages")),
    }
    let json = json_or_form(verified)?;
    let body: Body<'_> = serde_json::from_slice(&json)?;
    if !["published", "updated", "create"].iter().any(|action| body.action.is(action)) {
        return Ok(Delivery::Ignored("not a push"));
    }
    let package = body.package.or(body.registry_package).ok_or(Malformed::Missing("package"))?;
    if !package.is_container() {
        return Ok(Delivery::Ignored("not a container"));
    }
    package.push().map(|push| Delivery::Pushes(vec![push]))
}

impl Package<'_> {
    fn is_container(&self) -> bool {
        let is = |word: &Text<'_>| {
            word.get().is_some_and(|w| w.eq_ignore_ascii_case("container") || w.eq_ignore_ascii_case("docker"))
        };
        let typed = self.registry.as_ref().is_some_and(|registry| is(&registry.r#type));
        let described = self.package_version.as_ref().is_some_and(|version| version.container_metadata.is_some());
        typed || is(&self.package_type) || (self.package_type.get().is_none() && described)
    }

    /// `package_url` is `ghcr.io/owner/name:tag`, with nothing after the colon for a push without tag.
    fn push(&self) -> Result<Push, Malformed> {
        let version = self.package_version.as_ref().ok_or(Malformed::Missing("package_version"))?;
        let container = version.container_metadata.as_ref();
        let tag = container.and_then(|container| container.tag.as_ref()?.name.get());
        let manifest = container.and_then(|container| container.manifest.as_ref()?.digest.get());
        let repository = if let Some(url) = version.package_url.get() {
            without_tag(without_scheme(url)).to_owned()
        } else {
            let (owner, name) = (self.namespace.need("package.namespace")?, self.name.need("package.name")?);
            format!("ghcr.io/{owner}/{name}")
        };
        let digest = version.version.get().filter(|version| Digest::parse(version).is_ok());
        Push::read(&repository, tag, digest.or(manifest))
    }
}
