//! What to look at because a workload changed.

use super::Hints;
use super::tables::repositories;
use crate::cluster::annotations::{self, claimed};
use crate::domain::history::Outcome;
use crate::domain::policy::Track;
use crate::domain::record::Record;
use crate::domain::request::REQUEST;
use crate::domain::rollout::Rollout;
use crate::domain::rollout::cron_job::Since;
use crate::domain::settings::is_state;
use crate::domain::workload::{Container, Workload, said};

/// What to look at because of a change: everything of a workload that is new or has other settings or images, of one whose
/// record somebody else wrote to, and of one with an unfinished update whose rollout moved, be it that only a newer record than the
/// one that stands there tells of it.
pub(super) fn hints(
    known: Option<&Workload>,
    workload: &Workload,
    (is_ours, rolls): (&dyn Fn() -> bool, &dyn Fn() -> bool),
) -> Hints {
    let settings = |workload: &Workload| -> Vec<(Box<str>, Box<str>)> {
        workload.annotations.iter().filter(|(name, _)| !is_state(name)).cloned().collect()
    };
    let edited = known.is_none_or(|known| {
        known.id != workload.id
            || known.containers != workload.containers
            || known.inherited != workload.inherited
            || known.template_names != workload.template_names
            || known.paused != workload.paused
            || settings(known) != settings(workload)
            || is_tampered(known, workload, is_ours)
    });
    let moved = || {
        known.is_some_and(|known| known.rollout != workload.rollout)
            && (is_followed(workload, &claimed(workload)) || rolls())
    };
    let unfinished = || known.is_some_and(|known| known == workload) && is_unfinished(workload);
    if !edited && !moved() && !unfinished() {
        return Hints::new();
    }
    let mut all: Hints = repositories(workload).into_iter().collect();
    all.sort();
    all
}

/// Whether our own annotations are others than before, and not because we went on.
fn is_tampered(known: &Workload, workload: &Workload, is_ours: &dyn Fn() -> bool) -> bool {
    let records = (annotations::text(known), annotations::text(workload));
    if known.annotations == workload.annotations || records == (None, None) {
        return false;
    }
    annotations::sequence(workload) <= annotations::sequence(known) || !is_ours()
}

/// Whether the end of an update is waited for.
fn is_followed(workload: &Workload, record: &Record) -> bool {
    record.ledgers().filter_map(|(_, ledger)| ledger.update.as_ref()).any(|update| match update.outcome {
        Outcome::RollingOut => true,
        // A failed one is followed too: pods that come up later make it healthy after all.
        Outcome::Failed => workload.rollout == Rollout::Complete,
        Outcome::Healthy | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => false,
    })
}

/// The update of it whose runs are of interest, if there is one.
pub(in crate::cluster) fn updated(workload: &Workload) -> Option<Since> {
    let record = claimed(workload);
    let updates = record.ledgers().filter_map(|(_, ledger)| ledger.update.as_ref());
    let open = updates.filter(|update| matches!(update.outcome, Outcome::RollingOut | Outcome::Failed));
    open.map(|update| Since { at: update.at, undoes: update.undoes.is_some() }).max()
}

/// Whether an update of it has not ended, a person asked something while nobody looked, or it is not known what a followed tag
/// was.
fn is_unfinished(workload: &Workload) -> bool {
    let record = claimed(workload);
    is_followed(workload, &record)
        || workload.annotation(REQUEST).is_some()
        || workload.containers.iter().any(|container| needs_baseline(workload, container, &record))
}

/// Whether a container's tag is to be followed by its digest, and no digest of it is written down anywhere: each push
/// before the first look would go unnoticed.
fn needs_baseline(workload: &Workload, container: &Container, record: &Record) -> bool {
    let track = said(workload, "track", &container.name);
    let follows = track.is_some_and(|track| track.value.parse() == Ok(Track::Digest));
    let Some(image) = container.reference().filter(|_| follows) else { return false };
    let learnt = record.ledger(&container.name).and_then(|ledger| ledger.digest_of(&image));
    image.digest().is_none() && learnt.is_none() && image.running_tag().is_some()
}

#[cfg(test)]
mod tests {
    use super::super::Index;
    use super::super::tests::{asks, at, record, repository, scope};
    use super::*;
    use crate::cluster::scopes::Fresh;
    use crate::domain::record::tests::update;
    use crate::domain::record::{Event, Running};
    use crate::domain::reference::ImageReference;
    use crate::domain::rollout::Progress;
    use crate::domain::workload::Kind;
    use crate::domain::workload::tests::workload;

    #[test]
    fn a_record_that_somebody_else_wrote_to_is_looked_at() {
        let (first, second) = (record(1, vec![asks(1)]), record(2, vec![asks(2)]));
        let of = |version, record: Option<&str>, more: &[(&str, &str)]| {
            let mut annotations = vec![("mode", "NOTIFICATION")];
            annotations.extend(record.map(|record| ("record", record)));
            annotations.extend(more);
            at(workload(&[("web", "web:1.0.0")], &annotations), version)
        };
        let index = Index::default();
        let put = |workload: Workload| index.observe(&workload.id.clone(), Some(workload)).len();
        put(of(1, Some(&first), &[]));
        assert_eq!(put(of(2, Some(&second), &[("last-notified", "now")])), 0, "we went on");
        assert_eq!(put(of(3, Some(&first), &[])), 1, "somebody set it back");
        assert_eq!(put(of(4, Some(&second), &[])), 0);
        assert_eq!(put(of(5, Some(&second), &[("token-update", "x")])), 1, "somebody wrote beside it");
        assert_eq!(put(of(6, None, &[])), 1, "somebody removed it");
    }

    #[test]
    fn our_own_record_is_no_reason_to_look_again() {
        let index = Index::default();
        let plain = at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]), 1);
        index.observe(&plain.id.clone(), Some(plain.clone()));
        let recorded =
            at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION"), ("current-version", "1.0.0")]), 2);
        assert!(index.observe(&plain.id, Some(recorded)).is_empty());
        let edited = at(workload(&[("web", "web:1.0.0")], &[("mode", "AUTO_UPDATE")]), 3);
        assert_eq!(index.observe(&plain.id, Some(edited)).len(), 1);
        let stale = at(workload(&[("web", "web:0.9.0")], &[("mode", "AUTO_UPDATE")]), 2);
        assert!(index.observe(&plain.id, Some(stale)).is_empty(), "an older event changes nothing");
        assert_eq!(&*index.running(&repository("web"))[0].containers[0].image, "web:1.0.0");
    }

    #[test]
    fn a_followed_tag_is_looked_at_once_until_its_digest_is_known() {
        let first_list = |image: &str, annotations: &[(&str, &str)]| {
            let workload = at(workload(&[("web", image)], annotations), 1);
            Index::default().replace(&scope(Kind::Deployment, None), Fresh::Unfinished, vec![workload]).len()
        };
        let pinned = format!("web:latest@sha256:{}", "a".repeat(64));
        let runs = Running::of(&ImageReference::parse(&pinned).unwrap()).unwrap();
        let known = record(1, vec![Event::Runs(runs)]);
        assert_eq!(first_list("web:latest", &[("track", "digest")]), 1);
        assert_eq!(first_list("web", &[("track", "digest")]), 1, "latest is implied");
        assert_eq!(first_list("web", &[("track", "digest"), ("record", &known)]), 0);
        assert_eq!(first_list("web:latest", &[("track.web", "DIGEST")]), 1);
        assert_eq!(first_list("web:latest", &[("track", "digest"), ("record", &known)]), 0);
        assert_eq!(first_list("web:edge", &[("track", "digest"), ("record", &known)]), 1);
        assert_eq!(first_list("web:latest", &[("track", "version")]), 0);
        assert_eq!(
            first_list("web:latest", &[("mode", "NOTIFICATION"), (REQUEST, "{}")]),
            1,
            "somebody asked something"
        );
        assert_eq!(first_list(&pinned, &[("track", "digest")]), 0);
    }

    #[test]
    fn an_open_update_is_looked_at_when_its_rollout_moves() {
        let text = record(1, vec![Event::Write(Box::new(update(1, None)))]);
        let open = |rollout, version| {
            let mut w = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("record", &text)]), version);
            w.rollout = rollout;
            w
        };
        let index = Index::default();
        let under_way = Rollout::Progressing(Progress::default());
        let first = open(under_way.clone(), 1);
        let all = scope(Kind::Deployment, None);
        let listed = index.replace(&all, Fresh::Unfinished, vec![first.clone()]);
        assert_eq!(listed.len(), 1, "unfinished at the start");
        assert!(index.observe(&first.id, Some(open(under_way, 2))).is_empty());
        assert_eq!(index.observe(&first.id, Some(open(Rollout::Complete, 3))).len(), 1);
    }

    #[test]
    fn a_failed_update_is_looked_at_when_it_comes_up_after_all() {
        let text = record(1, vec![Event::Write(Box::new(update(1, None))), Event::End(Outcome::Failed, None)]);
        let failed = |rollout, version| {
            let mut w = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("record", &text)]), version);
            w.rollout = rollout;
            w
        };
        let index = Index::default();
        let first = failed(Rollout::Progressing(Progress::default()), 1);
        assert!(
            index.replace(&scope(Kind::Deployment, None), Fresh::Unfinished, vec![first.clone()]).is_empty(),
            "it is over as long as it is so"
        );
        assert_eq!(index.observe(&first.id, Some(failed(Rollout::Complete, 2))).len(), 1);
    }
}
