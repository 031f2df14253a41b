//! A plan under way: where its members stand, and who is written next.

use chrono::{DateTime, Utc};

use super::{Group, Member};
use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::approval::LIFETIME;
use crate::domain::declared::{Declared, Kinds};
use crate::domain::grounds::Grounds;
use crate::domain::group::{self, Move, Plan, Stands, Waits};
use crate::domain::history::Outcome;
use crate::domain::policy::Mode;
use crate::domain::preflight::Preflight;
use crate::domain::record::Update;
use crate::domain::reference::ImageReference;
use crate::queue::{Queue, Records};
use crate::reconcile::apply::Decided;
use crate::reconcile::draft::Chosen;
use crate::reconcile::rollout::LOOK_AGAIN;
use crate::reconcile::{Reconciler, Step};
use crate::registry::Registry;

impl Group {
    /// The plan that was written last.
    pub(super) fn plan(&self) -> Option<Plan> {
        let updates = self.members.iter().filter_map(|member| self.ledger(member)?.update.as_ref());
        let of_a_plan = updates.filter(|update| update.group.as_ref().is_some_and(|plan| plan.name == self.name));
        let newest = of_a_plan.max_by_key(|update| update.at)?;
        newest.group.as_deref().cloned()
    }

    /// Whether a plan is so old that nobody means it any more: what is left of it is decided on anew.
    pub(super) fn is_stale(&self, plan: &Plan, now: DateTime<Utc>) -> bool {
        let updates = self.members.iter().filter_map(|member| self.update_of(member, plan));
        updates.map(|update| update.ended.unwrap_or(update.at)).max().is_none_or(|last| now >= last + LIFETIME)
    }

    /// Who moves, as long as it is there and of the group.
    pub(super) fn mover(&self, one: &Move) -> Option<usize> {
        self.members.iter().position(|member| one.is_of(&member.target.workload.id.uid, &member.target.container))
    }

    /// The update of a plan that a member has.
    pub(super) fn update_of(&self, member: &Member, plan: &Plan) -> Option<&Update> {
        let update = self.ledger(member)?.update.as_ref()?;
        update.group.as_ref().is_some_and(|it| it.id == plan.id).then_some(update)
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
    /// Where the members of a plan stand.
    pub(super) fn stands(&self, group: &Group, plan: &Plan) -> Vec<Stands> {
        plan.moves.iter().map(|one| self.stand(group, plan, one)).collect()
    }

    fn stand(&self, group: &Group, plan: &Plan, one: &Move) -> Stands {
        let Some(member) = group.mover(one).and_then(|place| group.members.get(place)) else { return Stands::Gone };
        let (workload, container) = (&member.target.workload, &member.target.container);
        let Some(image) = workload.container(container).map(|(_, found)| &found.image) else { return Stands::Gone };
        if let Some(update) = group.update_of(member, plan) {
            let stays = group.ledger(member).is_some_and(|ledger| ledger.stays.is_some());
            if stays && update.runs_on(workload, container) {
                return Stands::Stays;
            }
            return match (update.undoes.is_some(), update.outcome) {
                (true, _) => Stands::Back,
                (false, _) if !update.runs_on(workload, container) => Stands::Elsewhere,
                (false, Outcome::RollingOut) => Stands::UnderWay,
                (false, Outcome::Healthy) => Stands::Healthy,
                (false, Outcome::Failed) => Stands::Failed,
                (false, _) => Stands::Elsewhere,
            };
        }
        if **image == *one.from {
            // What goes with it is what people were shown, or what was decided on.
            let goes_with = |other: &str| {
                let names = group::of(workload, other).is_some_and(|named| named.name == plan.name);
                names && workload.moves_with(container, other)
            };
            if !one.with.iter().map(|other| &**other).all(goes_with) {
                return Stands::Elsewhere;
            }
            let (now, ledger) = (self.0.ambient.now(), group.ledger(member));
            if ledger.is_some_and(|it| it.holds(&one.tag, &one.digest).is_some()) {
                // Somebody took it back.
                return Stands::Elsewhere;
            }
            let refuses = ledger.is_some_and(|it| it.refuses(&one.tag, &one.digest, now).is_some());
            return if refuses { Stands::Refused } else { Stands::Waits };
        }
        let runs = ImageReference::parse(image).ok();
        let is_there =
            runs.is_some_and(|it| it.tag() == Some(&one.tag) && it.digest().is_none_or(|it| *it == one.digest));
        if is_there { Stands::Arrived } else { Stands::Elsewhere }
    }

    /// Writes the next member of a plan, unless something stands against it.
    pub(super) async fn write_next(&self, mut group: Group, plan: &Plan, place: usize) -> Step {
        let Some(one) = plan.moves.get(place) else { return Ok(None) };
        let Some(index) = group.mover(one) else { return Ok(None) };
        let (Some(member), Ok(from)) = (group.members.get(index), ImageReference::parse(&one.from)) else {
            return Ok(None);
        };
        let target = member.target.clone();
        if let Some(waits) = self.not_now(member) {
            return self.group_waits(group, waits, None).await;
        }
        let (work, by) = (member.work, group.decided(plan));
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
        let again = self.conclude_group(group, Some(work)).await?;
        self.look_at(&target.repository, self.0.ambient.now() + LOOK_AGAIN, &trace).await?;
        Ok(again)
    }

    /// Whether a plan that nobody approved goes on with a member, as it would if that were alone: it waits for others, or people
    /// are asked about what is left.
    fn goes_on(&self, group: &mut Group, member: usize, chosen: &Chosen) -> Result<(), Option<Waits>> {
        let Some(member) = group.members.get(member) else { return Ok(()) };
        let (name, target) = (member.name(), member.target.clone());
        let Some(work) = group.works.get_mut(member.work) else { return Ok(()) };
        if self.asks_for_others(work, &target, chosen).is_some() {
            return Err(None);
        }
        let entered = self.enter(work, &target, chosen);
        entered.map_err(|waits| Some(Waits::Others(name, Box::new(waits))))
    }

    /// What stands against writing a member now that was agreed on before.
    fn not_now(&self, member: &Member) -> Option<Waits> {
        let (name, workload) = (member.name(), &member.target.workload);
        match self.settings(&member.target) {
            Err(_) => Some(Waits::Settings(name)),
            Ok(settings) if settings.mode == Mode::Disabled => Some(Waits::Disabled(name)),
            Ok(_) if !self.0.cluster.may_patch(&workload.id) => Some(Waits::NotWritable(name)),
            Ok(_) => workload.paused.then_some(Waits::Paused(name)),
        }
    }
}
