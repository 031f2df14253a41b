//! What workloads are to each other: stories, and what holds whatever happened.

use proptest::prelude::*;

use super::*;
use crate::domain::approval::Token;
use crate::domain::rollout::{Progress, Waits as Awaits};
use crate::domain::workload::tests::workload;

const OF: &str = "registry.example.com/shop/api";

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
}

fn digest(version: u8) -> Digest {
    Digest::of(&[version])
}

fn tag(version: u8) -> Tag {
    Tag::parse(&format!("1.4.{version}")).unwrap()
}

/// The workload of this number, in a namespace of this one.
fn named(number: usize, namespace: usize) -> Workload {
    let mut workload = workload(&[("api", "registry.example.com/shop/api:1.4.0")], &[]);
    workload.id.namespace = format!("shop-{namespace}").into();
    workload.id.name = format!("api-{number}").into();
    workload.id.uid = format!("uid-{number}").into();
    workload.rollout = Rollout::Progressing(Progress::default());
    workload
}

fn one(newest: Option<Newest>, failed: Vec<End>, ends: Vec<End>) -> Standing {
    Standing::from_iter([One {
        container: "api".into(),
        of: OF.into(),
        newest,
        failed: failed.into(),
        ends: ends.into(),
    }])
}

fn rolling(version: u8, since: i64) -> Standing {
    one(Some(Newest::Rolling { digest: digest(version), since: at(since), undoes: false }), vec![], vec![])
}

fn healthy(version: u8) -> Standing {
    one(Some(Newest::Healthy { digest: digest(version) }), vec![], vec![])
}

fn bad(version: u8, minute: i64) -> End {
    let bad = Bad { digest: digest(version), reason: "CrashLoopBackOff".into() };
    End { at: at(minute), tag: tag(version), failed: Some(bad) }
}

fn good(version: u8, minute: i64) -> End {
    End { at: at(minute), tag: tag(version), failed: None }
}

fn failed(version: u8, minute: i64) -> Standing {
    one(None, vec![bad(version, minute)], vec![bad(version, minute)])
}

/// What others are a reason for, for a workload of another number that would go to this version.
fn verdict(fleet: &Fleet, number: usize, version: u8, asked: Option<&Asks>) -> Option<String> {
    said(fleet, number, version, asked, Beside::NOTHING)
}

fn said(fleet: &Fleet, number: usize, version: u8, asked: Option<&Asks>, beside: Beside<'_>) -> Option<String> {
    let (id, tag, digest) = (named(number, 0).id, tag(version), digest(version));
    let candidate = Candidate { id: &id, of: OF, tag: &tag, digest: &digest, asked };
    fleet.verdict(&candidate, beside).map(|verdict| match verdict {
        Verdict::Asks(asks) => asks.to_string(),
        Verdict::Waits(waits) => waits.to_string(),
    })
}

/// What people are told who would take the same.
pub(crate) fn failed_elsewhere() -> Failed {
    bad(2, 3).told(&named(1, 0).id, "api").unwrap()
}

fn fleet(standings: Vec<Standing>) -> Fleet {
    let mut fleet = Fleet::default();
    for (number, standing) in standings.into_iter().enumerate() {
        fleet.put(&Arc::new(named(number, 0)), Some(standing));
    }
    fleet
}

#[test]
fn one_goes_first_and_the_others_when_it_is_healthy() {
    let waits = Some("waits until shop-0/deploy/api-1 is healthy with 1.4.2".to_owned());
    let mut all = fleet(vec![rolling(1, 0), rolling(2, 5), rolling(2, 6)]);
    assert_eq!(verdict(&all, 9, 2, None), waits, "for the one that began first");
    assert_eq!(verdict(&all, 9, 3, None), None, "another version is another matter");
    assert_eq!(verdict(&all, 1, 2, None), Some("waits until shop-0/deploy/api-2 is healthy with 1.4.2".into()));
    all.put(&Arc::new(named(2, 0)), Some(healthy(2)));
    assert_eq!(verdict(&all, 9, 2, None), None, "though the first is not");
    assert_eq!(verdict(&fleet(vec![]), 9, 2, None), None, "who is alone waits for nobody");
    assert_eq!(verdict(&fleet(vec![rolling(2, 5)]), 0, 2, None), None, "nor for itself");
    let elsewhere = Some("waits until shop-0/deploy/api-1 is healthy with 1.4.2".to_owned());
    assert_eq!(
        verdict(&fleet(vec![healthy(2), rolling(2, 5)]), 0, 2, None),
        elsewhere,
        "that it was well here says nothing"
    );
}

#[test]
fn nobody_waits_for_who_waits_for_somebody() {
    let mut all = fleet(vec![rolling(2, 5)]);
    let waits = Some("waits until shop-0/deploy/api-0 is healthy with 1.4.2".to_owned());
    assert_eq!(verdict(&all, 9, 2, None), waits);
    let first = named(0, 0);
    for rollout in [Awaits::OnDelete, Awaits::Partition, Awaits::ZeroReplicas, Awaits::NextRun] {
        all.put(&Arc::new(Workload { rollout: Rollout::Waiting(rollout), ..first.clone() }), None);
        assert_eq!(verdict(&all, 9, 2, None), None, "{rollout:?}");
    }
    all.put(&Arc::new(Workload { paused: true, ..first.clone() }), None);
    assert_eq!(verdict(&all, 9, 2, None), None, "paused");
    all.put(&Arc::new(first), None);
    assert_eq!(verdict(&all, 9, 2, None), waits, "it goes on");
    let still = Beside { entered: &[], stands_still: &|id| *id.name == *"api-0" };
    assert_eq!(said(&all, 9, 2, None, still), None, "it stands still");
    assert!(all.remove("uid-0") && verdict(&all, 9, 2, None).is_none(), "deleted");
}

#[test]
fn who_is_about_to_be_written_is_first_as_well() {
    let all = fleet(vec![]);
    let entered = |number| Entered { id: named(number, 0).id, of: OF.into(), tag: tag(2), digest: digest(2) };
    let other_version = Entered { digest: digest(3), ..entered(2) };
    let other_repository = Entered { of: "registry.example.com/shop/web".into(), ..entered(3) };
    let beside = [other_version, other_repository, entered(4), entered(5)];
    let beside = Beside { entered: &beside, stands_still: &|_| false };
    let waits = |number| Some(format!("waits until shop-0/deploy/api-{number} is healthy with 1.4.2"));
    assert_eq!((said(&all, 9, 2, None, beside), said(&all, 4, 2, None, beside)), (waits(4), waits(5)));
}

#[test]
fn what_failed_on_one_is_a_question_on_all_others_and_stays_one_when_that_one_is_gone() {
    let mut all = fleet(vec![failed(2, 7), failed(2, 3), healthy(2)]);
    let told =
        "1.4.2 failed on shop-0/deploy/api-1 (CrashLoopBackOff), 15 Jan 2027 08:03 UTC, so people are asked first";
    assert_eq!(verdict(&all, 9, 2, None).as_deref(), Some(told), "of two, the first");
    assert_eq!(verdict(&all, 9, 3, None), None);
    let id = named(9, 0).id;
    let (to, manifest) = (tag(2), digest(2));
    let candidate = Candidate { id: &id, of: OF, tag: &to, digest: &manifest, asked: None };
    let asks = all.failed(&candidate).map(Asks::Failed).unwrap();
    let stored = serde_json::to_string(&asks).unwrap();
    assert_eq!(serde_json::from_str::<Asks>(&stored).unwrap(), asks);
    all.remove("uid-0");
    all.remove("uid-1");
    assert_eq!(verdict(&all, 9, 2, None), None);
    assert_eq!(verdict(&all, 9, 2, Some(&asks)).as_deref(), Some(told), "people were asked for it");
    all.put(&Arc::new(named(1, 0)), Some(healthy(2)));
    assert_eq!(verdict(&all, 9, 2, Some(&asks)), None, "it is well where it had failed");
}

#[test]
fn of_all_that_failed_on_one_what_concerns_another_is_told() {
    assert_eq!(verdict(&fleet(vec![failed(2, 7)]), 0, 2, None), None, "what failed here is no news from others");
    let two = fleet(vec![one(None, vec![bad(3, 1), bad(2, 3)], vec![])]);
    let told = |minute| {
        let failed = format!("1.4.2 failed on shop-0/deploy/api-0 (CrashLoopBackOff), 15 Jan 2027 08:0{minute} UTC");
        Some(format!("{failed}, so people are asked first"))
    };
    assert_eq!(verdict(&two, 9, 2, None), told(3), "another version failed before it");
    let container = |container: &str, of: &str, minute| One {
        container: container.into(),
        of: of.into(),
        newest: None,
        failed: [bad(2, minute)].into(),
        ends: [].into(),
    };
    let containers = [container("a", OF, 7), container("b", OF, 5), container("c", "registry.example.com/other", 1)];
    let containers = fleet(vec![Standing::from_iter(containers)]);
    assert_eq!(verdict(&containers, 9, 2, None), told(5), "of two containers the first, and none of another image");
}

#[test]
fn who_looks_once_is_told_what_others_are_a_reason_for() {
    let (id, to, manifest) = (named(9, 0).id, tag(2), digest(2));
    let candidate = Candidate { id: &id, of: OF, tag: &to, digest: &manifest, asked: None };
    let (rolls, limits) =
        (fleet(vec![rolling(1, 0)]), Limits { total: std::num::NonZeroU32::new(1), per_namespace: None });
    let full = limits.total.map(Bound::Total).map(Waits::Full).map(Verdict::Waits);
    assert_eq!(Others::Read(&rolls, limits, None).verdict(&candidate), full);
    assert_eq!(Others::Read(&rolls, Limits::default(), None).verdict(&candidate), None);
    let first = fleet(vec![rolling(2, 0)]);
    let waits = first.verdict(&candidate, Beside::NOTHING);
    assert_eq!(Others::Read(&first, limits, None).verdict(&candidate), waits, "who is first says more than how many");
    assert_eq!(Others::Said(waits.as_ref()).verdict(&candidate), waits);
    assert_eq!(Others::Unknown.verdict(&candidate), None);
}

#[test]
fn a_link_that_resumes_is_its_recipients_alone() {
    use crate::domain::approval::{LinkKey, LinkKeys};
    let keys = LinkKeys::from(LinkKey::new((0..32).collect()).unwrap());
    let of = |ends| fleet(vec![one(None, vec![], ends)]).stopped(None).unwrap();
    let (stopped, others) = (of(vec![bad(2, 5), bad(1, 3)]), of(vec![bad(2, 5), bad(1, 2)]));
    assert_ne!(stopped.id(), others.id(), "other failures are another question");
    assert_eq!(stopped.id().as_str(), "apr_01MCC61RZ01NR11C66HEPRTW3V", "links that were sent name it so");
    let link = Link::of(&stopped);
    assert_eq!(link.expires(), at(5) + crate::domain::approval::LIFETIME);
    let recipients = ["chat:", "email:a@example.com", "email:b@example.com"].map(str::to_owned);
    let token = Token::parse(&link.token(&keys, &recipients[1]).unwrap()).unwrap();
    assert_eq!(link.holder(&token, &keys, &recipients), Some("email:a@example.com"));
    assert_eq!(link.holder(&token, &keys, &recipients[2..]), None);
    assert_eq!(Link::of(&others).holder(&token, &keys, &recipients), None);
    let other_keys = LinkKeys::from(LinkKey::new(vec![9; 32]).unwrap());
    assert_eq!(link.holder(&token, &other_keys, &recipients), None);
}

#[test]
fn two_of_the_last_five_that_failed_stop_all_until_a_person_resumes() {
    let ended = |ends: Vec<Vec<End>>| fleet(ends.into_iter().map(|ends| one(None, vec![], ends)).collect());
    let stopped = |fleet: &Fleet, since| fleet.stopped(since).map(|stopped| stopped.failed.len());
    let mixed = ended(vec![vec![bad(2, 5), good(1, 1)], vec![good(2, 4)], vec![bad(1, 3), good(0, 0)]]);
    assert_eq!(stopped(&mixed, None), Some(2));
    assert_eq!(stopped(&mixed, Some(at(2))), Some(2), "a person resumed before both");
    assert_eq!(stopped(&mixed, Some(at(3))), None, "the first of them was judged by a person");
    let mut once = ended(vec![vec![bad(2, 5)]]);
    assert_eq!(stopped(&once, None), None, "one is not enough");
    once.put(&Arc::new(named(0, 0)), Some(one(None, vec![], vec![bad(2, 5)])));
    assert_eq!(stopped(&once, None), None, "nor one that is read twice");
    let at_once = ended(vec![vec![good(3, 5)], vec![bad(2, 5), good(3, 5), good(4, 5), good(5, 5)], vec![bad(1, 5)]]);
    assert_eq!(stopped(&at_once, None), Some(2), "of those of one moment, what failed counts");
    let (workload, container) = mixed.failed_last().unwrap();
    assert_eq!((&*workload.id.name, &*container), ("api-0", "api"));
    assert!(ended(vec![vec![good(2, 5)]]).failed_last().is_none());
    let later = |minute| vec![good(3, minute)];
    let long_ago = ended(vec![vec![bad(2, 1)], vec![bad(3, 9)], later(5), later(6), later(7), later(8)]);
    assert_eq!(stopped(&long_ago, None), None, "one of them is the sixth");
    let said = mixed.stopped(None).unwrap();
    assert_eq!(
        said.to_string(),
        "automatic updates are stopped everywhere, as 2 of the last 5 failed: 1.4.2 failed on shop-0/deploy/api-0 \
         (CrashLoopBackOff), 15 Jan 2027 08:05 UTC; 1.4.1 failed on shop-0/deploy/api-2 (CrashLoopBackOff), 15 Jan 2027 08:03 \
         UTC"
    );
    assert_eq!((said.id(), said.since), (mixed.stopped(None).unwrap().id(), at(5)));
}

#[test]
fn what_was_the_sixth_is_one_of_five_again_where_two_alike_became_one() {
    let ends = |ends| Some(one(None, vec![], ends));
    let mut kept = Fleet::default();
    kept.put(&Arc::new(named(0, 0)), ends(vec![bad(2, 9), good(3, 7), good(3, 7), good(3, 7), good(4, 6)]));
    kept.put(&Arc::new(named(1, 0)), ends(vec![bad(1, 1)]));
    assert_eq!(kept.stopped(None), None, "the other that failed is the sixth");
    kept.put(&Arc::new(named(0, 0)), ends(vec![bad(2, 9), good(3, 7), good(4, 6)]));
    assert_eq!(kept.stopped(None).map(|stopped| stopped.failed.len()), Some(2));
}

#[test]
fn so_many_roll_at_once_and_who_waits_longer_has_room_first() {
    let number = |number: u32| std::num::NonZeroU32::new(number);
    let mut all = Fleet::default();
    for (index, namespace) in [(0, 0), (1, 0), (2, 1)] {
        all.put(&Arc::new(named(index, namespace)), Some(rolling(2, 0)));
    }
    let room = |limits: Limits, waiting: &[(usize, usize)]| -> Vec<Option<String>> {
        let waiting: Vec<WorkloadId> = waiting.iter().map(|(index, namespace)| named(*index, *namespace).id).collect();
        let room = all.room(limits, Beside::NOTHING, waiting.iter());
        room.into_iter().map(|bound| bound.map(|bound| bound.to_string())).collect()
    };
    let total = Some("no more than 4 updates may roll at once (rollouts.total)".to_owned());
    let here = Some("no more than 2 updates may roll at once in its namespace (rollouts.perNamespace)".to_owned());
    let limits = Limits { total: number(4), per_namespace: number(2) };
    assert_eq!(room(limits, &[(7, 0), (8, 1), (9, 1)]), [here, None, total], "who has no room keeps nobody from it");
    assert_eq!(room(limits, &[(0, 0)]), [None], "one more container of what rolls takes none");
    assert_eq!(room(Limits::default(), &[(7, 0), (8, 1)]), [None, None]);
}

#[test]
fn who_does_not_roll_or_is_not_waited_for_takes_no_room() {
    let mut all = fleet(vec![healthy(2), failed(2, 3)]);
    all.put(&Arc::new(Workload { paused: true, ..named(2, 0) }), Some(rolling(2, 0)));
    let limits = Limits { total: std::num::NonZeroU32::new(1), per_namespace: None };
    let waiting = named(9, 0).id;
    let has_room = |all: &Fleet| all.room(limits, Beside::NOTHING, std::iter::once(&waiting)) == [None];
    assert!(has_room(&all));
    let container = |container: &str, newest| One {
        container: container.into(),
        of: OF.into(),
        newest,
        failed: [].into(),
        ends: [].into(),
    };
    let rolls = Newest::Rolling { digest: digest(2), since: at(0), undoes: false };
    let one_of_two = [container("a", None), container("b", Some(rolls))];
    all.put(&Arc::new(named(3, 0)), Some(Standing::from_iter(one_of_two)));
    assert!(!has_room(&all));
}

/// What may happen to a workload.
fn standing() -> impl Strategy<Value = Standing> {
    let version = 0..3_u8;
    let newest = prop_oneof![
        Just(None),
        (version.clone(), 0..9_i64).prop_map(|(version, since)| Some(Newest::Rolling {
            digest: digest(version),
            since: at(since),
            undoes: false
        })),
        version.clone().prop_map(|version| Some(Newest::Healthy { digest: digest(version) })),
    ];
    let end = (version, 0..40_i64, any::<bool>());
    let ends = proptest::collection::vec(end, 0..7).prop_map(|ends| {
        let end = |(version, minute, is_bad)| if is_bad { bad(version, minute) } else { good(version, minute) };
        ends.into_iter().map(end).collect::<Vec<End>>()
    });
    (newest, ends).prop_map(|(newest, ends)| {
        let failed: Vec<End> = ends.iter().filter(|end| end.failed.is_some()).cloned().collect();
        if newest.is_none() && ends.is_empty() { Standing::default() } else { one(newest, failed, ends) }
    })
}

proptest! {
    /// What the fleet keeps while workloads change, come and go is what it would find if it read all of them now.
    #[test]
    fn what_is_kept_is_what_would_be_read_anew(
        changes in proptest::collection::vec((0..6_usize, proptest::option::of(standing())), 1..40),
        since in proptest::option::of((0..40_i64).prop_map(at)),
    ) {
        let (mut kept, mut now) = (Fleet::default(), std::collections::BTreeMap::new());
        for (number, standing) in changes {
            if let Some(standing) = standing {
                kept.put(&Arc::new(named(number, number % 2)), Some(standing.clone()));
                now.insert(number, standing);
            } else {
                kept.remove(&format!("uid-{number}"));
                now.remove(&number);
            }
        }
        let all: Vec<(Workload, Standing)> =
            now.into_iter().map(|(number, standing)| (named(number, number % 2), standing)).collect();
        let read = Fleet::of(all.iter().map(|(workload, standing)| (workload, standing.clone())));
        prop_assert_eq!(kept.stopped(since), read.stopped(since));
        prop_assert_eq!(kept.last, read.last);
        prop_assert_eq!(kept.rolling, read.rolling);
        prop_assert_eq!(kept.known.len(), read.known.len());
        prop_assert_eq!(kept.manifests.len(), read.manifests.len());
    }

    /// However many come at once, one goes; and once it ended, the others do, or are asked about.
    #[test]
    fn of_many_one_goes_and_none_waits_for_ever(count in 2..20_usize, ends_well in any::<bool>()) {
        let mut fleet = Fleet::default();
        let mut entered: Vec<Entered> = Vec::new();
        for number in 0..count {
            let beside = Beside { entered: &entered, stands_still: &|_| false };
            if said(&fleet, number, 2, None, beside).is_none() {
                entered.push(Entered { id: named(number, 0).id, of: OF.into(), tag: tag(2), digest: digest(2) });
            }
        }
        prop_assert_eq!(entered.len(), 1);
        let end = if ends_well { healthy(2) } else { failed(2, 3) };
        fleet.put(&Arc::new(named(0, 0)), Some(end));
        for number in 1..count {
            let verdict = verdict(&fleet, number, 2, None);
            prop_assert_eq!(verdict.is_none(), ends_well);
        }
    }

    /// Room is never given twice, and never kept back while there is some.
    #[test]
    fn as_many_roll_as_may(
        rolling_now in proptest::collection::vec(0..3_usize, 0..8),
        waiting in proptest::collection::vec(0..3_usize, 0..12),
        total in proptest::option::of(1..6_u32),
        here in proptest::option::of(1..4_u32),
    ) {
        let limits = Limits {
            total: total.and_then(std::num::NonZeroU32::new),
            per_namespace: here.and_then(std::num::NonZeroU32::new),
        };
        let mut fleet = Fleet::default();
        for (number, namespace) in rolling_now.iter().enumerate() {
            fleet.put(&Arc::new(named(number, *namespace)), Some(rolling(2, 0)));
        }
        let ids: Vec<WorkloadId> =
            waiting.iter().enumerate().map(|(number, namespace)| named(100 + number, *namespace).id).collect();
        let room = fleet.room(limits, Beside::NOTHING, ids.iter());
        let mut taken = rolling_now.clone();
        for (namespace, bound) in waiting.iter().zip(&room) {
            let is_full = |limit: Option<u32>, count: usize| limit.is_some_and(|limit| count >= limit as usize);
            let of_it = taken.iter().filter(|other| *other == namespace).count();
            prop_assert_eq!(bound.is_some(), is_full(total, taken.len()) || is_full(here, of_it));
            if bound.is_none() {
                taken.push(*namespace);
            }
        }
    }
}
