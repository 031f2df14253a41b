//! What is known of pods, by namespace, and who wants to know it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::object::{Object, Owner};
use crate::cluster::index::Hints;
use crate::domain::rollout::pods::{Pod, Sight, Standing, Weight};
use crate::domain::workload::{Container, Kind, Workload};

/// What is followed and not asked about for so long is followed no more: whoever follows asks more often.
const FORGOTTEN: Duration = Duration::from_secs(30 * 60);
/// A watch stays so long after the last that was followed in its namespace, as the next one is often a moment away.
pub(super) const LINGER: Duration = Duration::from_secs(60);
/// The most workloads that are followed at once.
const MOST_FOLLOWED: usize = 10_000;
/// The most pods of a namespace that are remembered. A pod takes some 200 bytes.
const MOST_PODS: usize = 50_000;
/// Among so many pods of a workload another one's images are sought, so that they are held once.
const NEIGHBOURS: usize = 4;

/// The table. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Table(Arc<Shared>);

#[derive(Default)]
struct Shared {
    spaces: Mutex<HashMap<Box<str>, Space>>,
    /// Something is followed in a namespace that is not watched, or watched for nothing.
    changed: Notify,
}

/// A namespace.
#[derive(Default)]
struct Space {
    /// By uid.
    followed: HashMap<Box<str>, Followed>,
    is_watched: bool,
    /// Complete, or nothing is known.
    pods: Option<ByOwner>,
    /// A list that is not complete.
    listing: ByOwner,
}

#[derive(Default)]
struct ByOwner {
    pods: HashMap<Owner, Vec<Pod>>,
    count: usize,
}

/// A workload whose pods are followed.
struct Followed {
    owner: Owner,
    written: Vec<(Box<str>, Box<str>)>,
    /// What is to be looked at when its pods say something.
    hints: Hints,
    /// Until this monotonic time.
    until: Duration,
}

impl Followed {
    /// Whether a pod says that what was written never comes up.
    fn fails_by(&self, pod: &Pod) -> bool {
        let written: Vec<(&str, &str)> = self.written.iter().map(|(name, image)| (&**name, &**image)).collect();
        // Whatever needs a clock to be told is told by the next word of the pod.
        let sight = Sight { ends: self.owner.kind == Kind::CronJob, now: None };
        pod.troubles(sight).any(|trouble| trouble.weight == Weight::Final) && pod.runs(&written)
    }
}

impl ByOwner {
    /// Takes a pod, and answers what it was before.
    fn put(&mut self, owner: &Owner, mut pod: Pod) -> Option<Pod> {
        let pods = self.pods.entry(owner.clone()).or_default();
        if let Some(same) = pods.iter().take(NEIGHBOURS).find(|other| other.images == pod.images) {
            pod.images = Arc::clone(&same.images);
        }
        if let Some(known) = pods.iter_mut().find(|known| known.name == pod.name) {
            return Some(std::mem::replace(known, pod));
        }
        if self.count < MOST_PODS {
            self.count += 1;
            pods.push(pod);
        }
        None
    }

    fn remove(&mut self, owner: &Owner, name: &str) {
        let Some(pods) = self.pods.get_mut(owner) else { return };
        let before = pods.len();
        pods.retain(|pod| *pod.name != *name);
        self.count -= before - pods.len();
        if pods.is_empty() {
            self.pods.remove(owner);
        }
    }

    fn named(&self, owner: &Owner, name: &str) -> Option<&Pod> {
        self.of(owner).iter().find(|pod| *pod.name == *name)
    }

    /// Takes over what pods said before, where that is left out now.
    fn follows(&mut self, before: &Self) {
        let says = |pod: &&mut Pod| matches!(pod.stands, Standing::Troubled(_));
        for (owner, pods) in &mut self.pods {
            for pod in pods.iter_mut().filter(says) {
                if let Some(before) = before.named(owner, &pod.name) {
                    pod.follows(before);
                }
            }
        }
    }

    fn of(&self, owner: &Owner) -> &[Pod] {
        self.pods.get(owner).map_or(&[], Vec::as_slice)
    }
}

impl Table {
    fn write<T>(&self, write: impl FnOnce(&mut HashMap<Box<str>, Space>) -> T) -> T {
        write(&mut self.0.spaces.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn space<T>(&self, namespace: &str, write: impl FnOnce(&mut Space) -> T) -> Option<T> {
        self.write(|spaces| spaces.get_mut(namespace).map(write))
    }

    /// Follows the pods of a workload, and answers them; `None` where they are not known.
    /// `rollout` is the Rollout that makes them, where the workload only describes them.
    pub(super) fn follow(
        &self,
        workload: &Workload,
        rollout: Option<&str>,
        written: &[(&str, &str)],
        now: Duration,
    ) -> Option<Vec<Pod>> {
        let own = || Owner { kind: workload.id.kind, name: workload.id.name.clone() };
        let owner = rollout.map_or_else(own, |name| Owner { kind: Kind::Rollout, name: name.into() });
        let references = workload.containers.iter().filter_map(Container::reference);
        let mut hints: Hints = references.map(|image| image.repository().clone()).collect();
        hints.sort();
        hints.dedup();
        let written = written.iter().map(|(name, image)| ((*name).into(), (*image).into())).collect();
        self.write(|spaces| {
            let others: usize = spaces.values().map(|space| space.followed.len()).sum();
            let space = spaces.entry(workload.id.namespace.clone()).or_default();
            let pods = space.pods.as_ref().map(|pods| pods.of(&owner).to_vec());
            if others < MOST_FOLLOWED || space.followed.contains_key(&workload.id.uid) {
                let followed = Followed { owner, written, hints, until: now + FORGOTTEN };
                space.followed.insert(workload.id.uid.clone(), followed);
            }
            if !space.is_watched {
                self.0.changed.notify_one();
            }
            pods
        })
    }

    /// The pods of a workload, as far as they are known.
    pub(super) fn known(&self, workload: &Workload) -> Vec<Pod> {
        let owner = Owner { kind: workload.id.kind, name: workload.id.name.clone() };
        let pods = |space: &mut Space| Some(space.pods.as_ref()?.of(&owner).to_vec());
        self.space(&workload.id.namespace, pods).flatten().unwrap_or_default()
    }

    /// The pods of a workload are followed no more.
    pub(super) fn release(&self, namespace: &str, uid: &str, now: Duration) {
        self.space(namespace, |space| {
            if let Some(followed) = space.followed.get_mut(uid) {
                followed.until = followed.until.min(now + LINGER);
            }
        });
    }

    /// Waits until something is followed anew.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The namespaces that are to be watched from now on.
    pub(super) fn to_watch(&self) -> Vec<Box<str>> {
        self.write(|spaces| {
            let mut names = Vec::new();
            for (name, space) in spaces.iter_mut().filter(|(_, it)| !it.is_watched && !it.followed.is_empty()) {
                space.is_watched = true;
                names.push(name.clone());
            }
            names
        })
    }

    /// Whether anything is followed in a namespace; what nobody asked about for long is not.
    pub(super) fn is_wanted(&self, namespace: &str, now: Duration) -> bool {
        let wanted = self.space(namespace, |space| {
            space.followed.retain(|_, followed| now < followed.until);
            !space.followed.is_empty()
        });
        wanted.unwrap_or_default()
    }

    /// A namespace is not watched any more: all that was known of it is forgotten.
    pub(super) fn ended(&self, namespace: &str) {
        self.write(|spaces| {
            let Some(space) = spaces.get_mut(namespace) else { return };
            if space.followed.is_empty() {
                spaces.remove(namespace);
            } else {
                // It was wanted again in the last moment.
                *space = Space { followed: std::mem::take(&mut space.followed), ..Space::default() };
                self.0.changed.notify_one();
            }
        });
    }

    /// Nothing is known of the pods of a namespace for now.
    pub(super) fn unknown(&self, namespace: &str) {
        self.space(namespace, |space| (space.pods, space.listing) = (None, ByOwner::default()));
    }

    /// A list begins.
    pub(super) fn begin(&self, namespace: &str) {
        self.space(namespace, |space| space.listing = ByOwner::default());
    }

    /// One pod of a list.
    pub(super) fn list(&self, namespace: &str, object: &Object) {
        if let Some(owner) = object.owner() {
            self.space(namespace, |space| space.listing.put(owner, object.record()));
        }
    }

    /// A list is complete. Answers what is to be looked at: each workload of which a pod says that it never starts.
    pub(super) fn listed(&self, namespace: &str) -> Hints {
        let hints = self.space(namespace, |space| {
            let mut pods = std::mem::take(&mut space.listing);
            if let Some(before) = &space.pods {
                pods.follows(before);
            }
            let fails = |it: &&Followed| pods.of(&it.owner).iter().any(|pod| it.fails_by(pod));
            let hints = space.followed.values().filter(fails).flat_map(|it| it.hints.clone()).collect();
            space.pods = Some(pods);
            hints
        });
        each_once(hints.unwrap_or_default())
    }

    /// A pod that changed. Answers what is to be looked at: a workload for which its word is final and news.
    pub(super) fn observe(&self, namespace: &str, object: &Object) -> Hints {
        let Some(owner) = object.owner() else { return Hints::new() };
        let hints = self.space(namespace, |space| {
            let (mut pod, pods) = (object.record(), space.pods.as_mut()?);
            if let Some(before) = pods.named(owner, object.name()) {
                pod.follows(before);
            }
            let before = pods.put(owner, pod.clone());
            let is_news = |it: &&Followed| {
                it.owner == *owner && it.fails_by(&pod) && !before.as_ref().is_some_and(|before| it.fails_by(before))
            };
            Some(space.followed.values().filter(is_news).flat_map(|it| it.hints.clone()).collect())
        });
        each_once(hints.flatten().unwrap_or_default())
    }

    /// A pod that is gone.
    pub(super) fn remove(&self, namespace: &str, object: &Object) {
        if let Some(owner) = object.owner() {
            self.space(namespace, |space| {
                if let Some(pods) = &mut space.pods {
                    pods.remove(owner, object.name());
                }
            });
        }
    }
}

fn each_once(mut hints: Hints) -> Hints {
    hints.sort();
    hints.dedup();
    hints
}
