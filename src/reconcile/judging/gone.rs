//! What runs and is gone from its registry, whose project took it back, or whose tag was pushed again, is told once, with what is
//! there in its place.

use chrono::{DateTime, TimeDelta, Utc};

use crate::assess;
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::gone::{Gone, Lost};
use crate::domain::policy::{Track, names_one_release};
use crate::domain::record::{Event, GoneSince};
use crate::domain::reference::{Digest, ImageReference};
use crate::domain::release_url::ReleaseUrl;
use crate::domain::settings::Settings;
use crate::domain::standing::Standing;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::telling::error::DOUBT;
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

/// For so long it is asked what became of the release of an update.
const MINDED: TimeDelta = TimeDelta::days(30);

/// What is gone for less than this may be back in a moment, and nobody is told.
const PATIENCE: TimeDelta = TimeDelta::seconds(10);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Says that what runs is gone, where that has lasted; gives when to look again.
    pub(crate) async fn gone(
        &self,
        work: &mut Work,
        target: &Target,
        settings: &Settings,
        gone: &Gone,
    ) -> DateTime<Utc> {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        self.count("undecided", "gone");
        let again = now + DOUBT;
        let Ok(source) = self.source(target) else { return again };
        let of = (source.repository, source.credential.scope(), gone.tag.as_str());
        if self.1.absent.age(of, now) < PATIENCE {
            return again;
        }
        let told = work.ledger(container).and_then(|ledger| ledger.gone.as_ref()).map(|told| &told.image);
        let is_told = told.is_some_and(|told| (&told.tag, told.lost) == (&gone.tag, gone.lost));
        if !is_told {
            let good = match &gone.good {
                Some(good) => Some(good.clone()),
                None => assess::gone::older(&source, &gone.tag, &settings.policy, now).await,
            };
            work.draft.on(container, Event::Gone(Gone { good, ..gone.clone() }), now);
            self.count("told", "gone");
        }
        let words = work.ledger(container).and_then(|ledger| Some(ledger.gone.as_ref()?.image.to_string()));
        self.mark(work, target, &words.unwrap_or_else(|| gone.to_string()), WorkloadEvent::ImageGone);
        again
    }

    /// What is said of an update that runs, where its project took its release back. It stops nothing.
    pub(crate) async fn taken_back(&self, work: &mut Work, target: &Target, settings: &Settings) -> Option<String> {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let ledger = work.ledger(container)?;
        let told = ledger.gone.as_ref().map(|told| &told.image).filter(|told| told.lost.is_taken_back()).cloned();
        let update = ledger.update.clone().filter(|update| now < update.at + MINDED)?;
        let from = ImageReference::parse(&update.from).ok()?.running_tag()?;
        let runs = ledger.runs.as_ref().is_some_and(|runs| runs.tag == update.tag && from != update.tag);
        if !runs || settings.track != Track::Version {
            return None;
        }
        let source = self.source(target).ok()?;
        let source = source.asking(self.forges(settings, &|_| true));
        let ask = source.standing(from.as_str(), update.tag.clone(), &update.digest);
        let url = settings.release_url.as_ref().map(ReleaseUrl::as_str);
        let of = (&target.repository, &update.tag, url);
        let standing = self.1.unreleased.running(of, self.0.ambient.monotonic(), ask).await;
        let lost = match standing {
            // It is what it was told to be, as far as that is known.
            None => return told.map(|told| told.to_string()),
            Some(Standing::Prerelease) if !settings.policy.takes_prereleases(from.as_str()) => Lost::Prerelease,
            Some(Standing::Withdrawn) => Lost::Release,
            Some(Standing::Released | Standing::Prerelease) => return None,
        };
        if let Some(told) = told.filter(|told| (&told.tag, told.lost) == (&update.tag, lost)) {
            return Some(told.to_string());
        }
        let good = assess::gone::older(&source, &update.tag, &settings.policy, now).await;
        let gone = Gone { tag: update.tag.clone(), digest: Some(update.digest.clone()), lost, good };
        let words = gone.to_string();
        work.draft.on(container, Event::Gone(gone), now);
        self.count("told", "taken_back");
        Some(words)
    }

    /// Says that the tag of what runs, which names one release, was pushed again: once, where that was announced and its registry
    /// says so. Nothing is written for that: what was rolled out runs on.
    pub(crate) async fn pushed_again(&self, work: &mut Work, target: &Target) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let Some(pushed) = target.pushed.as_ref().filter(|it| names_one_release(it.tag.as_str())) else { return };
        let Some(known) = digest_to_compare(work, target).filter(|known| pushed.digest.as_ref() != Some(known)) else {
            return;
        };
        let (Ok(settings), Ok(source)) = (self.settings(target), self.source(target)) else { return };
        if settings.track != Track::Version {
            return;
        }
        // Not knowing it is no reason not to go on: it is looked for again while its registry shows what it was before.
        let digest = match source.digest(&pushed.tag).await {
            Ok(Some(digest)) if digest != known => digest,
            _ => return,
        };
        let good = assess::gone::older(&source, &pushed.tag, &settings.policy, now).await;
        let note = format!("{container}: {}, which runs, was {known}, and is {digest} by now", pushed.tag);
        let gone = Gone { tag: pushed.tag.clone(), digest: Some(known), lost: Lost::Moved, good };
        work.draft.on(container, Event::Gone(gone), now);
        work.draft.announce(WorkloadEvent::DigestMoved(note));
        self.count("told", "pushed_again");
    }

    /// What runs is there: what was said of it is over, but that its tag was pushed again.
    pub(crate) fn present(&self, work: &mut Work, target: &Target) {
        let is_said = |gone: &GoneSince| gone.image.lost != Lost::Moved;
        if work.ledger(&target.container).is_some_and(|ledger| ledger.gone.as_ref().is_some_and(is_said)) {
            work.draft.on(&target.container, Event::Present, self.0.ambient.now());
        }
    }
}

/// What the running image stands for, unless that it was pushed again, or taken back, is told already.
fn digest_to_compare(work: &Work, target: &Target) -> Option<Digest> {
    let ledger = work.ledger(&target.container)?;
    let is_told = ledger.gone.as_ref().is_some_and(|told| !told.image.lost.is_of_registry());
    let image = target.workload.container(&target.container).and_then(|(_, found)| found.reference());
    ledger.digest_that_runs(&image.filter(|_| !is_told)?)
}
