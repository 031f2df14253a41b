//! The explanation of a list, and of a workload with all that is known of it.

use super::*;
use crate::cli::Output;
use crate::cli::terminal::Form;
use crate::domain::fleet::Asks;
use crate::domain::owner::Owner;
use crate::domain::policy::Strategy;
use crate::domain::release::tests::{notes, summarised};

fn tags() -> TagList {
    ["1.2.3", "1.3.0", "2.0.0", "1.3.0-rc.2", "1.2.9", "1.2.2", "1.2.3-alpine", "2024.01.15", "nightly"]
        .iter()
        .collect()
}

fn of_list(running: &str, all: bool) -> Report {
    explain_list(&format!("shop/web:{running}"), &tags(), &Policy::of(Strategy::Minor), all).unwrap()
}

/// As of a workload in a cluster.
fn of_workload(mode: Mode) -> Report {
    let (policy, tags) = (Policy::of(Strategy::Minor), tags());
    let owner = Owner::read(|key| (key == "argocd.argoproj.io/instance").then_some("web"), |_| None);
    let decision = decide("1.2.3", &tags, &policy, chrono::DateTime::UNIX_EPOCH);
    let view = View::of("1.2.3", &decision, &policy, Some(mode), owner.as_ref());
    let explanation = Explanation {
        workload: Some("shop/deploy/web".into()),
        mode: Some(mode.as_str()),
        notes: Some(if mode == Mode::Notification { summarised() } else { notes() }),
        ..Explanation::of("web", "registry.example.com/shop/web:1.2.3", &view, &decision, &policy)
    };
    Report { items: vec![explanation], all: false }
}

fn troubled() -> Report {
    let mut report = of_workload(Mode::AutoUpdate);
    for item in &mut report.items {
        (item.notes, item.with) = (None, vec!["migrate".into()]);
        item.error = Some("the API server refuses to write 1.3.0: image is not signed".into());
    }
    report
}

#[test]
fn tables() {
    let reports = [
        ("a list", of_list("1.2.3", false)),
        ("a list, all of it", of_list("1.2.3", true)),
        ("nothing newer", of_list("2.0.0", false)),
        ("no version", of_list("nightly", false)),
        ("no such tag", of_list("1.2.4", false)),
        ("a workload that is asked about", of_workload(Mode::Notification)),
        ("a workload that is updated", of_workload(Mode::AutoUpdate)),
        ("a workload whose containers move together, and with which something is wrong", troubled()),
        ("a workload that is left alone", of_workload(Mode::Disabled)),
    ];
    let told: String = reports
        .iter()
        .map(|(name, report)| format!("── {name}\n\n{}\n", report.print(Output::Table, Form::default())))
        .collect::<Vec<_>>()
        .concat();
    insta::assert_snapshot!(told);
}

#[test]
fn documents() {
    let report = of_workload(Mode::Notification);
    crate::cli::schemas::conforms(&report.print(Output::Json, Form::default()));
    crate::cli::schemas::conforms(&troubled().print(Output::Json, Form::default()));
    crate::cli::schemas::conforms(&of_list("1.2.3", true).print(Output::Json, Form::default()));
    let told = format!(
        "── explain -o json\n\n{}\n── explain -o name\n\n{}",
        report.print(Output::Json, Form::default()),
        report.print(Output::Name, Form::default())
    );
    insta::assert_snapshot!(told);
}

/// Steps are of versions, and one who asks for another order is told so, as a workload is.
#[test]
fn steps_and_another_order_are_no_policy() {
    use clap::Parser as _;
    let is_one = |order: &str| {
        let words =
            "image-watcher explain --image x/y:1.2.0 --tags - --tag-policy=semver:>=1.2 --steps minor --tag-order";
        let cli = crate::cli::Cli::try_parse_from(words.split(' ').chain([order])).unwrap();
        let Some(crate::cli::Command::Explain(arguments)) = cli.command else { panic!("{order}") };
        arguments.list.policy().is_ok()
    };
    assert_eq!(["semver", "alphabetical", "numeric"].map(is_one), [true, false, false]);
}

#[test]
fn what_is_skipped_otherwise_than_it_is_written_is_told() {
    let of = |skip: &str| {
        let policy = Policy { skip: vec![skip.to_owned()], ..Policy::of(Strategy::Minor) };
        explain_list("shop/web:1.2.3", &tags(), &policy, false).unwrap().print(Output::Table, Form::default())
    };
    assert!(of("v1.3.0").contains("image-watcher/skip"), "{}", of("v1.3.0"));
    assert!(!of("1.3.0").contains("image-watcher/skip: "), "{}", of("1.3.0"));
}

#[test]
fn what_can_not_be_explained() {
    let words = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Subject::parse(&words, None).unwrap_err().to_string()
    };
    let list = |image| explain_list(image, &tags(), &Policy::of(Strategy::All), false).err().unwrap().to_string();
    let told = [
        words(&["web"]),
        words(&["job/agent"]),
        words(&[]),
        list("shop/web"),
        list("UPPER/web:1"),
        read_tags("{").unwrap_err().to_string(),
    ];
    let told = told.join("\n");
    insta::assert_snapshot!(told);
}

#[test]
fn why_people_are_asked_and_who_can_not_answer_is_said() {
    let failed = crate::domain::fleet::tests::failed_elsewhere();
    let stopped = Asks::Stopped(crate::domain::fleet::Stopped { since: failed.at, failed: vec![failed] });
    let mut stops = of_workload(Mode::AutoUpdate).items.remove(0);
    stops.asked_as(Some(&stopped));
    assert!(
        stops.sentence.contains("automatic updates are stopped everywhere, as image-watcher brake says"),
        "{}",
        stops.sentence
    );
    let (sentence, blockers) = (stops.sentence.clone(), stops.blockers.len());
    stops.asked_as(Some(&stopped));
    assert_eq!((&stops.sentence, stops.blockers.len()), (&sentence, blockers), "it is said once");
    let workload = crate::domain::workload::tests::workload(&[("web", "shop/web:1.2.3")], &[]);
    stops.without_right(&workload, true);
    assert_eq!(stops.sentence, sentence);
    stops.without_right(&workload, false);
    assert!(stops.sentence.contains("no right to patch deployments in shop"), "{}", stops.sentence);
    assert!(stops.actions.is_empty());
}
