//! Whether the notes of a project may be read: the operator's token opens what a tenant could not, so with the token in
//! hand only what everybody may read is read, and private projects of owners that the operator lists.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::fetch::{Ask, FetchError, Reply};
use super::forge::Project;
use super::{ABSENT, Effort, Releases};
use crate::queue::Kept;
use crate::registry::Registry;
use crate::telemetry::chain;

/// For so long it is not asked again whether a project is public.
const PUBLIC: TimeDelta = TimeDelta::hours(24);
/// How texts are read: what an earlier release made of them is not kept on.
const READ: u8 = 3;
/// The largest description of a project that is read, in bytes.
const MOST: usize = 256 * 1024;

/// What a forge says of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Visibility {
    Public,
    /// Not for everybody. The owner is the forge's word: a renamed project may have another than its name says.
    Private {
        owner: String,
    },
    /// Not there, or not for the token either.
    Absent,
}

/// Whether notes may be read, and what is kept of them under which name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody may, or nobody's token is used.
    Open,
    /// A private project of an owner that the operator lists.
    Listed,
    /// There is nothing to read.
    Absent,
    /// It is private, and its owner is not listed.
    Closed,
    /// It is not known now.
    Unknown,
}

impl Access {
    /// Where the releases of a project are kept. What was read as private is not found by who may not read it any more.
    pub(super) fn key(self, project: &Project) -> Option<String> {
        match self {
            Self::Open => Some(format!("releases:{READ}:open:{}", project.id())),
            Self::Listed => Some(format!("releases:{READ}:listed:{}", project.id())),
            Self::Absent | Self::Closed | Self::Unknown => None,
        }
    }

    /// Where it is remembered which releases a project had, which outlives what can be asked again.
    pub(super) fn memory(self, project: &Project) -> Option<String> {
        match self {
            Self::Open => Some(format!("released:open:{}", project.id())),
            Self::Listed => Some(format!("released:listed:{}", project.id())),
            Self::Absent | Self::Closed | Self::Unknown => None,
        }
    }
}

/// A project as GitHub describes it.
#[derive(Deserialize)]
struct OnTheWire {
    private: bool,
    visibility: Option<String>,
    owner: Owner,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
}

impl Visibility {
    /// GitHub's «internal» is private to an enterprise, with or without the older flag.
    fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let OnTheWire { private, visibility, owner } = serde_json::from_slice(body)?;
        let is_public = !private && visibility.is_none_or(|word| word == "public");
        Ok(if is_public { Self::Public } else { Self::Private { owner: owner.login } })
    }

    fn access(&self, project: &Project) -> Access {
        match self {
            Self::Public => Access::Open,
            Self::Private { owner } if project.forge().lists(owner) => Access::Listed,
            Self::Private { .. } => Access::Closed,
            Self::Absent => Access::Absent,
        }
    }
}

impl<K: Kept, R: Registry> Releases<K, R> {
    /// Whether the notes of a project may be read; asked once, and kept.
    pub(super) async fn access(&self, project: &Project, effort: Effort) -> Access {
        if !self.fetcher.has_token_for(project) {
            return Access::Open;
        }
        let key = format!("visibility:{}", project.id());
        let _turn = match effort {
            Effort::Recall => None,
            Effort::Ask => Some(self.gates.enter(&key).await),
        };
        if let Some(kept) = self.recall::<Visibility>(&key).await {
            return kept.access(project);
        }
        if effort == Effort::Recall {
            return Access::Unknown;
        }
        let visibility = match self.visibility(project).await {
            Ok(visibility) => visibility,
            Err(error) => {
                let project = project.id();
                tracing::info!(project, error = %chain(&error), "whether this project is public can't be known now; its release notes are not read");
                return Access::Unknown;
            }
        };
        let access = visibility.access(project);
        if access == Access::Closed {
            let project = project.id();
            tracing::warn!(
                project,
                "private repository, owner not listed: its release notes are not read; list the owner in forges[].owners to allow it"
            );
        }
        let kept_for = if visibility == Visibility::Public { PUBLIC } else { ABSENT };
        self.keep(&key, &visibility, self.ambient.now() + kept_for).await;
        access
    }

    async fn visibility(&self, project: &Project) -> Result<Visibility, FetchError> {
        let Some(url) = project.description() else { return Ok(Visibility::Absent) };
        let ask = Ask { operation: "visibility", project, url: &url, etag: None, most: MOST, raw: false };
        match self.fetcher.get(ask).await? {
            Reply::Body { body, .. } => Visibility::read(&body.bytes)
                .map_err(|source| FetchError::Unreadable { host: project.forge().host().to_owned(), source }),
            Reply::Absent | Reply::Unchanged => Ok(Visibility::Absent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::forge::{ForgeHost, ForgeKind, Forges};
    use super::*;

    #[test]
    fn only_what_everybody_may_read_is_public() {
        let acme = ForgeHost::new("api.github.com", ForgeKind::GitHub, None, false).unwrap();
        let forges = Forges::new(vec![acme.owned_by(["Acme"])]);
        let project = forges.project("https://github.com/acme/web").unwrap();
        let access = |text: &str| Visibility::read(text.as_bytes()).map(|read| read.access(&project)).ok();
        for (text, expected) in [
            (r#"{"private":false,"visibility":"public","owner":{"login":"x"}}"#, Some(Access::Open)),
            (r#"{"private":false,"owner":{"login":"x"}}"#, Some(Access::Open)),
            (r#"{"private":true,"owner":{"login":"x"}}"#, Some(Access::Closed)),
            (r#"{"private":true,"visibility":"public","owner":{"login":"x"}}"#, Some(Access::Closed)),
            (r#"{"private":false,"visibility":"internal","owner":{"login":"x"}}"#, Some(Access::Closed)),
            (r#"{"private":true,"visibility":"private","owner":{"login":"ACME"}}"#, Some(Access::Listed)),
            // What is asked for by a name of acme's and belongs to somebody else by now.
            (r#"{"private":true,"visibility":"private","owner":{"login":"acme-old"}}"#, Some(Access::Closed)),
            (r#"{"owner":{"login":"acme"}}"#, None),
            ("[]", None),
        ] {
            assert_eq!(access(text), expected, "{text}");
        }
        let keys = [Access::Open, Access::Listed, Access::Closed].map(|access| access.key(&project));
        assert_eq!(keys[0].as_deref(), Some("releases:3:open:github.com/acme/web"));
        assert!(keys[0] != keys[1] && keys[2].is_none());
    }
}
