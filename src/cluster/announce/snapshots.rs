//! The Events that `kubectl describe` shows.

use super::*;
use crate::domain::workload::tests::workload;

/// All of them, with notes as the sequencer makes them.
fn all() -> [WorkloadEvent; 15] {
    use WorkloadEvent::{
        Approved, BrokenDeleted, FailedBefore, ImageGone, InvalidSetting, PolicyAllowed, RegistryDoubtful,
        RegistryUnauthorized, RepositoryUnknown, RolloutFailed, RolloutHealthy, RolloutPaused, RolloutReplaced,
        RolloutSlow, UpdateAvailable,
    };
    let note = || "what is said of it".to_owned();
    [
        UpdateAvailable(note()),
        PolicyAllowed(note()),
        Approved(note()),
        RolloutHealthy(note()),
        RolloutFailed(note()),
        RolloutReplaced(note()),
        RolloutSlow(note()),
        BrokenDeleted(note()),
        FailedBefore(note()),
        InvalidSetting(note()),
        RepositoryUnknown(note()),
        RegistryUnauthorized(note()),
        RegistryDoubtful(note()),
        RolloutPaused(note()),
        ImageGone(note()),
    ]
}

#[test]
fn reasons_and_actions() {
    let line = |announcement: WorkloadEvent| {
        let (action, reason, kind, _) = announcement.parts();
        format!("{kind:<8} {reason:<21} {action}\n")
    };
    let said = all().map(line).concat();
    insta::assert_snapshot!(said);
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
