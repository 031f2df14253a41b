//! A plan under way: who is written next.

use super::{Group, Member};
use crate::assess::question::Asked;
use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::declared::{Declared, Kinds};
use crate::domain::fleet::Others;
use crate::domain::grounds::Grounds;
use crate::domain::group::{Move, Plan, Waits};
use crate::domain::preflight::Preflight;
use crate::domain::record::Update;
use crate::domain::reference::ImageReference;
use crate::domain::together::Seen;
use crate::domain::view::{Blocker, GroupStands, Known};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Chosen;
use crate::reconcile::following::rollout::LOOK_AGAIN;
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, Step};
use crate::registry::Registry;

impl Group {
    /// Its members as they are now.
    pub(super) fn seen(&self) -> Vec<Seen<'_>> {
        let seen = |member| Member::seen(member, self.record(member));
        self.members.iter().map(seen).collect()
    }

    /// Who moves, as long as it is there and of the group.
    pub(super) fn mover(&self, one: &Move) -> Option<usize> {
        self.members.iter().position(|member| one.is_of(&member.target.workload.id.uid, &member.target.container))
    }

    /// The update of a plan that a member has.
    pub(super) fn update_of(&self, member: &Member, plan: &Plan) -> Option<&Update> {
        self.ledger(member)?.update.as_ref().filter(|update| update.is_of(plan))
    }

    /// What the makers declare of all of it, as those know that were written.
    fn declares(&self, plan: &Plan) -> Kinds {
        let updates = self.members.iter().filter_map(|member| self.update_of(member, plan));
        updates.fold(Kinds::default(), |all, update| all.and(update.declares))
    }

    /// Who or what decided on a plan: the same for all that are written for it.
    fn decided(&self, plan: &Plan) -> Actor {
        let updates = self.members.iter().filter_map(|member| self.update_of(member, plan));
        let forward = updates.filter(|update| update.undoes.is_none());
        forward.map(|update| update.by.clone()).next().unwrap_or(Actor::Policy)
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Writes the next member of a plan, unless something stands against it.
    pub(super) async fn write_next(&self, mut group: Group, plan: &Plan, place: usize) -> Step {
        let Some(one) = plan.moves.get(place) else { return Ok(None) };
        let Some(index) = group.mover(one) else { return Ok(None) };
        let (Some(member), Ok(from)) = (group.members.get(index), ImageReference::parse(&one.from)) else {
            return Ok(None);
        };
        let target = member.target.clone();
        if let Some(waits) = self.not_now(member, one) {
            return self.group_waits(group, waits, None).await;
        }
        let (work, by) = (member.work, group.decided(plan));
        if !self.is_meant_still(&group, member, one, (&from, &by)) {
            // What its settings say by now is decided on for all that are left.
            return self.decide_together(group, None).await;
        }
        let why = Grounds::Group { name: plan.name.clone(), members: group.members.len() };
        let chosen = Chosen {
            from,
            from_digest: one.from_digest.clone(),
            to: one.tag.clone(),
            digest: one.digest.clone(),
            level: one.level,
            why: Some(why),
            declared: Declared { kinds: group.declares(plan), quotes: Vec::new() },
            preflight: Preflight::default(),
            because: None,
            group: Some(Box::new(plan.clone())),
        };
        if by == Actor::Policy
            && let Err(waits) = self.goes_on(&mut group, index, &chosen)
        {
            return match waits {
                // What failed elsewhere meanwhile, or the brake, is for people to decide on.
                None => self.decide_together(group, None).await,
                Some(waits) => self.group_waits(group, waits, Some(self.0.ambient.now() + LOOK_AGAIN)).await,
            };
        }
        let Some(writing) = group.works.get_mut(work) else { return Ok(None) };
        self.apply(writing, &target, &chosen, one.with.clone(), Decided::WithGroup(&by));
        let trace = writing.trace.clone();
        let waits = GroupStands::Waits(Waits::UnderWay(one.member()));
        self.shows(&group, Some(&waits), Some(plan));
        let again = self.conclude_group(group, Some(work)).await?;
        self.look_at(&target.repository, self.0.ambient.now() + LOOK_AGAIN, &trace).await?;
        Ok(again)
    }

    /// Whether a member's settings would still let it go where it was to go; without people, where nobody approved it.
    fn is_meant_still(
        &self,
        group: &Group,
        member: &Member,
        one: &Move,
        (from, by): (&ImageReference, &Actor),
    ) -> bool {
        let now = self.0.ambient.now();
        let (workload, container) = (&member.target.workload, member.target.container.as_str());
        let Some(work) = group.works.get(member.work) else { return false };
        let record = &work.draft.record;
        let ledger = record.known(container);
        let (to, digest, was) = (&one.tag, &one.digest, one.from_digest.as_ref());
        let asked = Asked { workload, container, image: from, to, digest, was, ledger };
        let Ok(settings) = asked.at_sight(&self.0.bounds, now) else { return false };
        if *by != Actor::Policy {
            return true;
        }
        // Other workloads are a matter of their own, and a window says when a group may begin.
        let known = Known { workload, container, record, settings: &settings, others: Others::Said(None) };
        match known.blocker(to, digest, now) {
            None
            | Some(
                Blocker::Window(_)
                | Blocker::Rolling { .. }
                | Blocker::Waits(_)
                | Blocker::Notes(_)
                | Blocker::WasStopped(_),
            ) => true,
            Some(_) => false,
        }
    }

    /// Whether a plan that nobody approved goes on with a member, as it would if that were alone: it waits for others, or people
    /// are asked about what is left.
    fn goes_on(&self, group: &mut Group, member: usize, chosen: &Chosen) -> Result<(), Option<Waits>> {
        let Some(member) = group.members.get(member) else { return Ok(()) };
        if let Some((name, opens)) = self.takes_no_write(member) {
            return Err(Some(Waits::Refused(name, opens)));
        }
        let (name, target) = (member.name(), member.target.clone());
        let Some(work) = group.works.get_mut(member.work) else { return Ok(()) };
        if self.asks_for_others(&work.draft.record, &target, chosen).is_some() {
            return Err(None);
        }
        let entered = self.enter(work, &target, chosen);
        entered.map_err(|waits| Some(Waits::Others(name, Box::new(waits))))
    }

    /// What stands against writing a member now that was agreed on before.
    fn not_now(&self, member: &Member, one: &Move) -> Option<Waits> {
        let (name, workload) = (member.name(), &member.target.workload);
        match self.settings(&member.target) {
            Err(_) => Some(Waits::Settings(name)),
            Ok(_) if !one.containers().all(|container| self.may_act(workload, container)) => {
                Some(Waits::Disabled(name))
            }
            Ok(_) if !self.0.cluster.may_patch(&workload.id) => Some(Waits::NotWritable(name)),
            Ok(_) => workload.paused.then_some(Waits::Paused(name)),
        }
    }
}
