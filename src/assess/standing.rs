//! Versions that cooled, or waited for an answer: what their releases are at their projects' forges by then.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Source;
use crate::domain::policy::Policy;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::release_url::ReleaseUrl;
use crate::domain::standing::Standing;
use crate::registry::{Credential, Registry};

/// A version that waited.
#[derive(Clone, Debug)]
pub struct Waited {
    /// Where its image is.
    pub repository: Repository,
    /// Who may read it.
    pub credential: Credential,
    /// The running tag.
    pub from: String,
    /// Its own.
    pub to: Tag,
    /// What that points to.
    pub digest: Digest,
    /// Where the workload says that releases are.
    pub url: Option<ReleaseUrl>,
}

/// Says what the release of a version is, in a few seconds at most; `None` while that can't be known.
pub type AskStanding = Arc<dyn Fn(Waited) -> BoxFuture<'static, Option<Standing>> + Send + Sync>;

/// Where forges are asked, and about what.
#[derive(Clone, Copy)]
pub struct Forges<'f> {
    /// Who asks them.
    pub ask: &'f AskStanding,
    /// Whether people were asked about a tag, or it was held back before.
    pub waited: &'f (dyn Fn(&Tag) -> bool + Send + Sync),
    /// Where the workload says that releases are.
    pub url: Option<&'f ReleaseUrl>,
}

impl fmt::Debug for Forges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forges").field("url", &self.url).finish_non_exhaustive()
    }
}

impl<R: Registry> Source<'_, R> {
    /// The same, where forges are asked.
    #[must_use]
    pub fn asking<'f>(&'f self, forges: Forges<'f>) -> Source<'f, R> {
        let Self { registry, repository, credential, .. } = self;
        let (digests, beside) = (self.digests.clone(), self.beside.clone());
        Source { registry: *registry, repository, credential, digests, beside, forges: Some(forges) }
    }

    /// What the release of a version is by now; `None` while that can't be known.
    pub async fn standing(&self, running: &str, to: Tag, digest: &Digest) -> Option<Standing> {
        let forges = self.forges?;
        let (repository, credential) = (self.repository.clone(), self.credential.clone());
        let (from, digest, url) = (running.to_owned(), digest.clone(), forges.url.cloned());
        (forges.ask)(Waited { repository, credential, from, to, digest, url }).await
    }

    /// Why a version that cooled, or that people were asked about, is held back by its project now, if it is. Not knowing it
    /// changes nothing.
    pub(super) async fn held_back(
        &self,
        running: &str,
        to: &str,
        digest: &Digest,
        policy: &Policy,
    ) -> Option<Standing> {
        let (forges, to) = (self.forges?, Tag::parse(to).ok()?);
        if policy.cooldown.is_none() && !(forges.waited)(&to) {
            return None;
        }
        let standing = self.standing(running, to, digest).await?;
        standing.holds_back(policy.takes_prereleases(running)).then_some(standing)
    }
}
