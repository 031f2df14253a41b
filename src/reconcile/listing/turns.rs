//! In which order the credentials of a repository are used in a look, so that no tenant delays another: each namespace has its
//! turn, however many credentials another has.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::domain::reference::Repository;
use crate::reconcile::Target;

/// So many lists are read in one look for workloads of one namespace; the rest is for looks that follow it.
const MOST_OF_A_NAMESPACE: usize = 16;
/// So many namespaces are remembered that have more. Beyond it all are forgotten, and begin with their first.
const MOST: usize = 1024;

/// A repository, and a namespace whose workloads run it.
type Key = (Box<str>, Box<str>);

/// With which of its credentials a namespace begins, by repository.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(Mutex<HashMap<Key, usize>>);

/// Groups of those who share a credential: those of this look in turns, and those that have to wait for another.
#[derive(Default)]
pub(crate) struct InTurns {
    pub(crate) now: Vec<Vec<Target>>,
    pub(crate) later: Vec<Vec<Target>>,
}

impl Beginnings {
    /// The first of each namespace, then the second of each, and so on.
    pub(crate) fn in_turns(&self, repository: &Repository, groups: Vec<Vec<Target>>) -> InTurns {
        let mut namespaces: BTreeMap<Box<str>, Vec<Vec<Target>>> = BTreeMap::new();
        for group in groups {
            let namespace = group.first().map(|first| first.workload.id.namespace.clone()).unwrap_or_default();
            namespaces.entry(namespace).or_default().push(group);
        }
        let mut turns = InTurns::default();
        let mut rounds: Vec<Vec<Vec<Target>>> = Vec::new();
        for (namespace, mut groups) in namespaces {
            let begin = self.begin(repository, &namespace, groups.len());
            groups.rotate_left(begin);
            turns.later.extend(groups.split_off(groups.len().min(MOST_OF_A_NAMESPACE)));
            for (round, group) in groups.into_iter().enumerate() {
                match rounds.get_mut(round) {
                    Some(others) => others.push(group),
                    None => rounds.push(vec![group]),
                }
            }
        }
        turns.now = rounds.into_iter().flatten().collect();
        turns
    }

    /// Where a namespace with so many begins, which is where its last look ended.
    fn begin(&self, repository: &Repository, namespace: &str, many: usize) -> usize {
        if many <= MOST_OF_A_NAMESPACE {
            return 0;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (repository.as_str().into(), namespace.into());
        if all.len() >= MOST && !all.contains_key(&key) {
            all.clear();
        }
        let next = all.entry(key).or_default();
        let begin = *next % many;
        *next = (begin + MOST_OF_A_NAMESPACE) % many;
        begin
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::workload::tests::workload;

    fn group(namespace: &str, number: usize) -> Vec<Target> {
        let mut workload = workload(&[("web", "a.example/web:1.0.0")], &[]);
        (workload.id.namespace, workload.id.name) = (namespace.into(), format!("{namespace}-{number}").into());
        vec![Target::unasked(Arc::new(workload), "web", Repository::parse("a.example/web").unwrap())]
    }

    fn names(groups: &[Vec<Target>]) -> Vec<&str> {
        groups.iter().map(|group| &*group[0].workload.id.name).collect()
    }

    #[test]
    fn no_namespace_waits_behind_all_the_credentials_of_another_and_each_of_them_has_its_turn() {
        let (beginnings, web) = (Beginnings::default(), Repository::parse("a.example/web").unwrap());
        let all = || (0..200).map(|n| group("many", n)).chain([group("shop", 0), group("shop", 1)]).collect();
        let mut seen = std::collections::BTreeSet::new();
        for look in 0..13 {
            let turns = beginnings.in_turns(&web, all());
            let now = names(&turns.now);
            assert_eq!((now[1], now[3]), ("shop-0", "shop-1"), "look {look}");
            assert_eq!((now.len(), turns.later.len()), (MOST_OF_A_NAMESPACE + 2, 200 - MOST_OF_A_NAMESPACE));
            seen.extend(now.into_iter().map(str::to_owned));
        }
        assert_eq!(seen.len(), 202, "thirteen looks are enough for all");
        let few = beginnings.in_turns(&web, vec![group("b", 0), group("b", 1), group("a", 0)]);
        assert_eq!((names(&few.now), few.later.len()), (vec!["a-0", "b-0", "b-1"], 0));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (beginnings, web) = (Beginnings::default(), Repository::parse("a.example/web").unwrap());
        for n in 0..=MOST {
            beginnings.begin(&web, &n.to_string(), MOST_OF_A_NAMESPACE + 1);
        }
        assert_eq!(beginnings.0.lock().unwrap().len(), 1);
    }
}
