//! Workloads that are left alone: whose annotations are not understood, or which can't be decided.

use super::{Check, Result};
use crate::domain::owner::Owner;
use crate::domain::settings::{Bounds, Problems, problems};
use crate::domain::workload::Workload;

/// How many workloads are named of one owner.
const MOST_OF_ONE: usize = 5;
/// How many workloads are named of each kind.
const MOST_NAMED: usize = 50;

/// The workloads that are left alone, as their settings are not understood, and those that the service could not decide.
pub(super) fn checks(workloads: &[Workload], bounds: &Bounds) -> Vec<Check> {
    if workloads.is_empty() {
        return Vec::new();
    }
    let hint = "mend the annotations; until then the workload is left alone";
    let wrong: Vec<(&Workload, Problems)> =
        workloads.iter().filter_map(|workload| Some((workload, problems(workload, bounds)?))).collect();
    let mut checks: Vec<Check> = wrong
        .iter()
        .map(|(workload, problems)| Check::but(workload.id.to_string(), Result::Fail, problems.to_string(), hint))
        .collect();
    if wrong.is_empty() {
        let count = workloads.len();
        let all = if count == 1 { "1 workload".to_owned() } else { format!("{count} workloads") };
        checks.push(Check::ok(format!("the settings of {all} are understood")));
    }
    bound(&mut checks, Result::Fail, hint);
    let is_wrong = |workload: &Workload| wrong.iter().any(|(other, _)| other.id == workload.id);
    let mut elsewhere: Vec<Check> =
        workloads.iter().filter(|workload| !is_wrong(workload)).filter_map(elsewhere).collect();
    bound(&mut elsewhere, Result::Warn, ELSEWHERE);
    checks.extend(elsewhere);
    let mut undecided: Vec<Check> =
        workloads.iter().filter(|workload| !is_wrong(workload)).flat_map(undecided).collect();
    bound(&mut undecided, Result::Warn, "image-watcher check -A has all");
    checks.extend(undecided);
    checks.extend(owned(workloads));
    checks
}

/// What to do about a Rollout whose pods another object describes.
const ELSEWHERE: &str = "put its annotations image-watcher/... on the Deployment that its workloadRef names";

/// A workload that carries settings, and describes no pods.
fn elsewhere(workload: &Workload) -> Option<Check> {
    let error = "it describes no pods, so its annotations are about nothing";
    workload.containers.is_empty().then(|| Check::but(workload.id.to_string(), Result::Warn, error, ELSEWHERE))
}

/// What the service wrote on a workload, container by container: why it is left alone.
fn undecided(workload: &Workload) -> Vec<Check> {
    let id = &workload.id;
    let of = |name: &str| {
        let error = workload.state("error", name)?;
        let hint =
            format!("image-watcher explain {}/{} -n {} --container {name}", id.kind.short(), id.name, id.namespace);
        Some(Check::but(format!("{id}, container {name}"), Result::Warn, error, hint))
    };
    workload.containers.iter().filter_map(|container| of(&container.name)).collect()
}

/// Who else writes workloads, and what becomes of an update then: one line an owner. Two releases of one name in two namespaces
/// are two owners; an application spans namespaces.
fn owned(workloads: &[Workload]) -> Vec<Check> {
    let mut owners: Vec<((&Owner, &str), Vec<&Workload>)> = Vec::new();
    for workload in workloads {
        let Some(owner) = workload.owner.as_deref() else { continue };
        let namespace = if owner.is_of_one_namespace() { &*workload.id.namespace } else { "" };
        match owners.iter_mut().find(|(known, _)| *known == (owner, namespace)) {
            Some((_, owned)) => owned.push(workload),
            None => owners.push(((owner, namespace), vec![workload])),
        }
    }
    let line = |((owner, _), owned): ((&Owner, &str), Vec<&Workload>)| {
        let ids: Vec<String> = owned.iter().take(MOST_OF_ONE).map(|workload| workload.id.to_string()).collect();
        let others = owned.len().saturating_sub(MOST_OF_ONE);
        let others = if others == 0 { String::new() } else { format!(" and {others} more") };
        Check::set(format!("{}{others}: owned by {}", ids.join(", "), owner.warning()))
    };
    let more = owners.len().saturating_sub(MOST_NAMED);
    let mut checks: Vec<Check> = owners.into_iter().take(MOST_NAMED).map(line).collect();
    checks.extend((more > 0).then(|| Check::set(format!("{more} more owners like these"))));
    checks
}

/// Names so many, and counts the others.
fn bound(checks: &mut Vec<Check>, result: Result, hint: &str) {
    if let Some(more) = checks.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        checks.truncate(MOST_NAMED);
        checks.push(Check::but("other workloads", result, format!("{more} more like these"), hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    fn owned_by(owner: Option<Owner>, namespace: &str) -> Workload {
        let mut owned = workload(&[("web", "web:1.0.0")], &[]);
        owned.id.namespace = namespace.into();
        Workload { owner: owner.map(Box::new), ..owned }
    }

    #[test]
    fn two_releases_of_one_name_are_two_owners_and_an_application_is_one() {
        let release: fn() -> Option<Owner> = || {
            let label = |name: &str| (name == "app.kubernetes.io/managed-by").then_some("Helm");
            Owner::read(label, |name: &str| name.starts_with("meta.helm.sh/").then_some("d"))
        };
        let application: fn() -> Option<Owner> =
            || Owner::read(|name| (name == "argocd.argoproj.io/instance").then_some("d"), |_| None);
        let lines =
            |owner: fn() -> Option<Owner>| owned(&["h3", "hs"].map(|namespace| owned_by(owner(), namespace))).len();
        assert_eq!((lines(release), lines(application)), (2, 1));
    }
}
