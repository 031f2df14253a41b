//! A rollout that stands still: it is said on the workload, and where nothing but people will end it, they are told once.

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::approval::LIFETIME;
use crate::domain::event::{Notice, NoticeKind, WayBack};
use crate::domain::record::{Event, Ledger};
use crate::domain::view::said_to_stand_still;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::following::rollout::Slow;
use crate::reconcile::telling::notices::of_update;
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes over that a rollout stands still, and says so where nothing else is said to be wrong.
    pub(crate) fn slow(&self, work: &mut Work, target: &Target, slow: &Slow) {
        let why = Box::new(slow.why.kept());
        work.draft.on(
            &target.container,
            Event::StandsStill(why, target.workload.rollout.reached()),
            self.0.ambient.now(),
        );
        if work.draft.said(&target.container).is_some() {
            return;
        }
        let Some(words) = stands_still(work, target) else { return };
        work.draft.say(&target.container, Some(words.clone()));
        let effect =
            if slow.holds { "the rollout goes on until the cluster gives it up" } else { "updates go on all the same" };
        self.warn(target, &words, effect);
        work.draft.announce(WorkloadEvent::RolloutSlow(words));
    }

    /// A rollout does not stand still any more, which was `said` of it.
    pub(crate) fn moves_again(&self, work: &mut Work, target: &Target, said: Option<&str>) {
        let update = work.ledger(&target.container).and_then(|ledger| ledger.update.as_ref());
        if update.is_some_and(|update| update.standstill.why.is_some()) {
            work.draft.on(&target.container, Event::GoesOn, self.0.ambient.now());
        }
        if said.is_some() && work.draft.said(&target.container) == said {
            work.draft.take_back(&target.container);
        }
    }

    /// Makes sure that people are told. For a while each look tells it again, which recipients recognise as one: what was
    /// stored may be lost.
    pub(crate) fn tell_stalled(&self, work: &mut Work, target: &Target, slow: &Slow) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        if !slow.is_told {
            return;
        }
        work.draft.on(container, Event::Stalled, now);
        let update = work.ledger(container).and_then(Ledger::followed);
        let Some((update, since)) = update.and_then(|update| Some((update, update.standstill.told?))) else { return };
        if now >= since + LIFETIME {
            return;
        }
        let settings = self.settings(target).ok();
        let mut told = of_update(target, settings.as_ref(), update, NoticeKind::Stalled, Some(slow.why.clone()));
        let way_back = update.undoes.as_ref().map(|undone| {
            told.from.digest = Some(undone.digest.to_string());
            WayBack::StandsStill
        });
        let notice = Notice { at: since, approval: None, way_back, ..told };
        work.messages.extend(self.messages_of(target, &notice));
    }
}

/// What there is to say of the newest update where it stands still.
pub(crate) fn stands_still(work: &Work, target: &Target) -> Option<String> {
    let update = work.ledger(&target.container)?.update.as_ref()?;
    said_to_stand_still(&target.workload, update)
}
