//! A rollout that stands still, and that nothing but people will end: they are told once.

use super::draft::Work;
use super::notices::of_update;
use super::rollout::Slow;
use super::{Reconciler, Target};
use crate::cluster::Cluster;
use crate::domain::approval::LIFETIME;
use crate::domain::event::{Notice, NoticeKind, WayBack};
use crate::domain::record::{Event, Ledger};
use crate::queue::{Queue, Records};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Makes sure that people are told. For a while each look tells it again, which recipients recognise as one: what was
    /// stored may be lost.
    pub(super) fn tell_stalled(&self, work: &mut Work, target: &Target, slow: &Slow) {
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
