//! Whose delivery this looks like, when it is none of the sender's whose URL it came to. It is asked only of what could not
//! be read, and decides nothing but what people are told.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::list_or_one;
use super::{Malformed, Text};
use crate::config::source::SourceKind;
use crate::intake::verify::Verified;

/// The fields by which senders can be told apart.
#[derive(Deserialize)]
struct Shape<'b> {
    #[serde(borrow, default)]
    action: Option<&'b RawValue>,
    #[serde(borrow, default)]
    asset: Option<&'b RawValue>,
    #[serde(borrow, default)]
    component: Option<&'b RawValue>,
    #[serde(borrow, default, rename = "detail-type")]
    detail_type: Option<&'b RawValue>,
    #[serde(borrow, default)]
    docker_url: Option<&'b RawValue>,
    #[serde(borrow, default)]
    domain: Option<&'b RawValue>,
    #[serde(borrow, default)]
    event_data: Option<&'b RawValue>,
    #[serde(borrow, default, rename = "eventType")]
    event_type: Text<'b>,
    #[serde(borrow, default)]
    events: Option<&'b RawValue>,
    #[serde(borrow, default)]
    message: Option<&'b RawValue>,
    #[serde(borrow, default)]
    name: Option<&'b RawValue>,
    #[serde(borrow, default)]
    package: Option<&'b RawValue>,
    #[serde(borrow, default)]
    push_data: Option<&'b RawValue>,
    #[serde(borrow, default)]
    registry_package: Option<&'b RawValue>,
    #[serde(borrow, default)]
    repository: Option<&'b RawValue>,
    #[serde(borrow, default)]
    specversion: Option<&'b RawValue>,
    #[serde(borrow, default)]
    subscription: Option<&'b RawValue>,
    #[serde(borrow, default)]
    tag: Option<&'b RawValue>,
    #[serde(borrow, default)]
    target: Option<&'b RawValue>,
    #[serde(borrow, default)]
    r#type: Text<'b>,
    #[serde(borrow, default)]
    updated_tags: Option<&'b RawValue>,
}

/// The sender's name, as people write it.
pub(super) fn name(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::DockerHub => "Docker Hub",
        SourceKind::GitHub => "GitHub",
        SourceKind::Quay => "Quay",
        SourceKind::Harbor => "Harbor",
        SourceKind::Acr => "Azure Container Registry",
        SourceKind::AcrEventGrid => "Azure Event Grid",
        SourceKind::GitLab => "GitLab",
        SourceKind::Distribution => "CNCF Distribution or GitLab",
        SourceKind::Zot => "Zot",
        SourceKind::Gar => "Google Pub/Sub",
        SourceKind::Ecr => "Amazon EventBridge",
        SourceKind::Artifactory => "Artifactory",
        SourceKind::Nexus => "Nexus",
        SourceKind::Gitea => "Gitea or Forgejo",
        SourceKind::Forgejo => "Forgejo",
        SourceKind::Aliyun => "Alibaba Cloud",
        SourceKind::CloudEvents => "a sender of CloudEvents",
        SourceKind::Native => "a CI job (kind native)",
    }
}

/// The kind whose delivery this looks like, if that is another than `kind`.
pub(super) fn other(kind: SourceKind, verified: &Verified<'_>) -> Option<SourceKind> {
    let shape: Shape<'_> = list_or_one(verified.body()).ok()?.read().next()?.ok()?;
    let looks = shape.of(verified)?;
    let same = |other| looks == other && kind != other;
    let kin = match kind {
        SourceKind::GitLab => same(SourceKind::Distribution),
        SourceKind::Forgejo => same(SourceKind::Gitea),
        SourceKind::Ecr | SourceKind::Harbor | SourceKind::Zot | SourceKind::AcrEventGrid => {
            same(SourceKind::CloudEvents)
        }
        _ => false,
    };
    (looks != kind && !kin).then_some(looks)
}

/// Whether a delivery that has nothing to use may all the same be the sender's: an object, of no other sender's shape.
///
/// # Errors
/// What it is instead.
pub(super) fn own(kind: SourceKind, verified: &Verified<'_>) -> Result<(), Malformed> {
    if let Some(other) = other(kind, verified) {
        return Err(Malformed::Other(other));
    }
    let object = verified.body().trim_ascii_start().starts_with(b"{");
    if object { Ok(()) } else { Err(Malformed::Missing("an object")) }
}

impl Shape<'_> {
    fn of(&self, verified: &Verified<'_>) -> Option<SourceKind> {
        let has = |field: Option<&RawValue>| field.is_some_and(|value| value.get() != "null");
        let headed = |name: &str| verified.header(name).is_some();
        let holds = |field: Option<&RawValue>, name: &str| field.is_some_and(|value| value.get().contains(name));
        let typed = self.event_type.get().or(self.r#type.get()).unwrap_or_default();
        let marks = [
            (SourceKind::AcrEventGrid, headed("aeg-event-type") || typed.starts_with("Microsoft.")),
            (SourceKind::Zot, verified.header("ce-type").is_some_and(|kind| kind.ends_with("image.updated"))),
            (SourceKind::CloudEvents, headed("ce-specversion")),
            (SourceKind::Harbor, has(self.event_data) || typed.starts_with("harbor.")),
            (SourceKind::Quay, has(self.updated_tags) || has(self.docker_url)),
            (SourceKind::Aliyun, has(self.push_data) && holds(self.repository, "\"repo_full_name\"")),
            (SourceKind::DockerHub, has(self.push_data) && holds(self.repository, "\"repo_name\"")),
            (SourceKind::Distribution, has(self.events)),
            (SourceKind::Acr, has(self.action) && has(self.target)),
            (SourceKind::Gar, has(self.message) && has(self.subscription)),
            (SourceKind::Ecr, has(self.detail_type)),
            (SourceKind::Artifactory, has(self.domain)),
            (SourceKind::Nexus, has(self.action) && (has(self.component) || has(self.asset))),
            (SourceKind::GitHub, has(self.registry_package) || holds(self.package, "\"package_type\"")),
            (SourceKind::Gitea, has(self.action) && has(self.package)),
            (SourceKind::CloudEvents, has(self.specversion)),
            (SourceKind::Native, has(self.name) && has(self.tag)),
        ];
        marks.into_iter().find(|(_, fits)| *fits).map(|(kind, _)| kind)
    }
}
