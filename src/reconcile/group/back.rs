//! A group goes back: each member that was written by its own way, as if it were alone. What can't go back is told once, and stays;
//! the others go back all the same.

use super::Group;
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::actor::Actor;
use crate::domain::event::{Failure, Notice, NoticeKind, WayBack};
use crate::domain::group::{Move, Plan};
use crate::domain::history::Outcome;
use crate::domain::record::{Event, Update};
use crate::domain::rollout::Account;
use crate::domain::view::GroupStands;
use crate::queue::{Queue, Records};
use crate::reconcile::following::back::{Cause, Left};
use crate::reconcile::following::rollout::LOOK_AGAIN;
use crate::reconcile::telling::notices::of_update;
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, Step, StepError, Target};
use crate::registry::Registry;

impl Group {
    /// Why a plan came to nothing, as those are told that go back with the one that failed, and who decided that.
    fn cause(&self, plan: &Plan, one: &Move) -> (Option<Failure>, Actor) {
        let member = self.mover(one).and_then(|place| self.members.get(place));
        let update = member.and_then(|member| self.update_of(member, plan));
        let undone = update.and_then(|update| Some((update.undoes.as_deref()?, &update.by)));
        if let Some((undone, by)) = undone.filter(|(undone, _)| undone.failure.is_none()) {
            tracing::debug!(version = %undone.tag, "a group goes back by a person's word");
            return (None, by.clone());
        }
        let failure = undone.and_then(|(undone, _)| undone.failure.clone());
        let failure = failure.or_else(|| update?.failure.clone());
        let why = failure.map_or_else(|| Account::NotWritten(one.tag.to_string()), |failure| failure.account());
        let (member, group) = (one.member(), plan.name.to_string());
        let account = Account::OfMember { member, group, why: Box::new(why) };
        (Some(Failure::ours(Failure::OF_GROUP, account)), Actor::Policy)
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes back all that were written, each to the exact image that ran. What fails for one member is tried again at the next
    /// look, and keeps no other.
    pub(super) async fn all_back(&self, group: &mut Group, plan: &Plan, all: &[usize], failed: usize) -> Step {
        let Some(cause) = plan.moves.get(failed) else { return Ok(None) };
        let (failure, by) = group.cause(plan, cause);
        let why = Cause { failure: failure.as_ref(), decided: Decided::WithGroup(&by) };
        let (mut back, mut problem) = (0, None);
        for one in all.iter().rev().filter_map(|place| plan.moves.get(*place)) {
            match self.goes_back(group, plan, one, why).await {
                Ok(is_back) => back += usize::from(is_back),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        self.shows(group, Some(&GroupStands::GoesBack(cause.member())), None);
        tracing::warn!(group = %plan.name, failed = cause.member(), version = %cause.tag, back, "a member of a group failed, and those that were written before go back");
        let mut works = std::mem::take(&mut group.works);
        // Whoever was written last goes first.
        works.reverse();
        let group = Group { works, name: group.name.clone(), members: Vec::new(), is_too_large: false };
        let concluded = self.conclude_group(group, None).await;
        problem.map_or(concluded, Err)
    }

    /// Puts on a member's draft that it goes back, or that it does not. Whether it does.
    async fn goes_back(&self, group: &mut Group, plan: &Plan, one: &Move, cause: Cause<'_>) -> Result<bool, StepError> {
        let Some(member) = group.mover(one).and_then(|place| group.members.get(place)) else { return Ok(false) };
        let (target, work) = (member.target.clone(), member.work);
        let Some(update) = group.update_of(member, plan).cloned() else { return Ok(false) };
        let Some(work) = group.works.get_mut(work) else { return Ok(false) };
        let way = match self.way_of(work, &target, &update, cause).await? {
            Left::Undone(_, way) => way,
            Left::Stays(why) => {
                let failure = gone_back(plan, cause, None);
                return self.stays(work, &target, &update, (why, failure)).await.map(|()| false);
            }
            Left::Refused(said) => {
                let failure = gone_back(plan, cause, Some(&said));
                return self.stays(work, &target, &update, (WayBack::Refused, failure)).await.map(|()| false);
            }
        };
        self.look_at(&target.repository, self.0.ambient.now() + LOOK_AGAIN, &work.trace).await?;
        if update.outcome == Outcome::RollingOut {
            self.close(work, &target, &update, Outcome::Failed, cause.failure);
        }
        self.go_back(work, &target, &way, cause.failure, cause.decided);
        self.0.cluster.release_pods(&target.workload.id);
        Ok(true)
    }

    /// It does not go back with the others: people are told, and it is over.
    async fn stays(
        &self,
        work: &mut super::Work,
        target: &Target,
        update: &Update,
        (why, failure): (WayBack, Failure),
    ) -> Result<(), StepError> {
        let now = self.0.ambient.now();
        let ended = Update { outcome: Outcome::Failed, ..update.clone() };
        let question = self.about_end(work, target, &ended);
        let settings = self.settings(target).ok();
        let told = of_update(target, settings.as_ref(), &ended, NoticeKind::Failed, Some(failure.clone()));
        let approval = question.as_ref().map(|question| (&question.terms).into());
        let told = Notice { ended: Some(now), way_back: Some(why), approval, ..told };
        self.tell_of(target, &told, &work.trace).await?;
        if update.outcome == Outcome::RollingOut {
            self.close(work, target, update, Outcome::Failed, Some(&failure));
        }
        // What it is told with again, where it has ended by this.
        work.draft.on(&target.container, Event::Left(why), now);
        work.draft.on(&target.container, Event::Stays(why), now);
        if let Some(question) = question {
            work.draft.on(&target.container, Event::Ask(Box::new(question)), now);
        }
        let note = format!("{}: {} stays, and its group goes back: {}", target.container, update.tag, failure.message);
        tracing::warn!(workload = %target.workload.id, container = target.container, version = %update.tag, reason = why.as_str(), outcome = "stays", "a group goes back, and this member can't");
        work.draft.announce(WorkloadEvent::RolloutFailed(note));
        Ok(())
    }
}

/// Why a member would have gone back, as people are told who have to do it.
fn gone_back(plan: &Plan, cause: Cause<'_>, refused: Option<&str>) -> Failure {
    let by = || Account::Wanted { group: plan.name.to_string(), by: cause.decided.by() };
    let why = cause.failure.map_or_else(by, Failure::account);
    let account = match refused {
        Some(said) => Account::NotBack { why: Box::new(why), said: said.to_owned() },
        None => why,
    };
    Failure::ours(Failure::OF_GROUP, account)
}
