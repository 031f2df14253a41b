//! Registry by registry: whether the service could look at what is watched there.

use std::collections::{BTreeMap, BTreeSet};

use super::own::Pod;
use super::service::{Fault, Service};
use super::{Check, Result};
use crate::domain::reference::Repository;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::workload::Workload;
use crate::queue::Trouble;

/// How many registries are told one by one.
const MOST_NAMED: usize = 50;

/// The repositories that are watched, by registry.
type Hosts = BTreeMap<String, BTreeSet<Repository>>;

/// Everything that is watched, by registry.
pub(super) fn hosts(workloads: &[Workload], bounds: &Bounds) -> Hosts {
    let mut hosts = Hosts::new();
    for workload in workloads {
        for container in &workload.containers {
            let settings = Settings::read(workload, &container.name, bounds);
            let Some(image) = container.reference() else { continue };
            if settings.is_ok_and(|settings| !settings.is_disabled()) {
                let repository = image.repository();
                hosts.entry(repository.host().to_owned()).or_default().insert(repository.clone());
            }
        }
    }
    hosts
}

pub(super) fn checks(hosts: &Hosts, service: Option<&Service>, pod: &Pod) -> Vec<Check> {
    let failing = service.map(Service::failing).unwrap_or_default();
    let troubles: BTreeMap<&str, &Trouble> =
        failing.iter().filter_map(|trouble| Some((trouble.host.as_deref()?, trouble))).collect();
    let all: BTreeSet<&str> = hosts.keys().map(String::as_str).chain(troubles.keys().copied()).collect();
    let count = |host: &str| hosts.get(host).map_or(0, BTreeSet::len) as u64;
    let mut checks: Vec<Check> =
        all.iter().map(|host| of_host(host, count(host), troubles.get(host).copied(), (service, pod))).collect();
    checks.sort_by_key(|check| check.result != Result::Fail);
    let more = checks.split_off(checks.len().min(MOST_NAMED));
    if let Some(failed) = Some(more.iter().filter(|check| check.result == Result::Fail).count()).filter(|n| *n > 0) {
        checks.push(Check::but("other registries", Result::Fail, format!("{failed} more like these"), "see above"));
    }
    if let Some(left_alone) = service.map(|service| service.condition.registries_left_alone).filter(|count| *count > 0)
    {
        let error = format!(
            "{left_alone} of their hosts gave no answer several times in a row, and are left alone for up to ten minutes"
        );
        let hint = "look whether they answer, and whether the way to them is open: proxy, network policy, certificate";
        checks.push(Check::but("registries", Result::Warn, error, hint));
    }
    checks
}

fn of_host(host: &str, count: u64, trouble: Option<&Trouble>, (service, pod): (Option<&Service>, &Pod)) -> Check {
    let repositories = if count == 1 { "1 repository".to_owned() } else { format!("{count} repositories") };
    let Some(service) = service else {
        return Check::set(format!("{host}: {repositories}; the service was not asked"));
    };
    let fault = service.faults.get(host).copied();
    let Some(trouble) = trouble.filter(|trouble| trouble.retried + trouble.dead > 0) else {
        if let Some(fault) = fault {
            let error = format!("{}; {repositories}", what(fault));
            return Check::but(host, Result::Warn, error, hint(host, Some(fault), pod));
        }
        return if service.answered.contains(host) {
            Check::ok(format!("{host}: it answers; {repositories}"))
        } else {
            Check::set(format!("{host}: {repositories}; no usable answer of it since the service was started"))
        };
    };
    let failed = trouble.retried + trouble.dead;
    let all = count.max(failed);
    let is_fault_of_all = fault == Some(Fault::Untrusted);
    let result = if failed * 2 >= all || is_fault_of_all { Result::Fail } else { Result::Warn };
    let reason = trouble.last.reason.as_deref().unwrap_or("the reason is not known");
    let error =
        format!("{failed} of {all} repositories can't be looked at; the last, {}: {reason}", trouble.last.about);
    Check::but(host, result, error, hint(host, fault, pod))
}

fn what(fault: Fault) -> &'static str {
    match fault {
        Fault::Refused => "the last question was refused: it wants another credential",
        Fault::Untrusted => "its certificate is not trusted",
    }
}

/// What is to be done: neither a password nor a certificate mends itself.
fn hint(host: &str, fault: Option<Fault>, pod: &Pod) -> String {
    let says = format!("to see what it says now: {}", pod.run("check -A"));
    match fault {
        None => format!("once it answers again this passes by itself; {says}"),
        Some(Fault::Refused) => format!(
            "put the new password where the old one is: the file of registries that has a user for {host}, which is read again \
             within ten seconds, or the pull secret of the workload; {says}"
        ),
        Some(Fault::Untrusted) => {
            format!("renew the certificate of {host}, or name the authority that signed it; {says}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::service::tests::said;
    use super::*;

    fn of(count: usize) -> Hosts {
        let repository = |n: usize| Repository::parse(&format!("registry.example.com/{n}")).unwrap();
        Hosts::from([("registry.example.com".into(), (0..count).map(repository).collect())])
    }

    #[test]
    fn a_registry_that_hangs_fails_and_its_last_words_are_told() {
        let failing = |retried: u64| {
            json!([{
                "topic": "look", "host": "registry.example.com", "retried": retried, "suspect": 0, "dead": 0,
                "last": {"about": "registry.example.com/7", "at": "2026-01-01T00:00:00Z", "reason": "no answer in 15 s"},
            }])
        };
        for (retried, expected) in [(60, Result::Fail), (30, Result::Fail), (1, Result::Warn)] {
            let checks = checks(&of(60), Some(&said(&failing(retried), &json!({}))), &Pod::documented());
            let error = checks[0].error.clone().unwrap_or_default();
            assert_eq!(checks[0].result, expected, "{checks:?}");
            assert!(error.starts_with(&format!("{retried} of 60 ")) && error.ends_with("no answer in 15 s"), "{error}");
        }
        let unseen = checks(&Hosts::new(), Some(&said(&failing(60), &json!({}))), &Pod::documented());
        assert_eq!(unseen[0].result, Result::Fail, "whoever may not list workloads is told as well");
    }

    #[test]
    fn nothing_that_no_waiting_mends_passes_by_itself() {
        let failing = json!([{
            "topic": "look", "host": "registry.example.com", "retried": 1, "suspect": 0, "dead": 0,
            "last": {"about": "registry.example.com/7", "at": "2026-01-01T00:00:00Z", "reason": "it refuses"},
        }]);
        for fault in [Fault::Refused, Fault::Untrusted] {
            for failing in [&failing, &json!([])] {
                let mut service = said(failing, &json!({}));
                service.answered.insert("registry.example.com".into());
                service.faults.insert("registry.example.com".into(), fault);
                let told = &checks(&of(17), Some(&service), &Pod::documented())[0];
                assert!(matches!(told.result, Result::Warn | Result::Fail), "{told:?}");
                assert!(told.hint.as_ref().is_some_and(|hint| !hint.contains("by itself")), "{told:?}");
            }
        }
    }

    #[test]
    fn ok_is_said_of_registries_that_answered_alone() {
        let mut service = said(&json!([]), &json!({}));
        assert_eq!(checks(&of(2), Some(&service), &Pod::documented())[0].result, Result::Set);
        assert_eq!(checks(&of(2), None, &Pod::documented())[0].result, Result::Set);
        service.answered.insert("registry.example.com".into());
        assert_eq!(checks(&of(2), Some(&service), &Pod::documented())[0].result, Result::Ok);
        service.condition.registries_left_alone = 1;
        assert!(checks(&of(2), Some(&service), &Pod::documented()).iter().any(|check| check.result == Result::Warn));
    }
}
