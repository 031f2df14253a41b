//! What concerns several workloads at once: what one of them went through is a reason for the others.
//!
//! ```text
//! records ─► Standing ─► Fleet ─┬─► failed    a manifest that failed on one is a question on all others
//!                               ├─► first     one takes a manifest first, the others when it is healthy there
//!                               ├─► full      so many updates roll at once
//!                               └─► stopped   two of the last five automatic updates failed: none is applied by itself
//! ```
//!
//! All of it is read from records, so that a restart, or another disk, forgets nothing of it.

pub mod brake;
mod room;
mod standing;
#[cfg(test)]
pub(crate) mod tests;
mod words;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use brake::{Brake, BrakeSeen, Link, Release, Stopped, ToldStop};
pub use room::{Bound, Limits};
pub use standing::{Bad, End, Newest, One, Standing};
pub use words::Moment;

use super::reference::{Digest, Tag};
use super::rollout::Rollout;
use super::workload::{Workload, WorkloadId};
use brake::Ended;
use standing::Became;

/// An update that the policy of a workload would apply now.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// Of which workload.
    pub id: &'c WorkloadId,
    /// The repository, `host/path`.
    pub of: &'c str,
    /// The version.
    pub tag: &'c Tag,
    /// Its manifest.
    pub digest: &'c Digest,
    /// Why people were asked about it first, if they were.
    pub asked: Option<&'c Asks>,
}

/// What others are a reason for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// People are asked first.
    Asks(Asks),
    /// It waits.
    Waits(Waits),
}

/// Why people are asked first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Asks {
    /// The same manifest failed on another workload.
    Failed(Failed),
    /// Automatic updates are stopped everywhere.
    Stopped(Stopped),
}

/// An update that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// On which workload: `shop/deploy/api-1`.
    pub workload: String,
    /// In which container.
    pub container: Box<str>,
    /// The version.
    pub tag: Tag,
    /// Why: a CamelCase word, as Kubernetes uses them.
    pub reason: String,
    /// When that was known.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
}

impl Failed {
    /// Whether both are the end of the same update.
    fn is_same(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.workload.clone(), it.container.clone(), it.tag.clone(), it.at.timestamp());
        of(self) == of(other)
    }
}

/// What an update waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waits {
    /// Another workload takes the same manifest first.
    First {
        /// Which: `shop/deploy/api-1`.
        workload: String,
        /// The version.
        tag: Tag,
    },
    /// So many updates roll as may.
    Full(Bound),
    /// Not all that may be read is listed since the start, so that who goes first is not known.
    Unlisted,
    /// Whether automatic updates are stopped can't be read, so that none is applied.
    BrakeUnread,
}

/// A workload that is about to be written, so that its record does not say so yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Which.
    pub id: WorkloadId,
    /// The repository, `host/path`.
    pub of: Box<str>,
    /// The version.
    pub tag: Tag,
    /// Its manifest.
    pub digest: Digest,
}

/// What is known beside records.
#[derive(Clone, Copy)]
pub struct Beside<'b> {
    /// Who is about to be written.
    pub entered: &'b [Entered],
    /// Whether the rollout of a workload stands still, so that nobody waits for it.
    pub stands_still: &'b dyn Fn(&WorkloadId) -> bool,
}

impl Beside<'_> {
    /// Nothing.
    pub const NOTHING: Self = Self { entered: &[], stands_still: &|_| false };
}

/// All workloads whose records say something that concerns others.
#[derive(Debug, Default)]
pub struct Fleet {
    /// By uid.
    known: HashMap<Box<str>, Known>,
    /// What became of a manifest, by repository.
    manifests: HashMap<(Box<str>, Digest), Manifest>,
    /// The uids of those whose updates roll.
    rolling: BTreeSet<Box<str>>,
    /// The last ends of automatic updates, newest first.
    last: Vec<Ended>,
}

#[derive(Debug)]
struct Known {
    workload: Arc<Workload>,
    standing: Standing,
}

/// The uids of those that went to a manifest.
#[derive(Debug, Default)]
struct Manifest {
    healthy: BTreeSet<Box<str>>,
    rolling: BTreeSet<(DateTime<Utc>, Box<str>)>,
    failed: BTreeSet<Box<str>>,
}

impl Known {
    /// Whether its rollout can't end before somebody acts.
    fn waits_for_somebody(&self) -> bool {
        self.workload.paused || matches!(self.workload.rollout, Rollout::Waiting(_))
    }

    /// How its automatic updates ended.
    fn ends(&self) -> impl Iterator<Item = Ended> {
        self.standing.ends().map(|(container, end)| Ended::of(&self.workload.id, container, end))
    }
}

/// As many of them as are counted, the last first.
fn latest(all: impl Iterator<Item = Ended>) -> Vec<Ended> {
    let mut latest: Vec<Ended> = all.collect();
    latest.sort_by(|one, other| other.rank().cmp(&one.rank()));
    latest.truncate(brake::COUNTED);
    latest
}

impl Fleet {
    /// What these say, for who looks once.
    pub fn of<'w>(all: impl IntoIterator<Item = (&'w Workload, Standing)>) -> Self {
        let mut fleet = Self::default();
        for (workload, standing) in all.into_iter().filter(|(_, standing)| !standing.is_empty()) {
            fleet.put(&Arc::new(workload.clone()), Some(standing));
        }
        fleet
    }

    /// Takes a workload as it is now, and what its record says where that changed.
    pub fn put(&mut self, workload: &Arc<Workload>, standing: Option<Standing>) {
        let uid = &workload.id.uid;
        let Some(standing) = standing else {
            if let Some(known) = self.known.get_mut(uid) {
                known.workload = Arc::clone(workload);
            }
            return;
        };
        self.unlink(uid);
        if standing.is_empty() {
            self.known.remove(uid);
        } else {
            self.link(workload, &standing);
            self.known.insert(uid.clone(), Known { workload: Arc::clone(workload), standing });
        }
        self.count(uid);
    }

    /// When the newest update of a workload was written that has not ended, and whether it goes back, by the newest that is known of
    /// it: what stands on the object may be an older record.
    #[must_use]
    pub fn rolls(&self, uid: &str) -> Option<(DateTime<Utc>, bool)> {
        self.known.get(uid)?.standing.rolls().max()
    }

    /// Forgets a workload. Whether its update rolled.
    pub fn remove(&mut self, uid: &str) -> bool {
        let was_rolling = self.unlink(uid);
        self.known.remove(uid);
        self.count(uid);
        was_rolling
    }

    fn link(&mut self, workload: &Arc<Workload>, standing: &Standing) {
        let uid = &workload.id.uid;
        for (of, digest, became) in standing.manifests() {
            let manifest = self.manifests.entry((of.into(), digest.clone())).or_default();
            match became {
                Became::Healthy => manifest.healthy.insert(uid.clone()),
                Became::Rolling(since) => manifest.rolling.insert((since, uid.clone())),
                Became::Failed => manifest.failed.insert(uid.clone()),
            };
        }
        if standing.rolls().next().is_some() {
            self.rolling.insert(uid.clone());
        }
    }

    /// Whether its update rolled.
    fn unlink(&mut self, uid: &str) -> bool {
        let Some(known) = self.known.get(uid) else { return false };
        for (of, digest, _) in known.standing.manifests() {
            let key = (of.into(), digest.clone());
            if let Some(manifest) = self.manifests.get_mut(&key) {
                manifest.healthy.remove(uid);
                manifest.failed.remove(uid);
                manifest.rolling.retain(|(_, other)| **other != *uid);
                if manifest.healthy.is_empty() && manifest.failed.is_empty() && manifest.rolling.is_empty() {
                    self.manifests.remove(&key);
                }
            }
        }
        self.rolling.remove(uid)
    }

    /// Keeps the last ends now that those of one workload are others. What is not kept of the others is no later than the
    /// last that was kept: where what is left is earlier than that, or less, all are read.
    fn count(&mut self, uid: &str) {
        let kept = std::mem::take(&mut self.last);
        let earliest = kept.get(brake::COUNTED - 1).cloned();
        let others = kept.into_iter().filter(|ended| *ended.id.uid != *uid);
        let last = latest(others.chain(self.known.get(uid).into_iter().flat_map(Known::ends)));
        let reaches =
            |earliest: &Ended| last.get(brake::COUNTED - 1).is_some_and(|last| last.rank() >= earliest.rank());
        let is_whole = earliest.as_ref().is_none_or(reaches);
        self.last = if is_whole { last } else { latest(self.known.values().flat_map(Known::ends)) };
    }

    fn manifest(&self, candidate: &Candidate<'_>) -> Option<&Manifest> {
        self.manifests.get(&(candidate.of.into(), candidate.digest.clone()))
    }

    /// What others are a reason for, but for how many there are: that, only who knows who waits can say.
    #[must_use]
    pub fn verdict(&self, candidate: &Candidate<'_>, beside: Beside<'_>) -> Option<Verdict> {
        let failed = self.failed(candidate).map(Asks::Failed).map(Verdict::Asks);
        failed.or_else(|| self.first(candidate, beside).map(Verdict::Waits))
    }

    /// Where the same manifest failed, as far as it did not turn out well there: the first of them.
    #[must_use]
    pub fn failed(&self, candidate: &Candidate<'_>) -> Option<Failed> {
        let uids = self.manifest(candidate).into_iter().flat_map(|manifest| &manifest.failed);
        let others = uids.filter(|uid| **uid != candidate.id.uid).filter_map(|uid| self.known.get(uid));
        let here = |known: &Known| {
            let failed = known.standing.failed(candidate.of, candidate.digest);
            let (container, end) = failed.min_by_key(|(_, end)| end.at)?;
            end.told(&known.workload.id, container)
        };
        let known = others.filter_map(here).min_by(|a, b| (a.at, &a.workload).cmp(&(b.at, &b.workload)));
        known.or_else(|| self.remembered(candidate))
    }

    /// What people were asked for, unless the manifest is healthy now where it failed: who failed may be gone, and what it
    /// went through is not.
    fn remembered(&self, candidate: &Candidate<'_>) -> Option<Failed> {
        let Some(Asks::Failed(failed)) = candidate.asked else { return None };
        let healthy = self.manifest(candidate).into_iter().flat_map(|manifest| &manifest.healthy);
        let mut healthy = healthy.filter_map(|uid| self.known.get(uid));
        let is_healed = healthy.any(|known| known.workload.id.to_string() == failed.workload);
        (!is_healed).then(|| failed.clone())
    }

    /// Who takes the same manifest first. Nobody is waited for where it is healthy on one already, or whose rollout can't end
    /// before somebody acts.
    #[must_use]
    pub fn first(&self, candidate: &Candidate<'_>, beside: Beside<'_>) -> Option<Waits> {
        let own = &candidate.id.uid;
        let manifest = self.manifest(candidate);
        if manifest.is_some_and(|manifest| manifest.healthy.iter().any(|uid| uid != own)) {
            return None;
        }
        let rolling = manifest.into_iter().flat_map(|manifest| &manifest.rolling);
        let mut rolling = rolling.filter(|(_, uid)| uid != own).filter_map(|(_, uid)| self.known.get(uid));
        let rolling = rolling.find(|known| is_waited_for(known, beside)).map(|known| &known.workload.id);
        let is_it = |entered: &&Entered| {
            entered.id.uid != *own && *entered.of == *candidate.of && entered.digest == *candidate.digest
        };
        let entered = || beside.entered.iter().find(is_it).map(|entered| &entered.id);
        let id = rolling.or_else(entered)?;
        Some(Waits::First { workload: id.to_string(), tag: candidate.tag.clone() })
    }

    /// Those whose updates roll, and are waited for.
    fn under_way<'f>(&'f self, beside: Beside<'f>) -> impl Iterator<Item = &'f WorkloadId> {
        let known = self.rolling.iter().filter_map(|uid| self.known.get(uid));
        known
            .filter(move |known| is_waited_for(known, beside))
            .map(|known| &known.workload.id)
            .chain(beside.entered.iter().map(|entered| &entered.id))
    }

    /// Which of those who wait have room, in their order; the first who does not says why.
    pub fn room<'f>(
        &'f self,
        limits: Limits,
        beside: Beside<'f>,
        waiting: impl Iterator<Item = &'f WorkloadId>,
    ) -> Vec<Option<Bound>> {
        limits.room(self.under_way(beside), waiting)
    }

    /// Why automatic updates are stopped, if they are: `since` is when a person resumed them last.
    #[must_use]
    pub fn stopped(&self, since: Option<DateTime<Utc>>) -> Option<Stopped> {
        Stopped::by(&self.last, since, &[])
    }

    /// The same after a person resumed them. The time of a release that is to come says nothing of what failed since, as the clock
    /// was ahead then: what it names is judged all the same.
    #[must_use]
    pub fn stopped_since(&self, release: &Release, now: DateTime<Utc>) -> Option<Stopped> {
        Stopped::by(&self.last, (release.at <= now).then_some(release.at), &release.failed)
    }

    /// What whoever lets automatic updates go on has judged, newest first: all that failed among the last, and what stopped them.
    #[must_use]
    pub fn judged_with(&self, stopped: &Stopped) -> Vec<Failed> {
        let failed = self.last.iter().filter_map(|ended| ended.end.told(&ended.id, &ended.container));
        let mut all: Vec<Failed> = failed.collect();
        let others = stopped.failed.iter().filter(|one| !all.iter().any(|it| it.is_same(one)));
        let others: Vec<Failed> = others.cloned().collect();
        all.extend(others);
        all
    }

    /// The workload and the container on which an automatic update failed last.
    #[must_use]
    pub fn failed_last(&self) -> Option<(Arc<Workload>, Box<str>)> {
        let failed = self.last.iter().find(|ended| ended.end.failed.is_some())?;
        Some((Arc::clone(&self.known.get(&failed.id.uid)?.workload), failed.container.clone()))
    }
}

fn is_waited_for(known: &Known, beside: Beside<'_>) -> bool {
    !known.waits_for_somebody() && !(beside.stands_still)(&known.workload.id)
}

/// What is known of others where a decision is looked at.
#[derive(Clone, Copy, Debug)]
pub enum Others<'o> {
    /// Nothing.
    Unknown,
    /// This was found.
    Said(Option<&'o Verdict>),
    /// What records say, and what is known of the brake.
    Read(&'o Fleet, Limits, Option<&'o BrakeSeen>),
}

impl Others<'_> {
    /// What they are a reason for.
    #[must_use]
    pub fn verdict(&self, candidate: &Candidate<'_>) -> Option<Verdict> {
        match self {
            Self::Unknown => None,
            Self::Said(verdict) => verdict.cloned(),
            Self::Read(fleet, limits, brake) => {
                let asks = fleet.failed(candidate).map(Asks::Failed);
                let stopped = || brake.and_then(BrakeSeen::on).cloned().map(Asks::Stopped);
                let asks = asks.or_else(stopped).map(Verdict::Asks);
                let full = || {
                    let room = fleet.room(*limits, Beside::NOTHING, std::iter::once(candidate.id));
                    room.first().copied().flatten().map(Waits::Full)
                };
                let waits = || fleet.first(candidate, Beside::NOTHING).or_else(full).map(Verdict::Waits);
                asks.or_else(waits)
            }
        }
    }

    /// Why automatic updates were stopped, where it is not known whether they are.
    #[must_use]
    pub fn was_stopped(&self) -> Option<&Stopped> {
        match self {
            Self::Read(_, _, Some(BrakeSeen::WentOn(stopped))) => Some(stopped),
            Self::Unknown | Self::Said(_) | Self::Read(..) => None,
        }
    }
}
