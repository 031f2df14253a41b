//! Namespace by namespace: which workloads are watched, which rights are missing, and what does not work without them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::own::Asker;
use super::sign_in::Rights;
use super::{Check, Result, queue};
use crate::ambient::Ambient;
use crate::cluster::{
    ClusterConfig, ClusterError, Granted, Index, KubeCluster, Listing, NO_PODS, Object, Right, Scope, Verb, connect,
    words,
};
use crate::config::Config;
use crate::domain::policy::Mode;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::workload::{Kind, Workload};
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;

/// All that is asked of the cluster.
const DEADLINE: Duration = Duration::from_secs(60);
/// The most pull secrets that are asked for.
const MOST_SECRETS: usize = 50;

/// All that is done to workloads, and to what belongs to them.
const ALL_VERBS: [Verb; 5] = [Verb::Get, Verb::List, Verb::Watch, Verb::Patch, Verb::Create];

/// What was found out about the cluster.
pub(super) struct Found {
    pub(super) listing: Listing,
    pub(super) rights: BTreeMap<Right, Granted>,
    /// Pull secrets of watched workloads, and service accounts that name more of them, that may not be read.
    pub(super) secrets: Vec<Right>,
    /// What stands in the way of a way back and may not be deleted, though the configuration says so.
    pub(super) undeletable: Vec<Right>,
    /// Namespaces of the configuration that are not there.
    pub(super) gone: BTreeSet<String>,
    /// Why Namespaces can't be read, and whether a selector needs them.
    pub(super) namespaces: Option<(ClusterError, bool)>,
    /// Who asked.
    pub(super) asker: Asker,
    /// What may not be done to the Lease of the service's own namespace, where one is needed.
    pub(super) lease: Option<queue::MissingOfLease>,
}

/// What was seen of the cluster.
pub(super) struct Seen {
    /// What is to be said of it.
    pub(super) checks: Vec<Check>,
    /// The watched workloads that could be read.
    pub(super) workloads: Vec<Workload>,
    /// What sign-in may ask.
    pub(super) sign_in: Rights,
}

impl Seen {
    /// There is one thing to say, as nothing was seen.
    fn nothing(error: impl Into<String>) -> Self {
        let hint = "check the kubeconfig, or the pod's service account and its network policy";
        let checks = vec![Check::but("the cluster", Result::Fail, error, hint)];
        Self { checks, workloads: Vec::new(), sign_in: Rights::unknown() }
    }
}

/// Looks at the cluster.
pub(super) async fn checks(config: &Config, cluster: &ClusterConfig, namespaces: &[String], bounds: &Bounds) -> Seen {
    let (kube, own) = match connect(cluster).await {
        Ok((client, own)) => (KubeCluster::new(client, Index::default(), Ambient::system(), Metrics::new()), own),
        Err(error) => return Seen::nothing(chain(&error).to_string()),
    };
    let Ok((found, sign_in)) = tokio::time::timeout(DEADLINE, find(config, (&kube, &own), namespaces, bounds)).await
    else {
        return Seen::nothing(format!("no answer in {} s", DEADLINE.as_secs()));
    };
    // Without any answer about rights there is one thing to say, not one for each namespace.
    if found.rights.values().all(Option::is_none)
        && let Some((_, error)) = found.listing.unread.first()
    {
        return Seen::nothing(chain(error).to_string());
    }
    let named: Vec<Option<&str>> = namespaces.iter().map(|name| Some(name.as_str())).collect();
    let namespaces = if named.is_empty() { vec![None] } else { named };
    let checks = namespaces.into_iter().flat_map(|namespace| found.namespace(namespace, bounds));
    let lease = found.lease.as_ref().map(|missing| queue::of_lease(missing, &found.asker));
    let checks = found.namespaces().into_iter().chain(lease).chain(checks).collect();
    Seen { checks, workloads: found.listing.workloads, sign_in }
}

async fn find(
    config: &Config,
    (kube, own): (&KubeCluster, &str),
    named: &[String],
    bounds: &Bounds,
) -> (Found, Rights) {
    let namespaces = crate::cli::config::inherit(kube, config, None).await;
    let asker = Asker::of(kube.user().await);
    let sign_in = if config.auth.is_some() { Rights::ask(kube, asker.clone()).await } else { Rights::unknown() };
    let rights = kube.rights(named).await;
    let lease = queue::missing_of_lease(config, kube, own).await;
    let listing = kube.list(&Scope::of(named)).await;
    let secrets = unreadable(&listing.workloads, kube, bounds).await;
    let undeletable =
        if config.delete_broken { undeletable(named, &listing.workloads, kube).await } else { Vec::new() };
    // Nothing can be seen in a namespace that is not there, and rights may be missing for that reason alone.
    let mut gone = BTreeSet::new();
    for namespace in named {
        let is_empty = !listing.workloads.iter().any(|workload| *workload.id.namespace == **namespace);
        if is_empty && kube.has_namespace(namespace).await == Some(false) {
            gone.insert(namespace.clone());
        }
    }
    (Found { listing, rights, secrets, undeletable, gone, namespaces, asker, lease }, sign_in)
}

/// What may not be deleted, namespace by namespace: in those that are named, or else in those with workloads that pods or Jobs
/// can stand in the way of.
async fn undeletable(named: &[String], workloads: &[Workload], kube: &KubeCluster) -> Vec<Right> {
    let blocked = workloads.iter().filter(|it| matches!(it.id.kind, Kind::StatefulSet | Kind::CronJob));
    let namespaces: BTreeSet<&str> = if named.is_empty() {
        blocked.map(|workload| &*workload.id.namespace).collect()
    } else {
        named.iter().map(String::as_str).collect()
    };
    let mut missing = Vec::new();
    for namespace in namespaces {
        for object in [Object::Pods, Object::Jobs] {
            let right = Right { namespace: Some(namespace.into()), object, verb: Verb::Delete };
            if kube.may(&right).await == Some(false) {
                missing.push(right);
            }
        }
    }
    missing
}

/// What may not be read of where pull secrets are, for the workloads that ask a registry.
async fn unreadable(workloads: &[Workload], kube: &KubeCluster, bounds: &Bounds) -> Vec<Right> {
    let right =
        |workload: &Workload, object| Right { namespace: Some(workload.id.namespace.clone()), object, verb: Verb::Get };
    let (mut accounts, mut named) = (BTreeMap::new(), BTreeSet::new());
    for workload in workloads.iter().filter(|workload| !is_disabled(workload, bounds)) {
        if workload.service_account.is_some() {
            let account = right(workload, Object::ServiceAccounts);
            if !accounts.contains_key(&account) && accounts.len() < MOST_SECRETS {
                let granted = kube.may(&account).await;
                accounts.insert(account.clone(), granted);
            }
            if accounts.get(&account) != Some(&Some(true)) {
                continue;
            }
        }
        let names = kube.pull_secrets(workload).await.unwrap_or_default();
        named.extend(names.iter().map(|name| right(workload, Object::Secret(name.clone()))));
    }
    let mut missing: Vec<Right> =
        accounts.into_iter().filter(|(_, granted)| *granted == Some(false)).map(|(right, _)| right).collect();
    for right in named.into_iter().take(MOST_SECRETS) {
        if kube.may(&right).await == Some(false) {
            missing.push(right);
        }
    }
    missing
}

fn settings(workload: &Workload, bounds: &Bounds) -> impl Iterator<Item = Settings> {
    workload.containers.iter().filter_map(move |container| Settings::read(workload, &container.name, bounds).ok())
}

fn is_disabled(workload: &Workload, bounds: &Bounds) -> bool {
    let mut all = settings(workload, bounds).peekable();
    all.peek().is_some() && all.all(|settings| settings.is_disabled())
}

impl Found {
    /// What is missing where Namespaces can't be read.
    fn namespaces(&self) -> Option<Check> {
        let (error, is_needed) = self.namespaces.as_ref()?;
        if !*is_needed {
            // Few need that right, so its lack is no news to anybody.
            return Some(Check::set(
                "Namespaces: may not be read, so their annotations image-watcher/... are not; rbac.readNamespaces of the chart or deploy/namespaces allows it",
            ));
        }
        let told = format!("{}, so no selector of namespaces means any", chain(error));
        let remedy = self.asker.everywhere("rbac.readNamespaces: true", "namespaces");
        Some(Check::but("Namespaces", Result::Fail, told, remedy))
    }

    /// What is to be said of one namespace, or of all of them together.
    pub(super) fn namespace(&self, namespace: Option<&str>, bounds: &Bounds) -> Vec<Check> {
        let (name, remedy) = match namespace {
            Some(name) if self.gone.contains(name) => {
                let hint =
                    "make the namespace, or take it out of IMAGE_WATCHER_NAMESPACES, or of namespaces in the file";
                return vec![Check::but(format!("namespace {name}"), Result::Fail, "it does not exist", hint)];
            }
            Some(name) => (
                format!("namespace {name}"),
                self.asker.in_namespace(
                    name,
                    &format!("{name} in rbac.namespaces, or rbac.scope: cluster"),
                    "namespace",
                ),
            ),
            None => (
                "all namespaces".to_owned(),
                format!(
                    "{}; or name the namespaces in IMAGE_WATCHER_NAMESPACES",
                    self.asker.everywhere("rbac.create with rbac.scope: cluster", "cluster")
                ),
            ),
        };
        let here: Vec<&Workload> = {
            let is_here = |workload: &&Workload| namespace.is_none_or(|name| *workload.id.namespace == *name);
            self.listing.workloads.iter().filter(is_here).collect()
        };
        // What can't be seen needs all rights; which of them it lacks besides is no other fault.
        let unseen = self.unseen(namespace);
        if !unseen.is_empty() && unseen == self.kinds(namespace) {
            let all = self.missing(namespace, &ALL_VERBS);
            let error = format!("may not {}: what can't be seen is left out", words(all));
            // Whoever may not see a namespace can't tell whether it is there.
            let doubt =
                namespace.map(|name| format!("; or mend IMAGE_WATCHER_NAMESPACES, if there is no namespace {name}"));
            return vec![Check::but(name, Result::Fail, error, remedy + &doubt.unwrap_or_default())];
        }
        let mut checks = vec![self.watched(namespace, &name, here.len(), &unseen)];
        checks.extend(self.left_out(namespace, &name, &remedy, &unseen));
        let is_seen = |right: &&Right| !matches!(right.object, Object::Workloads(kind) if unseen.contains(&kind));
        let unwritable: Vec<&Right> = self.missing(namespace, &[Verb::Patch]).into_iter().filter(is_seen).collect();
        checks.extend(Self::unwritable(&unwritable, &name, &remedy, &here, bounds));
        checks.extend(self.pods(namespace, &name, &remedy));
        let rest: Vec<&Right> =
            self.missing(namespace, &[Verb::Get, Verb::Create]).into_iter().filter(is_seen).collect();
        if !rest.is_empty() {
            let effect = "a write that failed can't be looked into, and kubectl describe shows nothing of us";
            let error = format!("may not {}: {effect}", words(rest));
            checks.push(Check::but(name.clone(), Result::Warn, error, remedy));
        }
        checks.extend(self.undeletable(namespace, &name));
        checks.extend(self.secrets(namespace, &name));
        checks.extend(self.accounts(namespace, &name));
        checks
    }

    /// The kinds whose rights were asked for in a namespace.
    fn kinds(&self, namespace: Option<&str>) -> BTreeSet<Kind> {
        let kind = |right: &Right| match right.object {
            Object::Workloads(kind) if right.namespace.as_deref() == namespace => Some(kind),
            _ => None,
        };
        self.rights.keys().filter_map(kind).collect()
    }

    /// The kinds that can't be seen in a namespace.
    fn unseen(&self, namespace: Option<&str>) -> BTreeSet<Kind> {
        let kind = |right: &Right| match right.object {
            Object::Workloads(kind) => Some(kind),
            _ => None,
        };
        self.missing(namespace, &[Verb::List, Verb::Watch]).into_iter().filter_map(kind).collect()
    }

    /// What is not seen beside what is.
    fn left_out(
        &self,
        namespace: Option<&str>,
        name: &str,
        remedy: &str,
        unseen: &BTreeSet<Kind>,
    ) -> impl Iterator<Item = Check> {
        let missing = self.missing(namespace, &ALL_VERBS);
        let of_kinds = |right: &&Right| matches!(right.object, Object::Workloads(kind) if unseen.contains(&kind));
        let of_runs = |right: &&Right| right.object == Object::Jobs && !unseen.contains(&Kind::CronJob);
        let kinds: Vec<&Right> = missing.iter().copied().filter(of_kinds).collect();
        let runs: Vec<&Right> = missing.into_iter().filter(of_runs).collect();
        let effects = [(kinds, "these are left out"), (runs, "of a CronJob's runs only those are known that end well")];
        let told = effects.map(|(rights, effect)| {
            let error = format!("may not {}: {effect}", words(rights.iter().copied()));
            (!rights.is_empty()).then(|| Check::but(name, Result::Warn, error, remedy))
        });
        told.into_iter().flatten()
    }

    /// The rights to one of these that were refused in a namespace; those on pods are a matter of their own.
    fn missing(&self, namespace: Option<&str>, verbs: &[Verb]) -> Vec<&Right> {
        let refused = self.refused(namespace).filter(|right| right.object != Object::Pods);
        refused.filter(|right| verbs.contains(&right.verb)).collect()
    }

    fn refused(&self, namespace: Option<&str>) -> impl Iterator<Item = &Right> {
        let here = self.rights.iter().filter(move |(right, _)| right.namespace.as_deref() == namespace);
        here.filter(|(_, granted)| **granted == Some(false)).map(|(right, _)| right)
    }

    /// What comes of it where pods may not be watched.
    fn pods(&self, namespace: Option<&str>, name: &str, remedy: &str) -> Option<Check> {
        let missing: Vec<&Right> = self.refused(namespace).filter(|right| right.object == Object::Pods).collect();
        let error = format!("may not {}: {NO_PODS}", words(missing.iter().copied()));
        (!missing.is_empty()).then(|| Check::but(name, Result::Warn, error, remedy))
    }

    /// What comes of it where what stands in the way of a way back may not be deleted, though the configuration says so.
    fn undeletable(&self, namespace: Option<&str>, name: &str) -> Option<Check> {
        let is_here = |right: &&Right| namespace.is_none_or(|namespace| right.namespace.as_deref() == Some(namespace));
        let missing: Vec<&Right> = self.undeletable.iter().filter(is_here).collect();
        let places: BTreeSet<&str> = missing.iter().filter_map(|right| right.namespace.as_deref()).collect();
        let by =
            |place: &&str| self.asker.in_namespace(place, &format!("{place} in rbac.deleteBroken"), "delete-broken");
        let applied = places.iter().map(by);
        let remedy = applied.collect::<Vec<_>>().join("; ");
        let place =
            if namespace.is_some() { "here".into() } else { format!("in {}", Vec::from_iter(places).join(", ")) };
        let effect = format!("IMAGE_WATCHER_DELETE_BROKEN does nothing {place}, and people are told what to delete");
        let error = format!("may not {}: {effect}", words(missing.iter().copied()));
        (!missing.is_empty()).then(|| Check::but(name, Result::Warn, error, remedy))
    }

    /// What comes of it where workloads may not be written.
    fn unwritable(missing: &[&Right], name: &str, remedy: &str, here: &[&Workload], bounds: &Bounds) -> Option<Check> {
        if missing.is_empty() {
            return None;
        }
        let applies = here.iter().any(|workload| settings(workload, bounds).any(|it| it.mode == Mode::AutoUpdate));
        let (result, effect) = if applies {
            (Result::Fail, "people are told of updates without a link, and AUTO_UPDATE applies nothing")
        } else {
            (Result::Warn, "people are told of updates without a link, and nothing can be approved")
        };
        let error = format!("may not {}: {effect}", words(missing.iter().copied()));
        Some(Check::but(name, result, error, remedy))
    }

    fn watched(&self, namespace: Option<&str>, name: &str, count: usize, unseen: &BTreeSet<Kind>) -> Check {
        let unread =
            |(scope, _): &&(Scope, _)| scope.namespace.as_deref() == namespace && !unseen.contains(&scope.kind);
        match self.listing.unread.iter().find(unread) {
            Some((_, error)) => Check::but(name, Result::Fail, chain(error).to_string(), "look at the API server"),
            None => Check::ok(format!("{name}: workloads are watched, {count} of them")),
        }
    }

    /// One line for all pull secrets of a namespace.
    fn secrets(&self, namespace: Option<&str>, name: &str) -> Option<Check> {
        let is_one = |right: &&Right| is_in(right, namespace) && right.object != Object::ServiceAccounts;
        let named: Vec<String> = self.secrets.iter().filter(is_one).map(|right| right.object.to_string()).collect();
        if named.is_empty() {
            return None;
        }
        let error = format!(
            "may not get {}: the registry is asked as the user that registries of the file names for its host, or as nobody",
            named.join(", ")
        );
        let remedy = format!(
            "grant it to {}: with Helm by the namespace and the names in rbac.pullSecrets; else put the names into \
             deploy/pull-secrets/role.yaml and that account into its rolebinding.yaml, and apply both in that namespace",
            self.asker.shown()
        );
        Some(Check::but(name, Result::Warn, error, remedy))
    }
    /// What comes of it where service accounts may not be looked at.
    fn accounts(&self, namespace: Option<&str>, name: &str) -> Option<Check> {
        let is_one = |right: &Right| is_in(right, namespace) && right.object == Object::ServiceAccounts;
        self.secrets.iter().any(is_one).then(|| {
            Check::set(format!(
                "{name}: which imagePullSecrets its ServiceAccounts have may not be looked at, so for pods that name \
                 none the user is asked as that registries of the file names for the host, or nobody; rbac.pullSecrets of the chart or deploy/pull-secrets allows it"
            ))
        })
    }
}

fn is_in(right: &Right, namespace: Option<&str>) -> bool {
    namespace.is_none() || right.namespace.as_deref() == namespace
}
