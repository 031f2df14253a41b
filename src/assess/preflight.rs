//! Whether a candidate would start where it is to run: asked of its registry before anybody is asked, and before it is applied.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryFutureExt as _};

use super::Source;
use crate::domain::policy::Mode;
use crate::domain::preflight::image::Found;
use crate::domain::preflight::{DryRun, Flaw, Nodes, Platform, Pod, Preflight, Start, Unfit};
use crate::domain::record::Ledger;
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::workload::Workload;
use crate::registry::{Extent, Registry, RegistryError};

/// So many candidates that would not start are passed over in one decision.
pub const MOST_UNFIT: usize = 3;

/// Where a candidate is to run, and what is known of it there.
#[derive(Clone, Copy)]
pub struct Place<'s> {
    /// How the container starts.
    pub start: Start,
    /// Where its pods may go.
    pub nodes: &'s Nodes,
    /// Asks what the nodes run, which is not asked without a candidate.
    pub cluster: &'s Platforms<'s>,
    /// What runs there.
    pub image: &'s ImageReference,
    /// What is known of the container.
    pub ledger: &'s Ledger,
    /// Whether people are asked, who are told what changes: what runs is looked at, too, whatever else is known.
    pub is_asked: bool,
    /// Rehearses the write while the registry is asked, where that is worth it.
    pub rehearse: Option<&'s Rehearse<'s>>,
}

/// What a dry run of the write of a version comes to; `None` where it is not rehearsed now, or refused.
pub type Rehearse<'r> = dyn Fn(&Tag, &Digest) -> BoxFuture<'r, Option<DryRun>> + Send + Sync + 'r;

/// What the nodes of the cluster run; `None` where that is not known.
pub type Platforms<'p> = dyn Fn() -> BoxFuture<'p, Option<Arc<[Platform]>>> + Send + Sync + 'p;

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("start", &self.start).field("nodes", self.nodes).finish_non_exhaustive()
    }
}

impl<'s> Place<'s> {
    /// The place of a container; `None` where there is no such container.
    #[must_use]
    pub fn of(
        (workload, container): (&'s Workload, &str),
        image: &'s ImageReference,
        ledger: &'s Ledger,
        mode: Mode,
        cluster: &'s Platforms<'s>,
    ) -> Option<Self> {
        static ANY: LazyLock<Nodes> = LazyLock::new(Nodes::default);
        let (_, found) = workload.container(container)?;
        let nodes = workload.nodes.as_deref().unwrap_or_else(|| &ANY);
        Some(Self {
            start: found.start,
            nodes,
            cluster,
            image,
            ledger,
            is_asked: mode == Mode::Notification,
            rehearse: None,
        })
    }
}

/// What is to be gone to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What its tag points to.
    pub digest: Digest,
    /// What was looked at of it.
    pub preflight: Preflight,
}

impl<R: Registry> Source<'_, R> {
    /// Judges what a tag points to. Where the registry does not answer, it is not known to be wrong.
    pub(super) async fn preflight(&self, tag: &Tag, digest: Digest, now: DateTime<Utc>) -> Result<Candidate, Unfit> {
        let judged = match &self.place {
            Some(place) => self.judged(place, tag, &digest, now).await,
            None => Ok(Preflight::default()),
        };
        match judged {
            Ok(preflight) => Ok(Candidate { digest, preflight }),
            Err(flaw) => Err(Unfit { tag: tag.clone(), digest, flaw }),
        }
    }

    async fn judged(
        &self,
        place: &Place<'_>,
        tag: &Tag,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<Preflight, Flaw> {
        let Place { image, ledger, .. } = *place;
        if let Some(refused) = ledger.refuses(tag, digest, now) {
            return Err(Flaw::Admission(refused.said.clone()));
        }
        // What is held is not gone to; and what people are asked about was looked at before.
        let known = ledger.question.as_ref().filter(|question| question.is_about(image, tag, digest));
        if ledger.holds(tag, digest).is_some() || known.is_some() {
            return Ok(known.and_then(|question| question.preflight.as_deref().cloned()).unwrap_or_default());
        }
        let Some(rehearse) = place.rehearse else { return self.anew(place, tag, digest).await };
        let (preflight, dry_run) = tokio::join!(self.anew(place, tag, digest), rehearse(tag, digest));
        Ok(Preflight { dry_run, ..preflight? })
    }

    /// The same, whatever was looked at before.
    pub(super) async fn anew(&self, place: &Place<'_>, tag: &Tag, digest: &Digest) -> Result<Preflight, Flaw> {
        let Place { start, nodes, cluster, .. } = *place;
        let cluster = cluster().await;
        let pod = Pod { start, nodes, cluster: cluster.as_deref() };
        let platforms = pod.platforms();
        let wanted = platforms.as_deref().unwrap_or_default();
        let whole = self.image(digest, wanted, Extent::Whole);
        if place.is_asked || platforms.is_none() {
            let (found, running) = tokio::join!(whole, self.running(place, tag, wanted));
            return found.map_or_else(|_| Ok(Preflight::default()), |found| pod.judge(&found, running.as_deref()));
        }
        let Ok(found) = futures_util::join!(whole, self.ask_beside()).0 else { return Ok(Preflight::default()) };
        // What runs may lack a platform as well.
        let running = if pod.is_in_doubt(&found) { self.running(place, tag, wanted).await } else { None };
        pod.judge(&found, running.as_deref())
    }

    /// What runs, where it can be known.
    async fn running(&self, place: &Place<'_>, to: &Tag, wanted: &[Platform]) -> Option<Arc<Found>> {
        let tag = place.image.running_tag().filter(|tag| tag != to);
        let digest = match (place.ledger.digest_of(place.image), tag) {
            (Some(digest), _) => digest,
            (None, Some(tag)) => self.digest(&tag).await.ok()??,
            (None, None) => return None,
        };
        self.image(&digest, wanted, Extent::Described).await.ok()
    }

    async fn image(&self, digest: &Digest, wanted: &[Platform], extent: Extent) -> Result<Arc<Found>, RegistryError> {
        let found = self.registry.image(self.repository, digest, wanted, extent, self.credential).boxed();
        let ask = found.map_ok(Arc::new);
        match &self.digests {
            Some(digests) => digests.image((digest, wanted, extent), self.credential, ask).await,
            None => ask.await,
        }
    }
}
