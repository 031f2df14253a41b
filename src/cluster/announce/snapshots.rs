//! The Events that `kubectl describe` shows.

use super::*;
use crate::domain::workload::tests::workload;

/// All of them.
const ALL: [fn(String) -> WorkloadEvent; 30] = [
    WorkloadEvent::UpdateAvailable,
    WorkloadEvent::PolicyAllowed,
    WorkloadEvent::Approved,
    WorkloadEvent::ApprovalGiven,
    WorkloadEvent::RolloutHealthy,
    WorkloadEvent::RolloutFailed,
    WorkloadEvent::RolloutReplaced,
    WorkloadEvent::FailedBefore,
    WorkloadEvent::RolledBack,
    WorkloadEvent::BrokenDeleted,
    WorkloadEvent::WentBack,
    WorkloadEvent::RequestRefused,
    WorkloadEvent::RolloutSlow,
    WorkloadEvent::InvalidSetting,
    WorkloadEvent::RepositoryUnknown,
    WorkloadEvent::RegistryUnauthorized,
    WorkloadEvent::RegistryDoubtful,
    WorkloadEvent::RolloutPaused,
    WorkloadEvent::UpdateRefused,
    WorkloadEvent::CandidateUnfit,
    WorkloadEvent::PlatformMissing,
    WorkloadEvent::ManagedElsewhere,
    WorkloadEvent::DigestMoved,
    WorkloadEvent::VersionHeld,
    WorkloadEvent::ImageGone,
    WorkloadEvent::Snoozed,
    WorkloadEvent::HeldReleased,
    WorkloadEvent::UpdatesStopped,
    WorkloadEvent::RecordReplaced,
    WorkloadEvent::MessageGivenUp,
];

/// Action, reason, type.
fn names(of: fn(String) -> WorkloadEvent) -> (&'static str, &'static str, &'static str) {
    let event = of(String::new());
    let (action, reason, kind, _) = event.parts();
    (action, reason, kind)
}

#[test]
fn reasons_and_actions() {
    let line = |of| {
        let (action, reason, kind) = names(of);
        format!("{kind:<8} {reason:<21} {action}\n")
    };
    let said = ALL.map(line).concat();
    insta::assert_snapshot!(said);
}

/// What is read here is the match itself, which the compiler holds to be whole.
#[test]
fn the_table_of_events_in_the_documents_has_each_of_them() {
    let matched = include_str!("../announce.rs").lines().filter(|line| line.contains("(note) => (\"")).count();
    assert_eq!(ALL.len(), matched, "the list of this test is not whole");
    let document = include_str!("../../../docs/events.md");
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let told: Vec<Vec<&str>> =
        rows.map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`')).collect()).collect();
    let mut told: Vec<(&str, &str, &str)> = told.iter().map(|row| (row[1], row[2], row[3])).collect();
    let mut all = ALL.map(names);
    told.sort_unstable();
    all.sort_unstable();
    assert_eq!(told, all, "the table of docs/events.md is not what is written");
}

#[test]
fn an_event_as_it_is_written() {
    let workload = workload(&[("web", "shop/web:1.2.3")], &[]);
    let note = "web: 1.2.3 → 1.3.0: highest of its family that strategy MINOR allows (minor)";
    let announcement = WorkloadEvent::UpdateAvailable(note.into());
    let event = event(&workload, &announcement, DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let event = format!("{event:#}");
    insta::assert_snapshot!(event);
}

#[test]
fn what_is_long_fits_as_the_api_server_counts() {
    let mut workload = workload(&[("web", "shop/web:1.2.3")], &[]);
    workload.id.name = format!("{}.web", "w".repeat(235)).into();
    let event = event(&workload, &WorkloadEvent::RolloutFailed("行".repeat(600)), DateTime::UNIX_EPOCH);
    let name = event["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 253 && name.starts_with("www") && !name.contains("..") && !name.contains("-."), "{name}");
    let note = event["note"].as_str().unwrap();
    assert_eq!(note, "行".repeat(341), "1,024 bytes hold no more");
}
