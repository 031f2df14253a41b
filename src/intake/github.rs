//! GitHub: `package` and `registry_package` events of containers, as JSON or as a form (docs.github.com, "Webhook events
//! and payloads").

use std::borrow::Cow;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;

use super::dialect::{Delivery, Malformed, Push};
use super::verify::Verified;

#[derive(Deserialize)]
struct Body {
    action: Option<String>,
    #[serde(alias = "registry_package")]
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    namespace: Option<String>,
    package_type: Option<String>,
    ecosystem: Option<String>,
    registry: Option<Registry>,
    package_version: Option<Version>,
}

#[derive(Deserialize)]
struct Registry {
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    version: Option<String>,
    package_url: Option<String>,
    container_metadata: Option<Container>,
}

#[derive(Deserialize)]
struct Container {
    tag: Option<TagName>,
    manifest: Option<Manifest>,
}

#[derive(Deserialize)]
struct TagName {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    digest: Option<String>,
}

/// Reads a delivery. Which event it is stands in a header that the signature does not cover, so a wrong one can only
/// make it ignored.
pub(super) fn parse(verified: &Verified, headers: &HeaderMap) -> Result<Delivery, Malformed> {
    let event = headers.get("X-GitHub-Event").and_then(|event| event.to_str().ok()).unwrap_or_default();
    match event {
        "package" | "registry_package" => {}
        "ping" => return Ok(Delivery::Ignored("ping")),
        _ => return Ok(Delivery::Ignored("not an event of packages")),
    }
    let body: Body = serde_json::from_slice(&json(verified, headers)?)?;
    if !matches!(body.action.as_deref(), Some("published" | "updated" | "create")) {
        return Ok(Delivery::Ignored("not a push"));
    }
    let package = body.package.ok_or(Malformed::Missing("package"))?;
    if !package.is_container() {
        return Ok(Delivery::Ignored("not a container"));
    }
    package.push().map(|push| Delivery::Pushes(vec![push]))
}

/// The JSON itself: the body, or the form field `payload`.
fn json<'v>(verified: &'v Verified, headers: &HeaderMap) -> Result<Cow<'v, [u8]>, Malformed> {
    let content = headers.get(CONTENT_TYPE).and_then(|content| content.to_str().ok()).unwrap_or_default();
    if !content.starts_with("application/x-www-form-urlencoded") {
        return Ok(Cow::Borrowed(verified.body()));
    }
    let mut fields = url::form_urlencoded::parse(verified.body()).filter(|(name, _)| name == "payload");
    let (_, payload) = fields.next().ok_or(Malformed::Missing("payload"))?;
    Ok(Cow::Owned(payload.into_owned().into_bytes()))
}

impl Package {
    fn is_container(&self) -> bool {
        let is = |word: &Option<String>| {
            word.as_deref().is_some_and(|w| w.eq_ignore_ascii_case("container") || w.eq_ignore_ascii_case("docker"))
        };
        let typed = self.registry.as_ref().is_some_and(|registry| is(&registry.r#type));
        let described = self.package_version.as_ref().is_some_and(|version| version.container_metadata.is_some());
        let unsaid = self.package_type.is_none() && self.ecosystem.is_none();
        typed || is(&self.package_type) || is(&self.ecosystem) || (unsaid && described)
    }

    /// `package_url` is `ghcr.io/owner/name:tag`, with nothing after the colon for a push without tag.
    fn push(self) -> Result<Push, Malformed> {
        let version = self.package_version.ok_or(Malformed::Missing("package_version"))?;
        let (tag, manifest) = match version.container_metadata {
            Some(container) => (container.tag.and_then(|tag| tag.name), container.manifest.and_then(|m| m.digest)),
            None => (None, None),
        };
        let repository = if let Some(url) = version.package_url.as_deref().filter(|url| !url.is_empty()) {
            without_tag(url).to_owned()
        } else {
            let owner = self.namespace.ok_or(Malformed::Missing("package.namespace"))?;
            let name = self.name.ok_or(Malformed::Missing("package.name"))?;
            format!("ghcr.io/{owner}/{name}")
        };
        Push::read(&repository, tag.as_deref(), version.version.or(manifest).as_deref())
    }
}

fn without_tag(url: &str) -> &str {
    let url = url.trim_start_matches("https://");
    match url.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{Digest, Tag};
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn read(event: &str, content: &str, body: &str) -> Result<Delivery, Malformed> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-github-event"), HeaderValue::from_str(event).unwrap());
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content).unwrap());
        parse(&Verified::for_test(body), &headers)
    }

    fn package(kind: &str, tag: &str) -> String {
        let digest = format!("sha256:{}", "a".repeat(64));
        serde_json::json!({"action": "published", "package": {"name": "web", "namespace": "acme", "package_type": kind,
            "package_version": {"version": digest, "package_url": format!("ghcr.io/Acme/web:{tag}"),
                "container_metadata": {"tag": {"name": tag, "digest": digest}, "manifest": {"digest": digest}}}}})
        .to_string()
    }

    fn only(delivery: Result<Delivery, Malformed>) -> Push {
        match delivery {
            Ok(Delivery::Pushes(pushes)) => pushes.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_published_container_is_a_push() {
        for kind in ["CONTAINER", "container", "docker"] {
            let push = only(read("package", "application/json", &package(kind, "1.2.3")));
            assert_eq!(push.repository.as_str(), "ghcr.io/acme/web");
            assert_eq!(push.tag.as_ref().map(Tag::as_str), Some("1.2.3"));
            assert!(push.digest.as_ref().map(Digest::as_str).is_some_and(|digest| digest.ends_with('a')));
        }
        let untagged = only(read(
            "registry_package",
            "application/json",
            &package("CONTAINER", "").replace("\"package\"", "\"registry_package\""),
        ));
        assert_eq!((untagged.repository.as_str(), untagged.tag), ("ghcr.io/acme/web", None));
    }

    #[test]
    fn a_form_holds_the_same_json() {
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &package("CONTAINER", "1.2.3"))
            .finish();
        let push = only(read("package", "application/x-www-form-urlencoded", &form));
        assert_eq!(push.repository.as_str(), "ghcr.io/acme/web");
        assert!(read("package", "application/x-www-form-urlencoded", "other=1").is_err());
    }

    #[test]
    fn other_events_and_packages_are_ignored() {
        let ignored =
            |event: &str, body: &str| matches!(read(event, "application/json", body), Ok(Delivery::Ignored(_)));
        assert!(ignored("ping", "{}"));
        assert!(ignored("", "not even JSON"));
        assert!(ignored("push", "{}"));
        assert!(ignored("package", &package("npm", "1.2.3").replace("published", "deleted")));
        let npm = package("npm", "1.2.3");
        assert!(ignored("package", &npm));
        assert!(read("package", "application/json", "{").is_err());
        assert!(read("package", "application/json", r#"{"action":"published"}"#).is_err());
    }
}
