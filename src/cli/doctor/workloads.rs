//! Workloads that are left alone: whose annotations are not understood, or which can't be decided.

use super::{Check, Result};
use crate::domain::owner::Owner;
use crate::domain::settings::{Bounds, Problems, problems};
use crate::domain::workload::Workload;

/// How many workloads are named of one owner, or of which the same is said.
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
    // The install is none the worse for it, and whoever may annotate a workload is not to make its test fail.
    let mut checks: Vec<Check> = alike(wrong.iter().map(|(workload, problems)| (*workload, problems.to_string())))
        .into_iter()
        .map(|(ids, problems)| Check::but(ids, Result::Warn, problems, hint))
        .collect();
    if wrong.is_empty() {
        let count = workloads.len();
        let all = if count == 1 { "1 workload".to_owned() } else { format!("{count} workloads") };
        checks.push(Check::ok(format!("the settings of {all} are understood")));
    }
    bound(&mut checks, Result::Warn, hint);
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

/// Of which workloads the same is to be said, in the order in which it was found.
fn alike<'w>(said: impl Iterator<Item = (&'w Workload, String)>) -> Vec<(String, String)> {
    let mut all: Vec<(Vec<&Workload>, String)> = Vec::new();
    for (workload, text) in said {
        match all.iter_mut().find(|(_, known)| *known == text) {
            Some((of, _)) => of.push(workload),
            None => all.push((vec![workload], text)),
        }
    }
    all.into_iter().map(|(of, text)| (named(&of), text)).collect()
}

/// Their names, or those of a few and how many others there are.
fn named(workloads: &[&Workload]) -> String {
    let ids: Vec<String> = workloads.iter().take(MOST_OF_ONE).map(|workload| workload.id.to_string()).collect();
    let others = workloads.len().saturating_sub(MOST_OF_ONE);
    let others = if others == 0 { String::new() } else { format!(" and {others} more") };
    format!("{}{others}", ids.join(", "))
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
        Check::set(format!("{}: owned by {}", named(&owned), owner.warning()))
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

    /// Fault x24-16: whoever may annotate a workload makes no `helm test` fail, nor a hundred lines.
    #[test]
    fn settings_that_are_not_understood_are_a_warning_and_one_line_where_they_are_alike() {
        let of = |name: String, watch: &str| {
            let mut one = workload(&[("web", "web:1.0.0")], &[("strategy", watch)]);
            one.id.name = name.into();
            one
        };
        let mut all: Vec<Workload> = (0..7).map(|n| of(format!("a{n}"), "MINR")).collect();
        all.push(of("b".into(), "PACTH"));
        let checks = checks(&all, &Bounds::default());
        assert_eq!(checks.len(), 2, "{checks:?}");
        assert!(checks.iter().all(|check| check.result == Result::Warn));
        let names = checks[0].description.as_str();
        assert!(names.starts_with("shop/deploy/a0, ") && names.ends_with("shop/deploy/a4 and 2 more"), "{names}");
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
