//! What we may do, asked right by right (`SelfSubjectAccessReview`, as `kubectl auth can-i` does).
//!
//! A right that could not be asked for is taken to be there: a refusal of the real request then says what is so, and has
//! the rights asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::api::{Api, PostParams};
use tokio::sync::{Notify, mpsc, watch};

use super::apply::{Failed, within};
use super::discovery::installed;
use super::index::{Hints, Index};
use super::kinds::Row;
use super::scopes::Scope;
use super::verb::Verb;
use crate::domain::workload::{Kind, WorkloadId};
use crate::stop::Stop;
use crate::telemetry::metrics::{Metrics, RightLabels};

/// Rights that are missing are asked for again after this time.
const ROUND: Duration = Duration::from_secs(15);
/// All rights are asked for again every so many rounds, and sooner after a refusal.
const ROUNDS: u32 = 20;
/// Refusals that come in numbers have the rights asked for once.
const PAUSE: Duration = Duration::from_secs(3);
/// Questions at once.
const SIDE_BY_SIDE: usize = 4;

/// What it is done to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// Workloads of a kind.
    Workloads(Kind),
    /// The runs of `CronJobs`.
    Jobs,
    /// `events.k8s.io` Events.
    Events,
    /// Pods, of what is followed.
    Pods,
    /// One Secret, by its name.
    Secret(Box<str>),
    /// All service accounts.
    ServiceAccounts,
    /// The Lease by which replicas agree, by its name.
    Lease(Box<str>),
    /// Questions whose token it is.
    TokenReviews,
    /// Questions what somebody may do.
    SubjectAccessReviews,
}

impl Object {
    fn group(&self) -> &'static str {
        match self {
            Self::Workloads(kind) => kind.group(),
            Self::Jobs => "batch",
            Self::Events => "events.k8s.io",
            Self::Secret(_) | Self::ServiceAccounts | Self::Pods => "",
            Self::Lease(_) => "coordination.k8s.io",
            Self::TokenReviews => "authentication.k8s.io",
            Self::SubjectAccessReviews => "authorization.k8s.io",
        }
    }

    fn resource(&self) -> &'static str {
        match self {
            Self::Workloads(kind) => kind.plural(),
            Self::Jobs => "jobs",
            Self::Events => "events",
            Self::Pods => "pods",
            Self::Secret(_) => "secrets",
            Self::ServiceAccounts => "serviceaccounts",
            Self::Lease(_) => "leases",
            Self::TokenReviews => "tokenreviews",
            Self::SubjectAccessReviews => "subjectaccessreviews",
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "the Secret {name}"),
            Self::Lease(name) => write!(f, "the Lease {name}"),
            other => f.write_str(other.resource()),
        }
    }
}

/// One right: a verb on an object, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Right {
    /// The namespace; `None` is all of them.
    pub namespace: Option<Box<str>>,
    /// On what.
    pub object: Object,
    /// What.
    pub verb: Verb,
}

impl Right {
    /// What to look at because of this right: what may be written now.
    fn opens(&self, index: &Index) -> Hints {
        match (&self.object, self.verb) {
            (Object::Workloads(kind), Verb::Patch) => {
                index.repositories_in(&Scope { namespace: self.namespace.clone(), kind: *kind })
            }
            _ => Hints::new(),
        }
    }
}

/// What is needed in each watched namespace, or in all of them: what each of these kinds needs, how runs of a `CronJob`
/// ended, Events, and to watch pods.
fn all_needed(kinds: &[Kind]) -> Vec<Right> {
    let workloads = kinds.iter().map(|kind| Row::of(*kind)).flat_map(|row| {
        row.verbs.iter().map(|verb| Right { namespace: None, object: Object::Workloads(row.kind), verb: *verb })
    });
    let jobs = Right { namespace: None, object: Object::Jobs, verb: Verb::List };
    let events = Right { namespace: None, object: Object::Events, verb: Verb::Create };
    let pods = [Verb::List, Verb::Watch].map(|verb| Right { namespace: None, object: Object::Pods, verb });
    workloads.chain([jobs, events]).chain(pods).collect()
}

/// What is needed in each watched namespace, or in all of them: API group, resource and verb. What is delivered grants these and no
/// more.
#[must_use]
pub fn rights_in_a_namespace() -> Vec<(&'static str, &'static str, &'static str)> {
    let all = all_needed(&Kind::ALL);
    all.iter().map(|right| (right.object.group(), right.object.resource(), right.verb.as_str())).collect()
}

/// What is done with the Lease: it is made, read and written.
pub const OF_THE_LEASE: [Verb; 3] = [Verb::Create, Verb::Get, Verb::Update];

/// What is needed in the service's own namespace where the queue is one that several replicas share: API group, resource and verb. All
/// but to make it is needed of that Lease alone, whatever it is called.
#[must_use]
pub fn rights_in_its_own_namespace() -> Vec<(&'static str, &'static str, &'static str)> {
    let lease = Object::Lease(Box::default());
    OF_THE_LEASE.map(|verb| (lease.group(), lease.resource(), verb.as_str())).to_vec()
}

/// Whether a right is there: `None` when the API server did not say.
pub type Granted = Option<bool>;

/// Asks for one right.
pub(super) async fn may(client: &kube::Client, right: &Right, metrics: &Metrics) -> Granted {
    let name = match &right.object {
        Object::Secret(name) => Some(name.to_string()),
        // What is not there yet has no name that a Role could tell.
        Object::Lease(name) if right.verb != Verb::Create => Some(name.to_string()),
        Object::Workloads(_)
        | Object::Jobs
        | Object::Events
        | Object::Pods
        | Object::ServiceAccounts
        | Object::Lease(_)
        | Object::TokenReviews
        | Object::SubjectAccessReviews => None,
    };
    let attributes = ResourceAttributes {
        group: Some(right.object.group().to_owned()),
        resource: Some(right.object.resource().to_owned()),
        verb: Some(right.verb.as_str().to_owned()),
        namespace: right.namespace.as_deref().map(str::to_owned),
        name,
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    match within(metrics, "review", api.create(&PostParams::default(), &review)).await {
        Ok(answer) => answer.status.and_then(|status| granted(&status)),
        Err(Failed::Status(status)) => {
            tracing::debug!(?right, code = status.code, "it can't be asked whether we have this right");
            None
        }
        Err(Failed::NoAnswer(error)) => {
            tracing::debug!(?right, %error, "it can't be asked whether we have this right");
            None
        }
    }
}

/// As whom the API server knows us.
pub(super) async fn user(client: &kube::Client, metrics: &Metrics) -> Option<String> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = within(metrics, "review", api.create(&PostParams::default(), &SelfSubjectReview::default())).await;
    review.ok()?.status?.user_info?.username.filter(|name| !name.is_empty())
}

/// A «no» beside something that could not be evaluated is none.
pub(super) fn granted(status: &SubjectAccessReviewStatus) -> Granted {
    let is_known = status.allowed || status.evaluation_error.as_deref().is_none_or(str::is_empty);
    is_known.then_some(status.allowed)
}

/// Asks for all that is needed in these namespaces; none named is all of them. What is granted everywhere is not asked
/// for namespace by namespace.
pub(super) async fn needed(
    client: &kube::Client,
    namespaces: &[String],
    metrics: &Metrics,
) -> BTreeMap<Right, Granted> {
    let kinds = installed(client, Kind::ALL, metrics).await;
    let everywhere = asked(client, all_needed(&kinds), metrics).await;
    if namespaces.is_empty() {
        return everywhere;
    }
    let mut all = BTreeMap::new();
    let mut open = Vec::new();
    for namespace in namespaces {
        for (wide, granted) in &everywhere {
            let right = Right { namespace: Some(namespace.as_str().into()), ..wide.clone() };
            if *granted == Some(true) {
                all.insert(right, *granted);
            } else {
                open.push(right);
            }
        }
    }
    all.extend(asked(client, open, metrics).await);
    all
}

async fn asked(client: &kube::Client, rights: Vec<Right>, metrics: &Metrics) -> BTreeMap<Right, Granted> {
    let ask = |right: Right| async move {
        let granted = may(client, &right, metrics).await;
        (right, granted)
    };
    futures_util::stream::iter(rights).map(ask).buffer_unordered(SIDE_BY_SIDE).collect().await
}

/// What comes of it where pods may not be watched.
pub const NO_PODS: &str =
    "that new pods can't start is seen when the workload's own deadline has passed, and a StatefulSet has none";

/// What is missing of rights, in words: `patch deployments, statefulsets; create events`.
#[must_use]
pub fn words<'r>(rights: impl IntoIterator<Item = &'r Right>) -> String {
    let mut objects: BTreeMap<&Object, BTreeSet<Verb>> = BTreeMap::new();
    for right in rights {
        objects.entry(&right.object).or_default().insert(right.verb);
    }
    // Objects with the same verbs are told together.
    let mut by_verbs: Vec<(BTreeSet<Verb>, Vec<String>)> = Vec::new();
    for (object, verbs) in objects {
        match by_verbs.iter_mut().find(|(known, _)| *known == verbs) {
            Some((_, objects)) => objects.push(object.to_string()),
            None => by_verbs.push((verbs, vec![object.to_string()])),
        }
    }
    let phrase = |(verbs, objects): &(BTreeSet<Verb>, Vec<String>)| {
        let verbs: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
        format!("{} {}", verbs.join(", "), objects.join(", "))
    };
    by_verbs.iter().map(phrase).collect::<Vec<_>>().join("; ")
}

/// What is known of our rights. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Rights(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: RwLock<BTreeMap<Right, Standing>>,
    doubted: Notify,
    /// Whether they were asked for once.
    first: watch::Sender<bool>,
}

/// What is known of one right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Granted,
    /// It was there, and one round says that it is not: the next one decides.
    Doubtful,
    Missing,
}

/// What changed between two times of asking.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Rights that were missing and are there.
    gained: Vec<Right>,
    /// Rights that are missing and were there, or were never asked for.
    lost: Vec<Right>,
}

impl Rights {
    /// Whether a workload may be written, as far as is known.
    #[must_use]
    pub fn may_patch(&self, id: &WorkloadId) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let right =
            |namespace: Option<Box<str>>| Right { namespace, object: Object::Workloads(id.kind), verb: Verb::Patch };
        let standing = known.get(&right(Some(id.namespace.clone()))).or_else(|| known.get(&right(None)));
        standing != Some(&Standing::Missing)
    }

    /// Something was refused: the rights are asked for again.
    pub(super) fn doubt(&self) {
        self.0.doubted.notify_one();
    }

    /// Takes what the API server answered; what it did not say stays as it was.
    fn learn(&self, answers: BTreeMap<Right, Granted>) -> Changed {
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Changed::default();
        for (right, granted) in answers {
            let Some(granted) = granted else { continue };
            let before = known.get(&right).copied();
            let after = match (before, granted) {
                (_, true) => Standing::Granted,
                (Some(Standing::Granted), false) => Standing::Doubtful,
                (None | Some(Standing::Doubtful | Standing::Missing), false) => Standing::Missing,
            };
            known.insert(right.clone(), after);
            match (before, after) {
                (Some(Standing::Missing), Standing::Granted) => changed.gained.push(right),
                (None | Some(Standing::Doubtful), Standing::Missing) => changed.lost.push(right),
                _ => {}
            }
        }
        changed
    }

    /// Asks for all rights at the start, every few minutes and after a refusal, and for missing ones more often. What may
    /// be written since is looked at.
    pub(super) async fn keep_asking(
        &self,
        client: &kube::Client,
        namespaces: &[String],
        metrics: &Metrics,
        index: &Index,
        hints: mpsc::Sender<Hints>,
        mut stop: Stop,
    ) {
        for round in 0_u32.. {
            let doubted = round > 0
                && tokio::select! {
                    () = stop.raised() => return,
                    doubted = self.next_round() => doubted,
                };
            let ask = async {
                if doubted || round.is_multiple_of(ROUNDS) {
                    needed(client, namespaces, metrics).await
                } else {
                    asked(client, self.open(), metrics).await
                }
            };
            let answers = tokio::select! {
                () = stop.raised() => return,
                answers = ask => answers,
            };
            let changed = self.learn(answers);
            self.show(metrics);
            self.0.first.send_replace(true);
            changed.tell();
            let writable: Hints = changed.gained.iter().flat_map(|right| right.opens(index)).collect();
            if !writable.is_empty() && hints.send(writable).await.is_err() {
                return;
            }
        }
    }

    /// Waits until the rights were asked for once; no longer than `patience`, as what is not known is tried.
    pub(super) async fn first_round(&self, patience: Duration) {
        let mut first = self.0.first.subscribe();
        let _ = tokio::time::timeout(patience, first.wait_for(|asked| *asked)).await;
    }

    /// Waits for the next round; `true` when it came early, because something was refused. What is doubtful is settled soon.
    async fn next_round(&self) -> bool {
        tokio::time::sleep(PAUSE).await;
        let round = if self.is_doubtful() { Duration::ZERO } else { ROUND };
        tokio::time::timeout(round, self.0.doubted.notified()).await.is_ok()
    }

    fn is_doubtful(&self) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|standing| *standing == Standing::Doubtful)
    }

    /// The rights that were missing when they were last asked for.
    fn open(&self) -> Vec<Right> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|(_, standing)| **standing != Standing::Granted).map(|(right, _)| right.clone()).collect()
    }

    fn show(&self, metrics: &Metrics) {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        for (right, standing) in known.iter() {
            let labels = RightLabels {
                namespace: right.namespace.as_deref().unwrap_or("*").to_owned(),
                resource: right.object.resource().to_owned(),
                verb: right.verb.as_str().to_owned(),
            };
            metrics.rights.get_or_create(&labels).set(i64::from(*standing != Standing::Missing));
        }
    }
}

impl Changed {
    /// One line a namespace.
    fn tell(&self) {
        for (namespace, rights) in by_namespace(&self.gained) {
            tracing::info!(namespace, rights = words(rights), "the cluster gave us these rights");
        }
        for (namespace, rights) in by_namespace(&self.lost) {
            let lacks = |verbs: &[Verb]| {
                let is_one = |right: &&Right| right.object != Object::Pods && verbs.contains(&right.verb);
                rights.iter().copied().any(|right| is_one(&right))
            };
            let effect = if lacks(&[Verb::List, Verb::Watch]) {
                "what may not be read is left out"
            } else if lacks(&[Verb::Patch]) {
                "people are told of updates without a link, and nothing is applied"
            } else if rights.iter().all(|right| right.object == Object::Pods) {
                NO_PODS
            } else {
                "what needs them is left out"
            };
            tracing::warn!(
                namespace,
                rights = words(rights),
                effect,
                "the cluster does not give us these rights; grant them to the ServiceAccount of this pod, by rbac.scope and rbac.namespaces of the chart or by the Role of deploy/namespace; image-watcher doctor has the command"
            );
        }
    }
}

/// Rights by namespace, `*` for all.
fn by_namespace(rights: &[Right]) -> BTreeMap<&str, Vec<&Right>> {
    let mut all: BTreeMap<&str, Vec<&Right>> = BTreeMap::new();
    for right in rights {
        all.entry(right.namespace.as_deref().unwrap_or("*")).or_default().push(right);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    fn patch(namespace: Option<&str>, kind: Kind) -> Right {
        Right { namespace: namespace.map(Into::into), object: Object::Workloads(kind), verb: Verb::Patch }
    }

    #[test]
    fn what_is_not_known_is_tried() {
        let rights = Rights::default();
        let id = workload(&[], &[]).id;
        assert!(rights.may_patch(&id));
        let no = |right| rights.learn(BTreeMap::from([(right, Some(false))]));
        no(patch(Some("blog"), Kind::Deployment));
        no(patch(Some("shop"), Kind::StatefulSet));
        assert!(rights.may_patch(&id), "another namespace, another kind");
        assert_eq!(no(patch(Some("shop"), Kind::Deployment)).lost, [patch(Some("shop"), Kind::Deployment)]);
        assert!(!rights.may_patch(&id));
        assert_eq!(no(patch(Some("shop"), Kind::Deployment)), Changed::default(), "no news");
        rights.learn(BTreeMap::from([(patch(Some("shop"), Kind::Deployment), None)]));
        assert!(!rights.may_patch(&id), "no answer changes nothing");
        let yes = rights.learn(BTreeMap::from([(patch(Some("shop"), Kind::Deployment), Some(true))]));
        assert_eq!(yes.gained, [patch(Some("shop"), Kind::Deployment)]);
        assert!(rights.may_patch(&id));
    }

    #[test]
    fn a_right_that_was_there_is_lost_when_two_rounds_say_so() {
        let rights = Rights::default();
        let id = workload(&[], &[]).id;
        let right = || patch(Some("shop"), Kind::Deployment);
        let learn = |granted| rights.learn(BTreeMap::from([(right(), granted)]));
        learn(Some(true));
        for interlude in [Some(true), None] {
            assert_eq!(learn(Some(false)), Changed::default(), "one round is not believed");
            assert!(rights.may_patch(&id) && rights.is_doubtful());
            assert_eq!(rights.open(), [right()], "it is asked for again");
            learn(interlude);
            assert!(rights.may_patch(&id));
        }
        assert_eq!(learn(Some(false)).lost, [right()]);
        assert!(!rights.may_patch(&id) && !rights.is_doubtful());
    }

    #[test]
    fn a_no_that_could_not_be_evaluated_is_not_known() {
        let status = |allowed, error: Option<&str>| {
            granted(&SubjectAccessReviewStatus {
                allowed,
                evaluation_error: error.map(str::to_owned),
                ..SubjectAccessReviewStatus::default()
            })
        };
        assert_eq!(status(false, Some("RBAC: clusterrole.rbac.authorization.k8s.io \"x\" not found")), None);
        assert_eq!(status(true, Some("RBAC: no")), Some(true));
        assert_eq!((status(false, None), status(false, Some(""))), (Some(false), Some(false)));
    }

    #[test]
    fn a_right_in_all_namespaces_is_one_in_each() {
        let rights = Rights::default();
        rights.learn(BTreeMap::from([(patch(None, Kind::Deployment), Some(false))]));
        assert!(!rights.may_patch(&workload(&[], &[]).id));
    }

    #[test]
    fn what_is_missing_is_told_in_few_words() {
        let (of_kinds, others) = ("get, list, watch, patch", "list jobs; create events; list, watch pods");
        let all = format!("{of_kinds} deployments, statefulsets, daemonsets, cronjobs, rollouts; {others}");
        assert_eq!(words(&all_needed(&Kind::ALL)), all);
        let few = all_needed(&[Kind::Deployment, Kind::CronJob]);
        assert_eq!(words(&few), format!("{of_kinds} deployments, cronjobs; {others}"));
        assert_eq!(words(&[patch(None, Kind::StatefulSet)]), "patch statefulsets");
        let secret = Right { namespace: None, object: Object::Secret("pull".into()), verb: Verb::Get };
        assert_eq!(words(&[secret]), "get the Secret pull");
    }
}
