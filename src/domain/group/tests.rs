use proptest::prelude::*;

use super::*;
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::{Level, Version};
use crate::domain::workload::tests::workload;

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn candidates(running: &str, newer: &[&str]) -> Candidates {
    Candidates { running: tag(running), newer: newer.iter().map(|it| tag(it)).collect() }
}

/// What all go to, by member; `-` for one that is there.
fn found(all: &[Candidates]) -> String {
    match common(all) {
        Common::Nothing => "nothing".into(),
        Common::To(to) => to.iter().map(|it| it.map_or("-", Tag::as_str)).collect::<Vec<_>>().join(" "),
        Common::Lacking { newest, without } => format!("{newest} lacks {without:?}"),
        Common::Incomparable(place) => format!("incomparable {place}"),
    }
}

#[test]
fn whom_people_call_so_is_found_again() {
    let id = |kind, name: &str| WorkloadId { namespace: "shop".into(), kind, name: name.into(), uid: "1".into() };
    for kind in Kind::ALL {
        for (name, container) in [("web", "web"), ("web.v1", "nginx"), ("llm", "volume.model")] {
            let called = called(&id(kind, name), container);
            assert_eq!(member_called(&called), Some((kind, name, container)), "{called}");
        }
    }
    for nobody in ["", "web", "deploy/web (", "deploy/web (nginx", "pigeon/web"] {
        assert_eq!(member_called(nobody), None, "{nobody}");
    }
}

#[test]
fn the_newest_that_all_have_is_found_whatever_it_is_called() {
    let cases: [(&[Candidates], &str); 12] = [
        (&[], "nothing"),
        (&[candidates("1.0.0", &[]), candidates("1.0.0", &[])], "nothing"),
        (&[candidates("1.0.0", &["1.2.0", "1.1.0"]), candidates("1.0.0", &["1.1.0"])], "1.1.0 1.1.0"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("v1.0.0", &["v1.1.0"])], "1.1.0 v1.1.0"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("1.0.0-alpine", &["1.1.0-alpine"])], "1.1.0 1.1.0-alpine"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("1.1.0", &[])], "1.1.0 -"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("1.1.0", &["1.2.0"])], "1.1.0 -"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("1.2.0", &[])], "1.1.0 lacks [1]"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("1.0", &["1.1"])], "1.1.0 lacks [1]"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("1.0.0", &["1.1.0-rc.1"])], "1.1.0 lacks [1]"),
        (&[candidates("1.0.0", &["1.1.0"]), candidates("latest", &[])], "incomparable 1"),
        (&[candidates("1.0.0-r1", &["1.0.0-r2"]), candidates("1.0.0", &[])], "1.0.0-r2 -"),
    ];
    for (all, expected) in cases {
        assert_eq!(found(all), expected, "{all:?}");
    }
}

fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        "v?[12]\\.[0-3]\\.[0-2]",
        "[12]\\.[0-3]\\.[0-2]-alpine",
        "[12]\\.[0-3]\\.[0-2]-rc[12]",
        "(2024010[1-3]|latest|main)"
    ]
}

fn member() -> impl Strategy<Value = Candidates> {
    (version(), proptest::collection::vec(version(), 0..6)).prop_map(|(running, mut newer)| {
        let order = |one: &str, other: &str| match (Version::read(one), Version::read(other)) {
            (Some(one), Some(other)) => one.compare(&other),
            _ => std::cmp::Ordering::Less,
        };
        newer.retain(|it| order(it, &running).is_gt());
        newer.sort_by(|one, other| order(other, one).then_with(|| one.cmp(other)));
        Candidates { running: tag(&running), newer: newer.iter().map(|it| tag(it)).collect() }
    })
}

fn is_same(one: &Tag, other: &Tag) -> bool {
    let read = |tag| Version::read(Tag::as_str(tag));
    read(one).zip(read(other)).is_some_and(|(one, other)| one.is_same_release(&other))
}

fn has(member: &Candidates, release: &Tag) -> bool {
    is_same(&member.running, release) || member.newer.iter().any(|it| is_same(it, release))
}

proptest! {
    #[test]
    fn what_is_found_is_in_all_and_nothing_newer_is(all in proptest::collection::vec(member(), 1..5)) {
        let newer = || all.iter().flat_map(|member| &member.newer);
        match common(&all) {
            Common::To(to) => {
                let release = to.iter().flatten().next();
                prop_assert!(release.is_some(), "somebody moves");
                let release: &Tag = release.unwrap();
                prop_assert_eq!(to.len(), all.len());
                for (member, to) in all.iter().zip(&to) {
                    prop_assert!(has(member, release), "never one that a member lacks");
                    let goes = to.is_none_or(|to| is_same(to, release) && member.newer.contains(to));
                    prop_assert!(goes && (to.is_some() || is_same(&member.running, release)));
                }
                let is_newer = |it: &&Tag| {
                    let (it, release) = (Version::read(it.as_str()), Version::read(release.as_str()));
                    it.zip(release).is_some_and(|(it, release)| it.compare_release(&release).is_gt())
                };
                for other in newer().filter(is_newer) {
                    prop_assert!(!all.iter().all(|member| has(member, other)), "{other} is newer, and all have it");
                }
            }
            Common::Lacking { without, .. } => {
                prop_assert!(!without.is_empty());
                for it in newer() {
                    prop_assert!(!all.iter().all(|member| has(member, it)), "all have {it}");
                }
            }
            Common::Nothing => prop_assert_eq!(newer().count(), 0),
            Common::Incomparable(place) => prop_assert!(Version::read(all[place].running.as_str()).is_none()),
        }
    }

    #[test]
    fn one_more_that_a_member_may_go_to_never_leads_to_an_older_one(
        all in proptest::collection::vec(member(), 1..4), more in version(), place in 0_usize..4,
    ) {
        let release = |all: &[Candidates]| match common(all) {
            Common::To(to) => to.into_iter().flatten().next().cloned(),
            _ => None,
        };
        let before = release(&all);
        let mut after = all.clone();
        let place = place % after.len();
        let is_newer = Version::read(after[place].running.as_str()).zip(Version::read(&more));
        prop_assume!(is_newer.is_some_and(|(ours, it)| it.compare(&ours).is_gt()));
        after[place].newer.insert(0, tag(&more));
        if let Some(before) = before {
            let read = |tag: &Tag| Version::read(tag.as_str()).map(|it| it.to_string());
            let after = release(&after);
            prop_assert!(after.is_some(), "there was {before}");
            let (before, after) = (read(&before).unwrap(), read(&after.unwrap()).unwrap());
            let (before, after) = (Version::read(&before).unwrap(), Version::read(&after).unwrap());
            prop_assert!(after.compare_release(&before).is_ge());
        }
    }

    // Whatever becomes of the members in whatever order: never two versions are written at once, a failure takes all back
    // that were written, and it comes to an end.
    #[test]
    fn a_plan_is_carried_out_in_order_or_taken_back(fates in proptest::collection::vec(0_u8..7, 1..8), goes_back in any::<bool>()) {
        let plan = plan(fates.len(), goes_back);
        let mut stands = vec![Stands::Waits; fates.len()];
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 100, "it ends");
            match plan.next(&stands) {
                Next::Write(place) => {
                    prop_assert_eq!(stands[place], Stands::Waits);
                    let earlier = &stands[..place];
                    let is_done = |it: &Stands| matches!(it, Stands::Healthy | Stands::Arrived | Stands::Gone);
                    prop_assert!(earlier.iter().all(is_done), "{stands:?}");
                    prop_assert!(stands[place..].iter().all(|it| matches!(it, Stands::Waits | Stands::Gone | Stands::Arrived)));
                    stands[place] = if fates[place] == 4 { Stands::Refused } else { Stands::UnderWay };
                }
                Next::Wait(place) => {
                    prop_assert_eq!(stands[place], Stands::UnderWay);
                    stands[place] = match fates[place] {
                        0 | 1 => Stands::Healthy,
                        2 if goes_back => Stands::Back,
                        2 | 6 => Stands::Failed,
                        3 => Stands::Gone,
                        _ => Stands::Elsewhere,
                    };
                }
                Next::Back { all, failed } => {
                    prop_assert!(matches!(stands[failed], Stands::Back | Stands::Failed | Stands::Refused));
                    for place in all {
                        stands[place] = if fates[place] == 1 { Stands::Stays } else { Stands::Back };
                    }
                }
                Next::Stopped(failed) => {
                    let stays = goes_back && stands[failed] == Stands::Failed && !stands.contains(&Stands::Back);
                    prop_assert!(stays || !goes_back && matches!(stands[failed], Stands::Failed | Stands::Refused));
                    break;
                }
                Next::Over => break,
            }
        }
        if stands.contains(&Stands::Back) {
            prop_assert!(!stands.iter().any(|it| matches!(it, Stands::Healthy | Stands::UnderWay)), "all or none: {stands:?}");
        }
    }
}

/// A plan of so many members, from 1.0.0 to 1.1.0.
pub(crate) fn plan(members: usize, goes_back: bool) -> Plan {
    let one = |n: usize| {
        let id = workload(&[], &[]).id;
        let id = WorkloadId { uid: format!("uid-{n}").into(), name: format!("m{n}").into(), ..id };
        Move {
            workload: id,
            container: "web".into(),
            with: Vec::new(),
            from: "web:1.0.0".into(),
            from_digest: None,
            tag: tag("1.1.0"),
            digest: Digest::of(b"new"),
            level: Level::Minor,
        }
    };
    Plan { name: "shop".parse().unwrap(), id: "p1".into(), goes_back, moves: (0..members).map(one).collect() }
}

#[test]
fn what_is_bound_of_a_plan_is_every_field_of_every_move() {
    let first = plan(3, true);
    let changes: [fn(&mut Plan); 9] = [
        |plan| plan.name = "other".parse().unwrap(),
        |plan| plan.moves.swap(0, 1),
        |plan| drop(plan.moves.pop()),
        |plan| plan.moves[2].workload.uid = "uid-9".into(),
        |plan| plan.moves[2].container = "log".into(),
        |plan| plan.moves[2].with = vec!["log".into()],
        |plan| plan.moves[2].from = "web:1.0.1".into(),
        |plan| plan.moves[2].tag = tag("1.1.1"),
        |plan| plan.moves[2].digest = Digest::of(b"other"),
    ];
    for change in changes {
        let mut other = first.clone();
        change(&mut other);
        assert!(other.binding() != first.binding() && !other.is_same(&first), "{other:?}");
    }
    let again = Plan { id: "p2".into(), ..first.clone() };
    assert!(again.binding() == first.binding() && again.is_same(&first), "made at another time");
    let stored = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), first);
}

#[test]
fn what_is_bound_can_not_be_told_in_another_way() {
    let first = plan(1, true);
    let of = |change: &dyn Fn(&mut Move)| {
        let mut plan = first.clone();
        change(&mut plan.moves[0]);
        plan.binding()
    };
    let known = of(&|it| it.from_digest = Some(Digest::of(b"old")));
    assert_ne!(known, first.binding(), "what ran");
    let moved = of(&|it| (it.container, it.from) = ("we".into(), "bweb:1.0.0".into()));
    assert_ne!(moved, first.binding(), "where a field ends");
    let two = plan(2, true);
    let it = &two.moves[1];
    let (id, level) = (&it.workload, it.level.as_str());
    let fields = [&*id.uid, id.kind.signed(), &*id.namespace, &*id.name, &*it.container, &*it.from, ""];
    let fields = fields.into_iter().chain([it.tag.as_str(), it.digest.as_str(), level]);
    let as_one = of(&|it| it.with = fields.clone().map(Into::into).collect());
    assert_ne!(as_one, two.binding(), "where a move ends");
}

#[test]
fn what_comes_next_is_what_the_members_came_to() {
    use Stands::{Arrived, Back, BackWith, Elsewhere, Failed, Gone, Healthy, Refused, Stays, UnderWay, Waits};
    let back = |all: &[usize], failed| Next::Back { all: all.into(), failed };
    for (stands, goes_back, stays) in [
        (&[Waits, Waits][..], Next::Write(0), Next::Write(0)),
        (&[Gone, Healthy, Arrived, Waits], Next::Write(3), Next::Write(3)),
        (&[Healthy, UnderWay, Waits], Next::Wait(1), Next::Wait(1)),
        (&[Healthy, Arrived, Gone], Next::Over, Next::Over),
        (&[UnderWay, Waits, Elsewhere], Next::Over, Next::Over),
        (&[Healthy, UnderWay, Failed, Waits], back(&[0, 1], 2), Next::Stopped(2)),
        (&[Healthy, Refused, Waits], back(&[0], 1), Next::Stopped(1)),
        (&[Failed, Waits], Next::Stopped(0), Next::Stopped(0)),
        (&[Stays, Failed, Waits], Next::Stopped(1), Next::Stopped(1)),
        (&[Stays, Back, Waits], Next::Over, Next::Over),
        (&[Healthy, BackWith, Back], back(&[0], 2), back(&[0], 2)),
        (&[Healthy, BackWith, Gone], back(&[0], 1), back(&[0], 1)),
        (&[Refused, Waits], Next::Over, Next::Stopped(0)),
        (&[Failed, Healthy, Back], back(&[1], 2), back(&[1], 2)),
        (&[Back, Back, Waits], Next::Over, Next::Over),
    ] {
        let next = |goes_back| plan(stands.len(), goes_back).next(stands);
        assert_eq!((next(true), next(false)), (goes_back, stays), "{stands:?}");
    }
}

#[test]
fn why_a_group_waits_says_whom_it_is_told_and_whether_that_closes_a_question() {
    let (version, at) = (tag("1.1.0"), chrono::DateTime::UNIX_EPOCH);
    let member = || "deploy/web".to_owned();
    let passed = Waits::Passed { member: member(), version: version.clone(), why: "it would not start".into() };
    let told = |waits: &Waits| {
        let marks = [(waits.is_trouble(), "trouble"), (waits.is_told_by_first(), "first"), (waits.closes(), "closes")];
        let marks: Vec<&str> = marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).collect();
        format!("{} [{}] {waits}", waits.word(), marks.join(" "))
    };
    for (waits, expected) in [
        (Waits::TooMany, "too_many [trouble] it has more than 20 containers; make smaller groups of them"),
        (Waits::Settings(member()), "invalid_setting [trouble] the settings of deploy/web are not understood"),
        (Waits::Disabled(member()), "disabled [trouble] the mode of deploy/web is DISABLED"),
        (Waits::NotWritable(member()), "not_writable [trouble] deploy/web may not be patched"),
        (Waits::UnderWay(member()), "rolling_out [] an update of deploy/web is under way"),
        (Waits::Undecided(member(), "no list".into()), "undecided [trouble] deploy/web can't be decided: no list"),
        (
            Waits::Incomparable(member()),
            "incomparable [trouble] what deploy/web runs is no version that can be compared",
        ),
        (
            Waits::Lacking { version: version.clone(), without: vec![member(), "deploy/api".into()] },
            "lacking [first closes] 1.1.0 is not there for deploy/web, deploy/api, or their settings don't take it",
        ),
        (passed, "passed_over [first closes] 1.1.0 of deploy/web: it would not start"),
        (Waits::Held(member(), version.clone()), "held [closes] deploy/web holds 1.1.0"),
        (
            Waits::Failed(member(), version),
            "failed [trouble closes] 1.1.0 failed on deploy/web, and nothing goes back by itself",
        ),
        (
            Waits::Refused(member(), at),
            "refused [closes] the API server refuses to write deploy/web; it is tried again 1 Jan 1970 00:00 UTC",
        ),
        (
            Waits::Window(member(), at),
            "window [closes] image-watcher/window of deploy/web is closed, and opens 1 Jan 1970 00:00 UTC",
        ),
        (Waits::Paused(member()), "paused [trouble] the rollouts of deploy/web are paused"),
        (Waits::Notes(member()), "notes [] the release notes of deploy/web can't be read yet"),
    ] {
        assert_eq!(told(&waits), expected);
    }
}

#[test]
fn who_moves_is_told_by_workload_and_container() {
    let mut it = plan(1, true).moves.remove(0);
    it.with = vec!["log".into()];
    assert_eq!(it.containers().collect::<Vec<_>>(), ["web", "log"]);
    assert!(it.is_of("uid-0", "web") && !it.is_of("uid-0", "log") && !it.is_of("uid-1", "web"));
    assert_eq!((it.member().as_str(), it.from_tag()), ("deploy/m0 (web)", Some(tag("1.0.0"))));
    it.workload.name = "web".into();
    assert_eq!(it.member(), "deploy/web");
}

#[test]
fn a_name_is_taken_or_refused_with_a_reason() {
    let of = |text: &str| text.parse::<Membership>().map(|it| (it.name.to_string(), it.place));
    assert_eq!(of("shop"), Ok(("shop".into(), None)));
    assert_eq!(of(" shop/2 "), Ok(("shop".into(), Some(2))));
    assert_eq!(of(" shop "), Ok(("shop".into(), None)));
    assert_eq!(of(&"a".repeat(63)), Ok(("a".repeat(63), None)));
    assert_eq!(of("Shop Ä"), Err(GroupError::Letter('S')), "the first of them");
    assert_eq!(of("a-1/0"), Ok(("a-1".into(), Some(0))));
    let long = "a".repeat(64);
    for (text, reason) in [
        ("", GroupError::Empty),
        ("/2", GroupError::Empty),
        (&long, GroupError::TooLong(64)),
        ("Shop", GroupError::Letter('S')),
        ("shop front", GroupError::Letter(' ')),
        ("shöp", GroupError::Letter('ö')),
        ("-shop", GroupError::Edge),
        ("shop-", GroupError::Edge),
        ("shop/", GroupError::Place),
        ("shop/x", GroupError::Place),
        ("shop/+1", GroupError::Place),
        ("shop/1/2", GroupError::Place),
        ("shop/65536", GroupError::Place),
    ] {
        assert_eq!(of(text), Err(reason), "{text:?}");
    }
    assert!(serde_json::from_str::<GroupName>(r#""Shop""#).is_err());
}

#[test]
fn members_are_ordered_by_number_then_kind_and_name() {
    let named = |name: &str, annotations: &[(&str, &str)]| {
        let one = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
        Workload { id: WorkloadId { name: name.into(), ..one.id.clone() }, ..one }
    };
    let all = [
        named("a", &[("group.web", "shop")]),
        named("b", &[("group", "shop"), ("group.log", "other")]),
        named("c", &[("group.log", "shop/7")]),
        named("d", &[("group", "Shop")]),
    ];
    let names: Vec<String> = members(&"shop".parse().unwrap(), &all).iter().map(Member::name).collect();
    assert_eq!(names, ["deploy/c (log)", "deploy/a (web)", "deploy/b (web)"]);
    assert_eq!(named_by(&all[1]).iter().map(GroupName::as_str).collect::<Vec<_>>(), ["other", "shop"]);
}

#[test]
fn a_search_goes_on_with_the_next_version_and_ends() {
    let newer = |all: &[&str]| all.iter().map(|version| tag(version)).collect::<Vec<Tag>>();
    let tags: Vec<String> = (1..10).rev().map(|minor| format!("1.{minor}.0")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let one = Candidates { running: tag("1.0.0"), newer: newer(&tags) };
    let mut search = Search::among(vec![one.clone(), one]);
    for minor in [9, 8, 7, 6, 5] {
        let to = tag(&format!("1.{minor}.0"));
        assert_eq!(search.found(|_| String::new()), Found::To(vec![(0, to.clone()), (1, to.clone())]));
        search.passes(1, &to, "m1".into(), "it is listed, and has no manifest".into());
    }
    let Found::Waits(waits) = search.found(|_| String::new()) else { panic!("it ends") };
    assert_eq!(waits.to_string(), "1.5.0 of m1: it is listed, and has no manifest");
    assert_eq!(Search::among(Vec::new()).found(|_| String::new()), Found::Nothing);
}
