//! What runs and is gone from its registry is told once, with what is there in its place.

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::Work;
use super::error::DOUBT;
use super::{Reconciler, Target};
use crate::assess;
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::gone::Gone;
use crate::domain::record::Event;
use crate::domain::settings::Settings;
use crate::queue::{Queue, Records};
use crate::registry::Registry;

/// What is gone for less than this may be back in a moment, and nobody is told.
const PATIENCE: TimeDelta = TimeDelta::seconds(10);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Says that what runs is gone, where that has lasted; gives when to look again.
    pub(super) async fn gone(
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

    /// What runs is there: what was said of it is over.
    pub(super) fn present(&self, work: &mut Work, target: &Target) {
        if work.ledger(&target.container).is_some_and(|ledger| ledger.gone.is_some()) {
            work.draft.on(&target.container, Event::Present, self.0.ambient.now());
        }
    }
}
