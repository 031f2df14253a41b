//! What `check` says of groups, and of all while automatic updates are stopped.

use crate::cli::terminal::Form;
use chrono::TimeDelta;

use crate::ambient::Clock;
use crate::cli::check::Output;
use crate::cli::check::row::State;
use crate::cli::check::snapshots::{Noon, named, recorded, report_beside, report_on};
use crate::cluster::annotations;
use crate::domain::event::Failure;
use crate::domain::fleet::{BrakeSeen, Failed, Fleet, Stopped};
use crate::domain::group::{Move, Plan};
use crate::domain::history::Outcome;
use crate::domain::record::{Event, Running, Undone, Update};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::rollout::{Progress, Rollout};
use crate::domain::tag::Level;
use crate::domain::workload::{Workload, WorkloadId};

const AUTO: (&str, &str) = ("mode", "AUTO_UPDATE");
const ASK: (&str, &str) = ("mode", "NOTIFICATION");

/// A member of the group `shop` of a namespace.
fn member(namespace: &str, name: &str, annotations: &[(&str, &str)]) -> Workload {
    let workload = named(namespace, name, "shop/web:1.2.3", &[annotations, &[("group", "shop")]].concat());
    let id = WorkloadId { uid: format!("{namespace}-{name}").into(), ..workload.id.clone() };
    Workload { id, ..workload }
}

/// A group whose first member was written to 1.3.0 and came to this.
fn in_course(namespace: &str, outcome: Outcome) -> Vec<Workload> {
    let members = ["api", "web"].map(|name| member(namespace, name, &[AUTO]));
    let one = |workload: &Workload| Move {
        workload: workload.id.clone(),
        container: workload.id.name.clone(),
        with: Vec::new(),
        from: "registry.example.com/shop/web:1.2.3".into(),
        from_digest: None,
        tag: Tag::parse("1.3.0").unwrap(),
        digest: Digest::of(b"1.3.0"),
        level: Level::Minor,
    };
    let moves = members.iter().map(one).collect();
    let plan = Plan { name: "shop".parse().unwrap(), id: "p1".into(), goes_back: true, moves };
    let update = Update {
        tag: Tag::parse("1.3.0").unwrap(),
        digest: Digest::of(b"1.3.0"),
        from: "registry.example.com/shop/web:1.2.3".into(),
        at: Noon.now() - TimeDelta::hours(1),
        level: Level::Minor,
        group: Some(Box::new(plan)),
        ..crate::domain::record::tests::update(1, None)
    };
    let [mut first, second] = members;
    first.containers[0].image = format!("registry.example.com/shop/web:1.3.0@{}", Digest::of(b"1.3.0")).into();
    if outcome == Outcome::RollingOut {
        first.rollout = Rollout::Progressing(Progress::default());
    }
    let mut events = vec![Event::Write(Box::new(update))];
    events.extend((outcome != Outcome::RollingOut).then_some(Event::End(outcome, None)));
    vec![recorded(first, events), second]
}

fn groups() -> Vec<Workload> {
    let runs = |tag: &str| {
        let image = ImageReference::parse(&format!("registry.example.com/shop/web:{tag}")).unwrap();
        Running::of(&image).unwrap()
    };
    let back = Event::SetBack { to: runs("1.2.3"), by: vec!["kubectl".into()], owned: false, question: None };
    let mut all = vec![
        member("auto", "api", &[AUTO]),
        member("auto", "web", &[AUTO]),
        member("careful", "api", &[AUTO]),
        member("careful", "web", &[ASK]),
        member("disabled", "api", &[AUTO]),
        member("disabled", "web", &[("mode", "DISABLED")]),
        member("held", "api", &[AUTO]),
        recorded(member("held", "web", &[AUTO]), vec![Event::Runs(runs("2.0.0")), back]),
        member("lacks", "api", &[AUTO]),
        member("lacks", "web", &[AUTO, ("exclude", "2[.]0|1[.]3")]),
        member("misread", "api", &[AUTO]),
        member("misread", "web", &[("mode", "SOMETIMES")]),
        member("one", "api", &[AUTO]),
        Workload { paused: true, ..member("paused", "api", &[AUTO]) },
        member("paused", "web", &[AUTO]),
    ];
    all.extend(in_course("in-course", Outcome::Healthy));
    all.extend(in_course("rolls", Outcome::RollingOut));
    all.extend(in_course("failed", Outcome::Failed));
    all
}

/// What a member's own rollout came to goes before what its group comes to.
#[tokio::test]
async fn a_group_of_which_one_runs_broken_is_not_up_to_date() {
    let mut broken = in_course("failed", Outcome::Failed);
    broken.truncate(1);
    let Workload { containers, .. } = &broken[0];
    let mut other = member("failed", "web", &[AUTO]);
    other.containers[0].image = containers[0].image.clone();
    broken[0].rollout = Rollout::Progressing(Progress::default());
    broken.push(other);
    let newest = |workload: &mut Workload| {
        let mut all = workload.annotations.to_vec();
        all.push(("exclude".into(), "2[.]0".into()));
        all.sort();
        workload.annotations = all.into();
    };
    broken.iter_mut().for_each(newest);
    let report = report_on(broken, None).await;
    assert!(!report.is_quiet(), "{}", report.print(Output::Table, Form::default()));
    let row = report.rows.iter().find(|row| row.name == "api").unwrap();
    assert_eq!((row.state, row.next.starts_with("the rollout of 1.3.0 failed")), (State::Failed, true), "{}", row.next);
}

/// Who went back with it is none that failed.
#[tokio::test]
async fn a_group_that_goes_back_names_who_failed() {
    let [first, second] = <[Workload; 2]>::try_from(in_course("back", Outcome::Healthy)).unwrap();
    let plan = annotations::claimed(&first).known("api").update.as_ref().unwrap().group.clone().unwrap();
    let third = member("back", "worker", &[AUTO]);
    let other = Move { workload: third.id.clone(), container: "worker".into(), ..plan.moves[1].clone() };
    let plan = Plan { moves: plan.moves.iter().cloned().chain([other]).collect(), ..*plan };
    let written = |undoes: Option<&str>| {
        let undone = |reason: &str| Undone {
            tag: Tag::parse("1.3.0").unwrap(),
            digest: Digest::of(b"1.3.0"),
            failure: Some(Failure::new(reason, "it failed")),
            removed: Vec::new(),
            before: None,
            at_once: false,
        };
        Event::Write(Box::new(Update {
            tag: Tag::parse(if undoes.is_some() { "1.2.3" } else { "1.3.0" }).unwrap(),
            digest: Digest::of(if undoes.is_some() { b"1.2.3" } else { b"1.3.0" }),
            from: "registry.example.com/shop/web:1.2.3".into(),
            at: Noon.now() - TimeDelta::hours(1),
            level: Level::Minor,
            group: Some(Box::new(plan.clone())),
            undoes: undoes.map(|reason| Box::new(undone(reason))),
            ..crate::domain::record::tests::update(1, None)
        }))
    };
    let bare = |workload: Workload| Workload {
        containers: workload.containers.clone(),
        ..member("back", &workload.id.name, &[AUTO])
    };
    let all = vec![
        recorded(bare(first), vec![written(None), Event::End(Outcome::Healthy, None)]),
        recorded(second, vec![written(Some(Failure::OF_GROUP))]),
        recorded(third, vec![written(Some("CrashLoopBackOff"))]),
    ];
    let report = report_on(all, None).await;
    let row = report.rows.iter().find(|row| row.name == "api").unwrap();
    assert!(row.next.contains("its group shop goes back, as deploy/worker failed"), "{}", row.next);
}

#[tokio::test]
async fn members_are_decided_on_together_and_each_says_for_whom_it_waits() {
    let report = report_on(groups(), None).await;
    insta::assert_snapshot!(report.print(Output::Table, Form::default()));
}

fn stopped() -> (Stopped, Vec<Workload>) {
    let failed = |name: &str| Failed {
        workload: format!("shop/deploy/{name}"),
        container: "web".into(),
        tag: Tag::parse("1.3.0").unwrap(),
        reason: "CrashLoopBackOff".into(),
        at: Noon.now() - TimeDelta::hours(1),
    };
    let stopped = Stopped { since: Noon.now() - TimeDelta::hours(1), failed: vec![failed("a"), failed("b")] };
    let all = vec![
        member("auto", "api", &[AUTO]),
        member("auto", "web", &[AUTO]),
        member("one", "api", &[AUTO]),
        named("alone", "web", "shop/web:1.2.3", &[AUTO]),
        named("asks", "web", "shop/web:1.2.3", &[ASK]),
    ];
    (stopped, all.into_iter().chain(in_course("in-course", Outcome::Healthy)).collect())
}

#[tokio::test]
async fn while_updates_are_stopped_people_are_asked() {
    let (stopped, all) = stopped();
    let report = report_on(all, Some(BrakeSeen::On(stopped))).await;
    insta::assert_snapshot!(report.print(Output::Table, Form::default()));
}

#[tokio::test]
async fn who_does_not_know_who_resumed_says_what_was() {
    let (stopped, all) = stopped();
    let report = report_on(all, Some(BrakeSeen::WentOn(stopped))).await;
    insta::assert_snapshot!(report.print(Output::Table, Form::default()));
}

#[tokio::test]
async fn who_waits_for_others_says_for_whom() {
    let going = in_course("rolls", Outcome::RollingOut);
    let alone = named("alone", "web", "shop/web:1.2.3", &[AUTO, ("exclude", "2[.]0")]);
    let alone = Workload { id: WorkloadId { uid: "alone".into(), ..alone.id.clone() }, ..alone };
    let waits = ["api", "web"].map(|name| member("waits", name, &[AUTO, ("exclude", "2[.]0")]));
    let all: Vec<Workload> = going.into_iter().chain([alone]).chain(waits).collect();
    let standing = |workload: &Workload| annotations::claimed(workload).standing(workload);
    let fleet = Fleet::of(all.iter().map(|workload| (workload, standing(workload))));
    let report = report_beside(all, fleet, None).await;
    insta::assert_snapshot!(report.print(Output::Table, Form::default()));
}
