//! 6 of 13 · in: WorkloadPatch · out: Workload
//!
//! The only place that speaks to the API server, and that names `kube`. The cluster is read by watch streams into small records
//! of our own; it is written by JSON Patch whose `test` operations hold what a decision was made on.

pub mod annotations;
mod announce;
mod apply;
mod cache;
mod client;
mod connection;
mod discovery;
mod error;
mod field_ownership;
mod fields;
mod index;
pub mod keyring;
mod kinds;
mod kube_cluster;
pub mod lease;
mod managed;
pub mod manifest;
mod namespaces;
mod nodes;
mod observed;
mod obstacle;
mod patch;
mod pods;
mod pull_secret;
mod referrer;
mod refusal;
mod rehearse;
mod rejection;
mod request;
mod review;
mod rights;
mod runs;
mod scopes;
mod sequences;
#[cfg(test)]
mod snapshots;
mod starting;
mod verb;
mod watch;
mod writers;

use std::future::Future;
use std::sync::Arc;

pub use announce::WorkloadEvent;
pub use client::{ClusterConfig, ConnectError, connect, way};
pub use error::ClusterError;
pub use index::{Hints, Index};
pub use kube_cluster::{ClusterSettings, Feeds, KubeCluster, Listing, ServiceCluster};
pub use observed::Marked;
pub use obstacle::{Deletion, Removal};
#[cfg(test)]
pub(crate) use patch::operations;
pub use rejection::{Rejection, RejectionReason};
pub use request::Writer;
pub use rights::{
    Granted, NO_PODS, OF_THE_LEASE, Object, Right, Rights, rights_in_a_namespace, rights_in_its_own_namespace, words,
};
pub use scopes::{Fresh, GRACE, Scope, ScopeState, Scopes};
pub use verb::Verb;

use crate::domain::actor::ClusterUser;
use crate::domain::approval::ApprovalId;
use crate::domain::fleet::{Fleet, Standing};
use crate::domain::group::GroupName;
use crate::domain::owner::ImageOwner;
use crate::domain::preflight::Platform;
use crate::domain::reference::Repository;
use crate::domain::rollout::obstacle::Obstacle;
use crate::domain::rollout::pods::Pod;
use crate::domain::workload::{Workload, WorkloadId, WorkloadPatch};
use crate::registry::Credential;
/// The cluster, as far as a decision and its consequences need it.
pub trait Cluster: Clone + Send + Sync + 'static {
    /// The watched workloads with a container from this repository.
    fn running(&self, repository: &Repository) -> Vec<Arc<Workload>>;

    /// All repositories that watched workloads run.
    fn repositories(&self) -> Vec<Repository>;

    /// The watched workloads of a namespace with a container of this group, in a stable order.
    fn members(&self, _namespace: &str, _group: &GroupName) -> Vec<Arc<Workload>> {
        Vec::new()
    }

    /// A watched workload by its uid.
    fn by_uid(&self, uid: &str) -> Option<Arc<Workload>>;

    /// What an approval may be about: one watched workload, and a bounded number that only claim to be it, in a stable
    /// order.
    fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>>;

    /// Whether any record names an approval.
    fn names(&self, approval: &ApprovalId) -> bool;

    /// The workload that an approval was about, where it is gone, as it was last seen; another may have its name by now.
    fn departed(&self, _approval: &ApprovalId) -> Option<Arc<Workload>> {
        None
    }

    /// Whether the object of this uid stands there and is not watched any more, as its settings were taken off.
    fn is_unwatched(&self, _uid: &str) -> bool {
        false
    }

    /// Whether all that may be read was listed since the start, so that who is not known is not there.
    fn knows_all(&self) -> bool {
        true
    }

    /// Whether what stands in the place of a workload is listed and watched now, so that a workload that is not known is not there.
    fn sees(&self, _id: &WorkloadId) -> bool {
        true
    }

    /// Reads what records say that concerns other workloads.
    fn fleet<T>(&self, read: impl FnOnce(&Fleet) -> T) -> T;

    /// Whether a workload may be written, as far as is known without trying.
    fn may_patch(&self, id: &WorkloadId) -> bool;

    /// Whether nothing is written, whatever may be.
    fn is_dry_run(&self) -> bool {
        false
    }

    /// Whether a person may patch a workload; `None` where that may not be asked, or is not said.
    fn may_person_patch(
        &self,
        _person: &ClusterUser,
        _id: &WorkloadId,
    ) -> impl Future<Output = Result<Option<bool>, ClusterError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Whether a workload that is watched was not for a while, and [`Self::is_watched_again`] was not said since.
    fn was_let_go(&self, _uid: &str) -> bool {
        false
    }

    /// What it came back with is taken over.
    fn is_watched_again(&self, _uid: &str) {}

    /// Executes a patch, and answers the workload as it is after it.
    fn apply(&self, patch: &WorkloadPatch) -> impl Future<Output = Result<Arc<Workload>, ClusterError>> + Send;

    /// Has the API server judge a patch without executing it, and gives what it warns of.
    fn rehearse(&self, patch: &WorkloadPatch) -> impl Future<Output = Result<Vec<String>, ClusterError>> + Send;

    /// What the nodes run; `None` where they may not be read.
    fn platforms(&self) -> impl Future<Output = Option<Arc<[Platform]>>> + Send;

    /// The users that a node would try for a repository with the workload's own pull secrets. Where one of them could not
    /// be read for now, that is not known.
    fn credential(
        &self,
        workload: &Workload,
        repository: &Repository,
    ) -> impl Future<Output = Result<Credential, ClusterError>> + Send;

    /// Who set the image that a container runs, where the cluster knows it. It is asked each time.
    fn who_set(
        &self,
        id: &WorkloadId,
        container: &str,
    ) -> impl Future<Output = Result<Option<ImageOwner>, ClusterError>> + Send;

    /// Who wrote an annotation of ours, named without its prefix, where the cluster knows it. It is asked each time.
    fn who_annotated(
        &self,
        _id: &WorkloadId,
        _name: &str,
    ) -> impl Future<Output = Result<Option<ImageOwner>, ClusterError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Follows the pods of a workload from now on, for as long as this is said again, and answers them as they are;
    /// `None` where they may not be read, or are not known yet. A look is asked for when one of them that runs what was
    /// `written` (images by container) says that it never starts.
    fn pods(&self, _workload: &Workload, _written: &[(&str, &str)]) -> Option<Vec<Pod>> {
        None
    }

    /// Its pods need not be followed any more.
    fn release_pods(&self, _id: &WorkloadId) {}

    /// The last lines that a container wrote before it ended, without what looks like a key; none where they may not be
    /// read.
    fn last_lines(&self, _namespace: &str, _pod: &str, _container: &str) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// What stands in the way of a way back: it runs these images that failed, by container. It is read anew; `suspect` is
    /// the pod that is thought to be it.
    fn obstacle(
        &self,
        _workload: &Workload,
        _failed: &[(&str, &str)],
        _suspect: Option<&str>,
    ) -> impl Future<Output = Result<Option<Obstacle>, ClusterError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Takes over what of a workload concerns others, where that may not be written on it.
    fn stands(&self, _workload: &Arc<Workload>, _standing: Standing) {}

    /// The pods that run these images that failed, by container, and that nothing but people's deletion replaces: `OnDelete`.
    fn left_to_people(
        &self,
        _workload: &Workload,
        _failed: &[(&str, &str)],
    ) -> impl Future<Output = Result<Vec<Box<str>>, ClusterError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Whether the operator lets us delete that.
    fn deletes_broken(&self) -> bool {
        false
    }

    /// Deletes it, if it is still what was read, or asks whether it would be.
    fn remove(
        &self,
        _workload: &Workload,
        _obstacle: &Obstacle,
        _deletion: Deletion,
    ) -> impl Future<Output = Result<Removal, ClusterError>> + Send {
        std::future::ready(Ok(Removal::Forbidden))
    }

    /// Puts an Event on a workload. A failure is counted, and changes nothing.
    fn announce(&self, workload: &Workload, announcement: WorkloadEvent) -> impl Future<Output = ()> + Send;
}
