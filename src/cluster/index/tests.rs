//! What the index answers after what the streams say; and what the tests of its parts share.

use super::*;
use crate::domain::approval::LinkKey;
use crate::domain::history::Outcome;
use crate::domain::record::sealed::seal;
use crate::domain::record::tests::{question, update};
use crate::domain::record::{Event, Record};
use crate::domain::rollout::Waits;
use crate::domain::workload::tests::workload;

pub(super) fn repository(name: &str) -> Repository {
    Repository::parse(name).unwrap()
}

pub(super) fn scope(kind: Kind, namespace: Option<&str>) -> Scope {
    Scope { namespace: namespace.map(Into::into), kind }
}

pub(super) fn at(mut workload: Workload, version: u64) -> Workload {
    workload.resource_version = version;
    workload
}

/// The annotation of a record after these events of the container `web`.
pub(super) fn record(sequence: u64, events: Vec<Event>) -> String {
    let mut record = Record::default();
    record.sequence = sequence;
    for event in events {
        record.on("web", event, chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    }
    let id = workload(&[("web", "web:1.0.0")], &[]).id;
    seal(&record, &id, &LinkKey::new(vec![1; 32]).unwrap()).unwrap().0
}

pub(super) fn asks(n: u8) -> Event {
    Event::Ask(Box::new(question(n)))
}

#[test]
fn who_is_not_watched_any_more_is_remembered_within_bounds() {
    let index = Index::default();
    assert!(!index.was_let_go("uid"));
    index.let_go("uid");
    assert!(index.was_let_go("uid"));
    index.is_watched_again("uid");
    assert!(!index.was_let_go("uid"));
    for n in 0..=MOST_LET_GO {
        index.let_go(&n.to_string());
    }
    assert_eq!(index.read(|tables| tables.let_go.len()), MOST_LET_GO);
}

#[test]
fn a_workload_is_found_by_what_it_runs_now() {
    let index = Index::default();
    let first = at(workload(&[("web", "acme/web:1.0.0")], &[("mode", "NOTIFICATION")]), 1);
    assert_eq!(index.observe(&first.id.clone(), Some(first.clone())), [repository("acme/web")]);
    assert_eq!(index.running(&repository("acme/web")).len(), 1);
    let other = at(workload(&[("web", "acme/site:1.0.0")], &[("mode", "NOTIFICATION")]), 2);
    assert_eq!(index.observe(&other.id.clone(), Some(other)), [repository("acme/site")]);
    assert!(!index.knows(&repository("acme/web")) && index.knows(&repository("acme/site")));
    assert!(index.observe(&first.id, None).is_empty());
    assert!(index.repositories().is_empty());
}

/// The others of its groups, which wait for it, run other images: nothing else would have them looked at.
#[test]
fn who_leaves_a_group_however_has_its_other_members_looked_at() {
    let index = Index::default();
    let member = |name: &str, image: &str, settings: &[(&str, &str)], version| {
        let mut member = at(workload(&[("web", image)], settings), version);
        (member.id.name, member.id.uid) = (name.into(), format!("uid-{name}").into());
        member
    };
    let of = |group: &'static str| [("mode", "AUTO_UPDATE"), ("group", group)];
    let api = member("api", "acme/api:1.0.0", &of("shop/1"), 1);
    let [web, cron] =
        [("web", "acme/web:1.0.0"), ("cron", "acme/cron:1.0.0")].map(|(n, i)| member(n, i, &of("shop/2"), 1));
    for one in [&api, &web, &cron] {
        index.observe(&one.id, Some(one.clone()));
    }
    let sorted = |mut hints: Hints| {
        hints.sort();
        hints
    };
    let left = member("cron", "acme/cron:1.0.0", &of("other"), 2);
    let expected = ["acme/api", "acme/cron", "acme/web"].map(repository);
    assert_eq!(sorted(index.observe(&cron.id, Some(left))), expected, "by another group in its annotation");
    assert_eq!(index.gone(&web.id), [repository("acme/api")], "by being deleted");
    index.observe(&web.id, Some(at(web.clone(), 3)));
    let rest = vec![at(api.clone(), 4)];
    let hints = index.replace(&scope(api.id.kind, None), Fresh::Changes, rest);
    assert_eq!(sorted(hints), [repository("acme/api")], "by not being in a list any more");
}

#[test]
fn a_workload_is_found_by_its_uid_for_as_long_as_it_is_there() {
    let index = Index::default();
    let first = at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]), 1);
    let mut again = at(first.clone(), 5);
    again.id.uid = "uid-2".into();
    let known = |uid: &str| index.by_uid(uid).map(|found| found.resource_version);
    index.observe(&first.id, Some(first.clone()));
    index.observe(&first.id, Some(at(first.clone(), 2)));
    assert_eq!((known("uid-1"), known("uid-2")), (Some(2), None));
    index.learn(at(first.clone(), 3));
    assert_eq!(known("uid-1"), Some(3), "what was just written is what is found");
    index.observe(&again.id, Some(again.clone()));
    assert_eq!((known("uid-1"), known("uid-2")), (None, Some(5)), "recreated under its name it is another");
    assert_eq!(index.named("shop", Kind::Deployment, "web").map(|found| found.id.clone()), Some(again.id.clone()));
    assert!(index.named("shop", Kind::StatefulSet, "web").is_none());
    index.observe(&again.id, None);
    assert_eq!(known("uid-2"), None);
    index.observe(&first.id.clone(), Some(first));
    index.forget(&scope(Kind::Deployment, None));
    assert_eq!((known("uid-1"), index.read(|tables| tables.by_uid.len())), (None, 0));
}

#[test]
fn a_scope_that_comes_back_is_looked_at() {
    let index = Index::default();
    let (shop, blog) = (scope(Kind::Deployment, Some("shop")), scope(Kind::Deployment, Some("blog")));
    let first = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[("mode", "NOTIFICATION")]);
    index.replace(&shop, Fresh::Unfinished, vec![first.clone()]);
    assert_eq!((index.repositories_in(&shop).len(), index.repositories_in(&blog).len()), (2, 0));
    index.forget(&blog);
    assert_eq!(index.all().len(), 1);
    index.forget(&shop);
    assert!(index.all().is_empty() && index.repositories().is_empty());
    assert_eq!(index.replace(&shop, Fresh::Everything, vec![first]).len(), 2);
}

#[test]
fn a_list_says_what_is_gone_in_its_scope_only() {
    let index = Index::default();
    let first = workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let list = |kind, namespace, fresh, list| index.replace(&scope(kind, namespace), fresh, list);
    let listed = list(Kind::Deployment, None, Fresh::Unfinished, vec![first.clone()]);
    assert!(listed.is_empty(), "at the start nothing is urgent");
    list(Kind::StatefulSet, None, Fresh::Unfinished, Vec::new());
    list(Kind::Deployment, Some("blog"), Fresh::Unfinished, Vec::new());
    assert_eq!(index.all().len(), 1);
    assert!(list(Kind::Deployment, Some("shop"), Fresh::Changes, vec![first.clone()]).is_empty());
    list(Kind::Deployment, Some("shop"), Fresh::Changes, Vec::new());
    assert_eq!(index.all().len(), 0);
    let came = list(Kind::Deployment, Some("shop"), Fresh::Changes, vec![first]);
    assert_eq!(came.len(), 1, "the first of a namespace that was empty is new");
}

#[test]
fn what_runs_say_is_taken_of_the_object_that_was_looked_at() {
    let text = record(1, vec![Event::Write(Box::new(update(1, None)))]);
    let first = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("record", &text)]), 1);
    assert!(updated(&first).is_some());
    let index = Index::default();
    index.observe(&first.id.clone(), Some(first.clone()));
    assert!(index.judged(&at(first.clone(), 2), Rollout::Waiting(Waits::NextRun)).is_empty(), "of another version");
    assert_eq!(index.judged(&first, Rollout::Waiting(Waits::NextRun)).len(), 1);
    assert!(index.judged(&first, Rollout::Waiting(Waits::NextRun)).is_empty(), "no news");
    assert_eq!(updated(&workload(&[("web", "web:1.1.0")], &[])), None);
}

/// As where a tool applies an exported manifest again and again, with our annotations in it.
#[test]
fn an_update_is_followed_though_an_older_record_stands_there_again() {
    let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
    let digest = update(1, None).digest;
    let of = |text: &str, version: u64| {
        let image = format!("registry.example.com/shop/web:1.0.1@{digest}");
        at(workload(&[("web", &image)], &[("mode", "AUTO_UPDATE"), ("record", text)]), version)
    };
    let exported = record(1, Vec::new());
    let written = record(2, vec![Event::Write(Box::new(update(1, None)))]);
    let (first, last) = (of(&written, 1), of(&exported, 2));
    index.observe(&first.id.clone(), Some(first.clone()));
    index.observe(&first.id, Some(last.clone()));
    assert_eq!((updated(&last), index.rolls(&last.id.uid)), (None, updated(&first)));
    assert_eq!(index.judged(&last, Rollout::Waiting(Waits::NextRun)).len(), 1, "what its runs say is looked at");
    let ended = record(3, vec![Event::Write(Box::new(update(1, None))), Event::End(Outcome::Healthy, None)]);
    index.observe(&first.id, Some(of(&ended, 3)));
    assert_eq!(index.rolls(&last.id.uid), None);
    index.observe(&first.id, Some(of(&exported, 4)));
    assert_eq!(index.rolls(&last.id.uid), None, "it has ended, whatever stands there");
}

fn uids(index: &Index) -> Vec<Box<str>> {
    index.ids().into_iter().map(|id| id.uid).collect()
}

#[test]
fn what_was_deleted_while_nobody_looked_is_in_no_list() {
    let index = Index::default();
    let named = |kind, namespace: &str| ObjectName { namespace: namespace.into(), kind, name: "web".into() };
    let (here, other) = (named(Kind::Deployment, "shop"), named(Kind::StatefulSet, "shop"));
    let elsewhere = named(Kind::Deployment, "blog");
    let all = [("uid-1", &here), ("unwatched", &here), ("gone", &here), ("other", &other), ("elsewhere", &elsewhere)];
    let all = all.map(|(uid, name)| (Box::<str>::from(uid), name.clone()));
    index.expect(all.iter().map(|(uid, _)| (uid.clone(), 7)).collect());
    index.expect_there(all);
    let listed = workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]);
    index.is_there(&WorkloadId { uid: "unwatched".into(), ..listed.id.clone() });
    assert!(index.deleted().is_empty(), "no list is complete");
    for _ in 0..2 {
        index.replace(&scope(Kind::Deployment, Some("shop")), Fresh::Everything, vec![listed.clone()]);
        assert_eq!(index.deleted(), ["gone".into()], "of others nothing is known");
    }
    index.noted(&index.deleted());
    index.replace(&scope(Kind::StatefulSet, None), Fresh::Everything, Vec::new());
    assert_eq!(index.deleted(), ["other".into()]);
}

#[test]
fn where_something_else_than_the_newest_record_stands_is_known() {
    let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
    let (older, newer) = (record(1, vec![asks(1)]), record(2, vec![asks(2)]));
    let stands = |version: u64, text: Option<&str>| {
        let annotations: Vec<(&str, &str)> =
            [("mode", "NOTIFICATION")].into_iter().chain(text.map(|it| ("record", it))).collect();
        let workload = at(workload(&[("web", "web:1.0.0")], &annotations), version);
        index.observe(&workload.id.clone(), Some(workload));
        index.set_back().len()
    };
    assert_eq!([stands(1, None), stands(2, Some(&older)), stands(3, Some(&newer))], [0; 3], "nothing newer is known");
    assert_eq!([stands(4, Some(&older)), stands(5, None), stands(6, Some("rubbish"))], [1; 3]);
    assert_eq!([stands(7, Some(&newer)), stands(8, Some(&older))], [0, 1], "it is put right, and set back again");
    let id = workload(&[], &[]).id;
    index.observe(&id, None);
    assert_eq!(index.set_back().len(), 0, "it is not watched");
    assert_eq!(stands(9, Some(&older)), 1, "with its settings an older record came back");
    index.observe(&id, None);
    index.gone(&id);
    assert_eq!(index.deleted(), std::slice::from_ref(&id.uid));
    assert_eq!(stands(10, Some(&older)), 0, "what is deleted never comes back");
    index.noted(&index.deleted());
    let mut again = at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]), 11);
    again.id.uid = "uid-2".into();
    index.observe(&again.id.clone(), Some(again.clone()));
    assert_eq!((index.deleted(), uids(&index)), (vec![id.uid], vec!["uid-2".into()]), "it was made again");
    index.gone(&again.id);
    assert_eq!(index.deleted().len(), 1, "of one without a record there is nothing to forget");
}
