//! What each outcome means for people: its state, its sentence, and what can be done.

use super::tests::view;
use super::*;
use crate::domain::fleet::Others;
use crate::domain::owner::Owner;
use crate::domain::policy::{Cooldown, KnownSince, Order, Pattern, Selection, Strategy};
use crate::domain::settings::{Bounds, Settings};
use crate::domain::votes::Approvals;
use crate::domain::workload::tests::workload;

#[test]
fn outcomes() {
    use Mode::{AutoUpdate, Disabled, Notification};
    let plain = Policy::of(Strategy::Minor);
    let cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
    let slow = Policy { cooldown: Some(cooldown), ..Policy::of(Strategy::All) };
    let pattern = Selection::new(Pattern::glob("1.*").unwrap(), Order::Alphabetical);
    let pattern = Policy { selection: Some(pattern), ..Policy::of(Strategy::All) };
    let gaps = Policy { missing: vec!["1.4.0".into(), "1.3.1".into()], ..Policy::of(Strategy::Minor) };
    let cases: [(&str, &[&str], &Policy, Option<Mode>); 12] = [
        ("1.2.3", &["1.3.0"], &plain, Some(Notification)),
        ("1.2.3", &["1.3.0"], &plain, Some(AutoUpdate)),
        ("1.2.3", &["1.3.0"], &plain, Some(Disabled)),
        ("1.2.3", &["1.2.4"], &slow, Some(Notification)),
        ("1.2.3", &["1.2.4"], &slow, None),
        ("1.2.3", &["1.4.0", "1.3.1", "1.3.0"], &gaps, None),
        ("1.2.3", &["1.3.0"], &pattern, None),
        ("2.0.0", &["1.3.0"], &pattern, None),
        ("1.2.3", &["2.0.0"], &plain, None),
        ("1.2.3", &["1.2.3"], &plain, None),
        ("latest", &["1.2.3"], &plain, None),
        ("1.2.3", &[], &plain, None),
    ];
    let told = cases.map(|(running, list, policy, mode)| view(running, list, policy, mode, |view| said(&view)));
    let told = told.concat();
    insta::assert_snapshot!(told);
}

fn said(view: &View) -> String {
    assert_eq!(view.level.is_some(), view.to.is_some());
    let actions = if view.actions.is_empty() { "nothing".to_owned() } else { view.actions.join(", ") };
    format!("{} → {}\n  {}\n", view.state.as_str(), actions, view.sentence("web"))
}

fn automatic() -> Settings {
    let workload = workload(&[("web", "web:1.0.0")], &[("mode", "AUTO_UPDATE")]);
    Settings::read(&workload, "web", &Bounds::default()).unwrap()
}

/// The same decision, with what may be known of the container beside it.
#[test]
fn what_is_known() {
    use crate::domain::declared::Kinds;
    use crate::domain::history::Outcome as Ended;
    use crate::domain::record::tests::{question, update};
    use crate::domain::record::{AsksOnly, Event, Record, Refused, WentBack};
    use crate::domain::rollout::{Progress, Rollout, Waits};
    use crate::domain::workload::Workload;

    let asked = question(1);
    let now = asked.asked + chrono::TimeDelta::hours(1);
    let policy = Policy::of(Strategy::All);
    let held = |by: &[&str]| {
        Blocker::Held(Box::new(crate::domain::record::Held {
            tag: asked.terms.tag.clone(),
            digest: None,
            back_to: Tag::parse("1.0.0").unwrap(),
            since: asked.asked,
            by: by.iter().map(|by| (*by).to_owned()).collect(),
            failure: None,
            passed: Vec::new(),
        }))
    };
    let blockers = [
        held(&["kubectl-rollout", "Argo CD application web"]),
        held(&[]),
        Blocker::Refused(Box::new(Refused {
            tag: asked.terms.tag.clone(),
            digest: asked.terms.digest.clone(),
            again: now,
            said: String::new(),
            flaw: None,
            told: None,
        })),
        Blocker::Snoozed(now),
        Blocker::Asked(now, None),
        Blocker::Asked(now, Some(Approvals { needed: 2, given: 1 })),
        Blocker::AsksOnly(AsksOnly::SetBackTwice),
        Blocker::AsksOnly(AsksOnly::SettingsWentBack(WentBack::Older)),
        Blocker::AsksOnly(AsksOnly::SettingsWentBack(WentBack::Replaced)),
        Blocker::AsksOnly(AsksOnly::Declared(Kinds { breaking: true, ..Kinds::default() })),
        Blocker::AsksOnly(AsksOnly::Declared(Kinds { migration: true, ..Kinds::default() })),
        Blocker::Owned(Box::new(Owner::controller("Prometheus", "k8s"))),
        Blocker::Window(now),
        Blocker::Paused,
    ];
    let blocked = blockers.map(|blocker| {
        view("1.0.0", &["1.0.1"], &policy, Some(Mode::AutoUpdate), |view| {
            said(&View { blockers: vec![blocker], ..view })
        })
    });
    let image = "registry.example.com/shop/web:1.0.1";
    let rollouts = [
        (Ended::Failed, Rollout::Progressing(Progress::default())),
        (Ended::RollingOut, Rollout::Progressing(Progress::default())),
        (Ended::RollingOut, Rollout::Waiting(Waits::Paused)),
        (Ended::RollingOut, Rollout::Waiting(Waits::ZeroReplicas)),
        (Ended::RollingOut, Rollout::Waiting(Waits::OnDelete)),
        (Ended::RollingOut, Rollout::Waiting(Waits::Partition)),
    ];
    let more = [
        Waits::NoNodes,
        Waits::NextRun,
        Waits::Suspended,
        Waits::NoSchedule,
        Waits::OlderRun,
        Waits::CanaryPause,
        Waits::BlueGreenPause,
        Waits::Inconclusive,
    ];
    let rollouts = rollouts.into_iter().chain(more.map(|waits| (Ended::RollingOut, Rollout::Waiting(waits))));
    let automatic = automatic();
    let rolled = rollouts.map(|(outcome, rollout)| {
        let workload = Workload { rollout, ..workload(&[("web", image)], &[]) };
        let mut record = Record::default();
        record.on("web", Event::Write(Box::new(update(1, None))), now);
        record.on("web", Event::End(outcome, None), now);
        let known = Known {
            workload: &workload,
            container: "web",
            record: &record,
            settings: &automatic,
            others: Others::Unknown,
        };
        view("1.0.1", &["1.0.1"], &policy, Some(Mode::AutoUpdate), |view| said(&view.knowing(&known, None, now)))
    });
    let digest = Digest::of(b"newer");
    let latest = Tag::parse("latest").unwrap();
    let followed = [
        (Some(&digest), State::Update),
        (Some(&digest), State::UpToDate),
        (None, State::UpToDate),
        (None, State::NoDigest),
    ];
    let followed = followed.map(|(to, state)| said(&View::followed(&latest, to, state, Mode::Notification, None)));
    let implied = view("latest", &["latest"], &policy, None, |view| said(&view.implied(true)));
    let told = [blocked.concat(), rolled.collect::<String>(), followed.concat(), implied].join("\n");
    insta::assert_snapshot!(told);
}
