//! What stands between the version that all have and the first write: people are asked once for all, or nobody is.

use chrono::{DateTime, Utc};

use super::Group;
use super::decide::{Mover, grounds, plan};
use crate::cluster::Cluster;
use crate::domain::declared::Kinds;
use crate::domain::fleet::Others;
use crate::domain::group::Waits;
use crate::domain::policy::Mode;
use crate::domain::preflight::Preflight;
use crate::domain::record::Event;
use crate::domain::settings::Settings;
use crate::domain::view::{Blocker, Known};
use crate::queue::{Queue, Records};
use crate::reconcile::apply::Decided;
use crate::reconcile::draft::{Chosen, Work};
use crate::reconcile::rollout::LOOK_AGAIN;
use crate::reconcile::{Reconciler, Step, StepError, declared, report};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Asks whether all may go, or writes the first; unless something stands against one of them.
    pub(super) async fn agree(&self, mut group: Group, settings: &[Settings], mut movers: Vec<Mover>) -> Step {
        if let Some(waits) = self.notes(&group, settings, &mut movers).await {
            let again = self.0.ambient.now() + declared::AGAIN;
            return self.group_waits(group, waits, Some(again)).await;
        }
        let asks = match self.asks_first(&mut group, settings, &movers).await {
            Ok(asks) => asks,
            Err((waits, again)) => return self.group_waits(group, waits, again).await,
        };
        let id = u128::from_be_bytes(self.0.ambient.bytes());
        let plan = Box::new(plan(&group, &movers, settings, id));
        let declares = movers.iter().fold(Kinds::default(), |all, mover| all.and(mover.chosen.declared.kinds));
        for mover in &mut movers {
            (mover.chosen.why, mover.chosen.group) = (Some(grounds(&group)), Some(plan.clone()));
        }
        if let Some((waits, again)) = self.rehearse_all(&mut group, settings, &mut movers, asks).await? {
            return self.group_waits(group, waits, Some(again)).await;
        }
        let Some(mut first) = movers.into_iter().next() else { return Ok(None) };
        first.chosen.declared.kinds = declares;
        self.begin(group, settings, first, asks).await
    }

    /// What the makers declare of each; that one has to wait for it, where that is so.
    async fn notes(&self, group: &Group, settings: &[Settings], movers: &mut [Mover]) -> Option<Waits> {
        for mover in movers {
            let (member, settings) = (group.members.get(mover.member)?, settings.get(mover.member)?);
            let ledger = group.ledger(member).cloned().unwrap_or_default();
            match self.declared(&member.target, &ledger, settings, &mover.chosen).await {
                Some(declared) => mover.chosen.declared = declared,
                None => return Some(Waits::Notes(member.name())),
            }
        }
        None
    }

    /// Whether people decide: where the mode, or whatever else is known, of any member says so.
    async fn asks_first(
        &self,
        group: &mut Group,
        settings: &[Settings],
        movers: &[Mover],
    ) -> Result<bool, (Waits, Option<DateTime<Utc>>)> {
        let now = self.0.ambient.now();
        let mut asks = settings.iter().any(|settings| settings.mode != Mode::AutoUpdate);
        let mut closed = None;
        for mover in movers {
            let (Some(member), Some(settings)) = (group.members.get(mover.member), settings.get(mover.member)) else {
                continue;
            };
            let (name, target, Some(work)) = (member.name(), member.target.clone(), group.works.get_mut(member.work))
            else {
                continue;
            };
            let because = self.asks_for_others(work, &target, &mover.chosen);
            let others = Others::Said(because.as_ref());
            let (workload, container, record) = (&*target.workload, target.container.as_str(), &work.draft.record);
            let (to, digest) = (&mover.chosen.to, &mover.chosen.digest);
            asks |= mover.chosen.declared.kinds.any();
            match (Known { workload, container, record, settings, others }).blocker(to, digest, now) {
                Some(Blocker::Held(held)) => {
                    let update = work.ledger(container).and_then(|ledger| ledger.update.as_ref());
                    if update.is_none_or(|update| update.undoes.is_none() || !update.told_elsewhere) {
                        self.ask_about_held(work, &target).await;
                    }
                    return Err((Waits::Held(name, held.tag), None));
                }
                Some(Blocker::Refused(refused)) => {
                    return Err((Waits::Refused(name, refused.again), Some(refused.again)));
                }
                Some(Blocker::Window(opens)) => {
                    let is_later = closed.as_ref().is_none_or(|(before, _)| *before < opens);
                    closed = if is_later { Some((opens, Waits::Window(name, opens))) } else { closed };
                }
                Some(Blocker::Paused) => return Err((Waits::Paused(name), None)),
                Some(Blocker::Rolling { .. }) => return Err((Waits::UnderWay(name), None)),
                Some(Blocker::Disabled | Blocker::Cooldown(_) | Blocker::Waits(_)) | None => {}
                Some(
                    Blocker::Because(_)
                    | Blocker::Snoozed(_)
                    | Blocker::Asked(_)
                    | Blocker::Person
                    | Blocker::AsksOnly(_)
                    | Blocker::Owned(_),
                ) => asks = true,
            }
        }
        match closed {
            Some((opens, waits)) if !asks => Err((waits, Some(opens))),
            _ => Ok(asks),
        }
    }

    /// Has the API server judge each write. What it refuses of one is refused of all.
    async fn rehearse_all(
        &self,
        group: &mut Group,
        settings: &[Settings],
        movers: &mut [Mover],
        asks: bool,
    ) -> Result<Option<(Waits, DateTime<Utc>)>, StepError> {
        let is_asked = asks && movers.first().is_some_and(|first| group.is_asked(first));
        for mover in movers.iter_mut().filter(|_| !is_asked) {
            let (Some(member), Some(settings)) = (group.members.get(mover.member), settings.get(mover.member)) else {
                continue;
            };
            let (name, target) = (member.name(), member.target.clone());
            let Some(work) = group.works.get_mut(member.work) else { continue };
            match self.rehearsed(work, &target, &mover.chosen, &mover.with).await? {
                Ok(dry_run) => {
                    let preflight = Preflight { dry_run: Some(dry_run), ..mover.chosen.preflight.clone() };
                    mover.chosen = Chosen { preflight, ..mover.chosen.clone() };
                }
                Err(said) => {
                    let again = self.would_be_refused(work, &target, settings, &mover.chosen, &mover.with, said);
                    return Ok(Some((Waits::Refused(name, again), again)));
                }
            }
        }
        Ok(None)
    }

    /// Asks about all by the first of them, or writes it.
    async fn begin(&self, mut group: Group, settings: &[Settings], first: Mover, asks: bool) -> Step {
        let Mover { member, chosen, with } = first;
        let (Some(leader), Some(settings)) = (group.members.get(member), settings.get(member)) else { return Ok(None) };
        let (target, place) = (leader.target.clone(), leader.work);
        self.only_asked_by(&mut group, member);
        let Some(work) = group.works.get_mut(place) else { return Ok(None) };
        if asks {
            let again = self.propose(work, &target, settings, &chosen, with).await?;
            self.conclude_group(group, Some(place)).await?;
            return Ok(again);
        }
        let (to, level, why) = (chosen.to.clone(), chosen.level, chosen.grounds());
        work.draft.report(&target.container, report::Outcome::Allowed { to, level, why });
        self.apply(work, &target, &chosen, with, Decided::ByPolicy);
        let trace = work.trace.clone();
        let again = self.conclude_group(group, Some(place)).await?;
        self.look_at(&target.repository, self.0.ambient.now() + LOOK_AGAIN, &trace).await?;
        Ok(again)
    }

    /// Nobody but this member asks, and nobody waits any more.
    fn only_asked_by(&self, group: &mut Group, leader: usize) {
        let now = self.0.ambient.now();
        for (place, member) in group.members.iter().enumerate() {
            let Some(work) = group.works.get_mut(member.work) else { continue };
            let work: &mut Work = work;
            if place != leader {
                work.draft.on(&member.target.container, Event::NothingToAsk, now);
            }
            self.flawed(work, &member.target, None);
        }
    }
}

impl Group {
    /// Whether people are asked already about all of it.
    fn is_asked(&self, first: &Mover) -> bool {
        let ledger = self.members.get(first.member).and_then(|member| self.ledger(member));
        let question = ledger.and_then(|ledger| ledger.question.as_ref());
        let chosen = &first.chosen;
        question.is_some_and(|it| {
            it.is_about(&chosen.from, &chosen.to, &chosen.digest) && chosen.is_with(it.group.as_deref())
        })
    }
}
