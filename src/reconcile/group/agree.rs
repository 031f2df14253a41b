//! What stands between the version that all have and the first write: people are asked once for all, or nobody is.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::decide::{Mover, grounds, plan};
use super::{Group, Member};
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::approval::Allows;
use crate::domain::declared::Kinds;
use crate::domain::fleet::{Asks, Others, Verdict};
use crate::domain::group::{Move, Waits};
use crate::domain::policy::Mode;
use crate::domain::preflight::Preflight;
use crate::domain::record::{Event, Question};
use crate::domain::reference::Tag;
use crate::domain::settings::Settings;
use crate::domain::together::{Between, between};
use crate::domain::view::{Blocker, GroupStands, Known};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::asking::propose::managed_elsewhere;
use crate::reconcile::draft::{Chosen, Work};
use crate::reconcile::following::rollout::LOOK_AGAIN;
use crate::reconcile::judging::declared;
use crate::reconcile::report;
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, Step, StepError, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Asks whether all may go, or writes the first; unless something stands against one of them.
    pub(super) async fn agree(&self, mut group: Group, settings: &[Settings], mut movers: Vec<Mover>) -> Step {
        if let Some(waits) = self.notes(&group, settings, &mut movers).await {
            let again = self.0.ambient.now() + declared::AGAIN;
            return self.group_waits(group, waits, Some(again)).await;
        }
        let asks = match self.asks_first(&mut group, settings, &mut movers).await {
            Ok(asks) => asks,
            Err((waits, again)) => return self.group_waits(group, waits, again).await,
        };
        let id = u128::from_be_bytes(self.0.ambient.bytes());
        let plan = Box::new(plan(&group, &movers, settings, id));
        let declares = movers.iter().fold(Kinds::default(), |all, mover| all.and(mover.chosen.declared.kinds));
        for mover in &mut movers {
            (mover.chosen.why, mover.chosen.group) = (Some(grounds(&group)), Some(plan.clone()));
        }
        if self.is_told_only(&group) {
            return self.tell_only(&group, settings, movers, asks).await;
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
                Ok(declared) => mover.chosen.declared = declared,
                Err(_) => return Some(Waits::Notes(member.name())),
            }
        }
        None
    }

    /// Whether people decide: where the mode, or whatever else is known, of any member says so.
    async fn asks_first(
        &self,
        group: &mut Group,
        settings: &[Settings],
        movers: &mut [Mover],
    ) -> Result<bool, (Waits, Option<DateTime<Utc>>)> {
        let is_auto = settings.iter().all(|settings| settings.mode == Mode::AutoUpdate);
        let because = self.because_of_others(group, movers);
        let others = because.clone().map(Verdict::Asks);
        let blockers = self.blockers(group, settings, movers, others.as_ref());
        let declares = movers.iter().any(|mover| mover.chosen.declared.kinds.asks());
        if let Some(first) = movers.first_mut() {
            // Who is asked anyway is told all the same where it failed.
            first.chosen.because = because.filter(|because| is_auto || matches!(because, Asks::Failed(_)));
        }
        match between(blockers, declares || !is_auto) {
            Between::Asks => Ok(true),
            Between::Nothing if self.is_told_only(group) => Ok(false),
            Between::Nothing => self.enter_group(group, movers).map(|()| false),
            Between::Waits { place, waits, until } => {
                match waits {
                    Waits::Held(..) => self.ask_about_held_of(group, movers.get(place)).await,
                    Waits::UnderWay(_) => {
                        let member = movers.get(place).and_then(|mover| group.members.get(mover.member));
                        if let Some(member) = member {
                            self.1.siblings.waits(&member.target);
                        }
                    }
                    _ => {}
                }
                Err((waits, until))
            }
        }
    }

    /// What stands before each, as if it were alone.
    fn blockers(
        &self,
        group: &Group,
        settings: &[Settings],
        movers: &[Mover],
        others: Option<&Verdict>,
    ) -> Vec<(String, Option<Blocker>)> {
        let of = |mover: &Mover| {
            let (member, settings) = (group.members.get(mover.member)?, settings.get(mover.member)?);
            let (target, record) = (&member.target, &group.works.get(member.work)?.draft.record);
            let (workload, container, others) = (&*target.workload, target.container.as_str(), Others::Said(others));
            let known = Known { workload, container, record, settings, others };
            Some((member.name(), known.blocker(&mover.chosen.to, &mover.chosen.digest, self.0.ambient.now())))
        };
        movers.iter().filter_map(of).collect()
    }

    /// What other workloads went through that concerns one of these. What people were asked for stays a reason until it is
    /// healthy where it failed, as who failed may be gone.
    fn because_of_others(&self, group: &Group, movers: &[Mover]) -> Option<Asks> {
        let target = |mover: &Mover| Some(group.members.get(mover.member)?.target.clone());
        let failed = |mover: &Mover, asked| self.failed_elsewhere(&target(mover)?, &mover.chosen, asked);
        if let Some(failed) = movers.iter().find_map(|mover| failed(mover, None)) {
            return Some(failed);
        }
        let asked = movers.first().and_then(|first| group.question(first)).and_then(|it| it.because.as_deref());
        let remains = asked.filter(|asked| movers.iter().all(|mover| failed(mover, Some(*asked)).is_some()));
        remains.cloned().or_else(|| self.stopped().map(Asks::Stopped))
    }

    async fn ask_about_held_of(&self, group: &mut Group, mover: Option<&Mover>) {
        let Some(member) = mover.and_then(|mover| group.members.get(mover.member)) else { return };
        let (target, is_told_by_another) = (member.target.clone(), group.holds_with_another(member));
        let Some(work) = group.works.get_mut(member.work) else { return };
        if !is_told_by_another {
            self.ask_about_held(work, &target).await;
        }
    }

    /// Takes the way of the first to be written, unless one of them waits for other workloads.
    fn enter_group(&self, group: &mut Group, movers: &[Mover]) -> Result<(), (Waits, Option<DateTime<Utc>>)> {
        let again = Some(self.0.ambient.now() + LOOK_AGAIN);
        let closed = |mover: &Mover| self.takes_no_write(group.members.get(mover.member)?);
        if let Some((name, opens)) = movers.iter().find_map(closed) {
            return Err((Waits::Refused(name, opens), Some(opens)));
        }
        for mover in movers.iter().skip(1) {
            let Some(member) = group.members.get(mover.member) else { continue };
            if let Some(waits) = self.waits_for_first(&member.target, &mover.chosen) {
                self.1.entrance.lock().waits(
                    &member.target,
                    (mover.chosen.to.clone(), mover.chosen.digest.clone()),
                    &waits,
                );
                return Err((Waits::Others(member.name(), Box::new(waits)), again));
            }
        }
        let Some(first) = movers.first() else { return Ok(()) };
        let Some(member) = group.members.get(first.member) else { return Ok(()) };
        let (name, target) = (member.name(), member.target.clone());
        let Some(work) = group.works.get_mut(member.work) else { return Ok(()) };
        let entered = self.enter(work, &target, &first.chosen);
        entered.map_err(|waits| (Waits::Others(name, Box::new(waits)), again))
    }

    /// A member on which the API server refused all that was to be written, and when that is tried again.
    pub(super) fn takes_no_write(&self, member: &Member) -> Option<(String, DateTime<Utc>)> {
        Some((member.name(), self.closed_until(&member.target.workload.id)?))
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

    /// Tells people of all by the first of them, as nothing may be written.
    async fn tell_only(&self, group: &Group, settings: &[Settings], movers: Vec<Mover>, asks: bool) -> Step {
        let declares = movers.iter().fold(Kinds::default(), |all, mover| all.and(mover.chosen.declared.kinds));
        let Some(Mover { member, mut chosen, .. }) = movers.into_iter().next() else { return Ok(None) };
        let (Some(leader), Some(settings)) = (group.members.get(member), settings.get(member)) else { return Ok(None) };
        let Some(work) = group.works.get(leader.work) else { return Ok(None) };
        chosen.declared.kinds = declares;
        let stands = if asks { GroupStands::Person } else { GroupStands::First(leader.name()) };
        self.shows(group, Some(&stands), chosen.group.as_deref());
        self.informed_of_group(&leader.target, work, settings, &chosen, asks).await
    }

    /// Asks about all by the first of them, or writes it.
    async fn begin(&self, mut group: Group, all: &[Settings], first: Mover, asks: bool) -> Step {
        let Mover { member, chosen, with } = first;
        let (Some(leader), Some(settings)) = (group.members.get(member), all.get(member)) else { return Ok(None) };
        let (target, place) = (leader.target.clone(), leader.work);
        self.only_asked_by(&mut group, member);
        let Some(work) = group.works.get_mut(place) else { return Ok(None) };
        if asks {
            let was_asked = is_asked_about(work, &target, &chosen.to);
            let again = self.propose(work, &target, settings, &chosen, with).await?;
            let is_news = !was_asked && is_asked_about(work, &target, &chosen.to);
            self.shows(&group, Some(&self.led_by(&group, member)), chosen.group.as_deref());
            let owned = if is_news { group.managed_elsewhere(all, member, &chosen) } else { Vec::new() };
            self.conclude_group(group, Some(place)).await?;
            for (workload, event) in owned {
                self.0.cluster.announce(&workload, event).await;
            }
            return Ok(again);
        }
        let (to, level, why) = (chosen.to.clone(), chosen.level, chosen.grounds());
        work.draft.report(&target.container, report::Outcome::Allowed { to, level, why });
        self.apply(work, &target, &chosen, with, Decided::ByPolicy);
        let trace = work.trace.clone();
        let name = group.members.get(member).map(Member::name).unwrap_or_default();
        let waits = GroupStands::Waits(Waits::UnderWay(name));
        self.shows(&group, Some(&waits), chosen.group.as_deref());
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

/// Whether people are asked already about this version of one, or put it off.
fn is_asked_about(work: &Work, target: &Target, tag: &Tag) -> bool {
    let question = work.ledger(&target.container).and_then(|ledger| ledger.question.as_ref());
    question.is_some_and(|question| question.terms.allows == Allows::Update && question.terms.tag == *tag)
}

impl Group {
    /// Whether a member went back with another one, which holds what failed there, so that people are asked about that.
    fn holds_with_another(&self, member: &Member) -> bool {
        let update = self.ledger(member).and_then(|ledger| ledger.update.as_ref());
        let went_with = update.is_some_and(|update| update.undoes.is_some() && update.told_elsewhere);
        let fails = |other: &Member| {
            let held = self.ledger(other).and_then(|ledger| ledger.held.as_ref());
            held.and_then(|held| held.failure.as_ref()).is_some_and(|failure| !failure.is_of_group())
        };
        went_with && self.members.iter().any(fails)
    }

    /// Of the others that would move those that tools own, so that people are asked first about all: it is said on each of them.
    fn managed_elsewhere(
        &self,
        settings: &[Settings],
        leader: usize,
        chosen: &Chosen,
    ) -> Vec<(Arc<Workload>, WorkloadEvent)> {
        let others = self.members.iter().zip(settings).enumerate().filter(|(place, _)| *place != leader);
        let moves = |member: &Member| {
            let is_it =
                |to: &&Move| to.workload == member.target.workload.id && *to.container == *member.target.container;
            chosen.group.as_deref()?.moves.iter().find(is_it)
        };
        let of = |(member, settings): (&Member, &Settings)| {
            let event = managed_elsewhere(&member.target, settings, &moves(member)?.tag)?;
            Some((Arc::clone(&member.target.workload), event))
        };
        others.filter_map(|(_, one)| of(one)).collect()
    }

    /// The question about the update of one.
    fn question(&self, of: &Mover) -> Option<&Question> {
        let ledger = self.members.get(of.member).and_then(|member| self.ledger(member))?;
        let chosen = &of.chosen;
        ledger.question.as_ref().filter(|it| it.is_about(&chosen.from, &chosen.to, &chosen.digest))
    }

    /// Whether people are asked already about all of it.
    fn is_asked(&self, first: &Mover) -> bool {
        self.question(first).is_some_and(|question| first.chosen.is_with(question.group.as_deref()))
    }
}
