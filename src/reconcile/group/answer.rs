//! A link that is about a group: every member is judged again before the first is written, and a version that is let go is let
//! go on all.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Group, Member};
use crate::assess::Unanswerable;
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::actor::Actor;
use crate::domain::event::Failure;
use crate::domain::group::{Move, Plan, members, of};
use crate::domain::policy::Mode;
use crate::domain::record::Event;
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::domain::tag::Version;
use crate::domain::together::{Keeps, Seen};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::answer::Asked;
use crate::reconcile::draft::Draft;
use crate::reconcile::judging::judge::running_tag;
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether all of a plan would be asked today, by whoever is of the group now.
    ///
    /// # Errors
    /// [`Unanswerable`], in which the member is named that speaks against it.
    pub(in crate::reconcile) async fn all_would_be_asked(
        &self,
        asked: &Asked,
        plan: &Plan,
    ) -> Result<Result<(), Unanswerable>, StepError> {
        if !self.0.cluster.knows_all() {
            return Err(StepError::Unlisted);
        }
        if let Some(joined) = self.joined(&asked.workload, plan) {
            return Ok(Err(Refusal::MemberJoined(joined).into()));
        }
        for one in &plan.moves {
            if let Err(reason) = self.would_be_asked(asked, plan, one).await? {
                return Ok(Err(reason));
            }
        }
        Ok(Ok(()))
    }

    async fn would_be_asked(
        &self,
        asked: &Asked,
        plan: &Plan,
        one: &Move,
    ) -> Result<Result<(), Unanswerable>, StepError> {
        let name = one.member();
        let workload = match self.stands_as_asked(plan, one) {
            Ok(workload) => workload,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let record = self.draft(Arc::clone(&workload)).await?.record;
        let settings = Settings::read(&workload, &one.container, &self.0.bounds);
        let seen = Seen { workload: &workload, container: &one.container, record: Some(&record) };
        if let Err(keeps) = seen.may_move(settings.as_ref(), self.0.cluster.may_patch(&workload.id)) {
            return Ok(Err(self.refusal_of(keeps, one).into()));
        }
        if one.containers().any(|part| record.known(part).holds(&one.tag, &one.digest).is_some()) {
            return Ok(Err(Refusal::MemberHolds(name).into()));
        }
        let asked = asked.of_member(workload, one);
        let Some((_, container)) = asked.workload.container(&one.container) else {
            return Ok(Err(Refusal::MemberChanged(name).into()));
        };
        let Some(from) = container.reference() else { return Ok(Err(Refusal::MemberChanged(name).into())) };
        let target = self.target(&asked, &from).await;
        let source = self.source(&target)?;
        Ok(match self.all_again(&asked, &target, &source, &record).await {
            Err(Unanswerable::Refused(refusal)) => {
                Err(Refusal::Member(Box::new((one.workload.clone(), one.tag.clone(), refusal))).into())
            }
            Err(Unanswerable::Moved) => Err(Refusal::MemberMoved(name).into()),
            other => other,
        })
    }

    /// What is said of a member that keeps all.
    fn refusal_of(&self, keeps: Keeps, one: &Move) -> Refusal {
        let of_it = |refusal| Refusal::Member(Box::new((one.workload.clone(), one.tag.clone(), refusal)));
        match keeps {
            Keeps::Settings(problems) => of_it(Refusal::Settings(problems)),
            Keeps::Disabled => of_it(Refusal::Disabled { forced: self.0.bounds.forced.mode == Some(Mode::Disabled) }),
            Keeps::NotWritable => Refusal::MemberNotWritable(one.member()),
            Keeps::UnderWay => Refusal::MemberUnderWay(one.member()),
        }
    }

    /// A member as it was when people were asked.
    fn stands_as_asked(&self, plan: &Plan, one: &Move) -> Result<Arc<Workload>, Refusal> {
        let name = one.member();
        let is_of_it = |workload: &Arc<Workload>| {
            of(workload, &one.container).is_some_and(|membership| membership.name == plan.name)
        };
        let workload = self.0.cluster.by_uid(&one.workload.uid).filter(is_of_it);
        let Some(workload) = workload else { return Err(Refusal::MemberGone(name)) };
        let runs = workload.container(&one.container).is_some_and(|(_, found)| found.image == one.from);
        let mut with = one.with.iter().map(|name| &**name);
        if !runs || !with.all(|other| workload.moves_with(&one.container, other)) {
            return Err(Refusal::MemberChanged(name));
        }
        if workload.paused {
            return Err(Refusal::MemberPaused(name));
        }
        Ok(workload)
    }

    /// A member that is not of the plan and runs something else: it joined, or changed, since people were asked.
    fn joined(&self, asked: &Workload, plan: &Plan) -> Option<String> {
        let version = plan.moves.first().and_then(|one| Version::read(one.tag.as_str()));
        let workloads = self.0.cluster.members(&asked.id.namespace, &plan.name);
        let all = members(&plan.name, workloads.iter().map(|it| &**it));
        let is_planned = |uid: &str, container: &str| {
            plan.moves.iter().any(|one| *one.workload.uid == *uid && one.containers().any(|name| name == container))
        };
        let is_there = |running: Tag| {
            version
                .as_ref()
                .is_some_and(|it| Version::read(running.as_str()).is_some_and(|ours| ours.is_same_release(it)))
        };
        let others = all.iter().filter(|member| !is_planned(&member.workload.id.uid, member.container));
        let mut strangers =
            others.filter(|member| !running_tag(member.workload, member.container).is_some_and(is_there));
        strangers.next().map(crate::domain::group::Member::name)
    }

    /// What failed on one member of a group is held on all, and is let go on all; one that can't be written now keeps no other.
    pub(in crate::reconcile) async fn let_go_on_all(&self, asked: &Asked, by: &Actor) {
        let (moves, until) = (asked.group.iter().flat_map(|plan| &plan.moves), asked.approval.expires);
        for one in moves.filter(|one| one.workload.uid != asked.workload.id.uid) {
            if let Err(error) = self.let_go_on(one, by, until).await {
                tracing::warn!(workload = %one.workload, version = %one.tag, error = %chain(&error), "this member holds a version that is released on the others, which keeps all from it: release it by `image-watcher resume`");
            }
        }
    }

    /// The same of members that could not be written then, or before the process ended: what they hold is what another failed with,
    /// and that one has let it go.
    pub(super) fn let_go_as_answered(&self, group: &mut Group) {
        let now = self.0.ambient.now();
        let found: Vec<_> = group.members.iter().filter_map(|member| group.is_let_go(member)).collect();
        for (place, container, tag, by, asks) in found {
            let Some(work) = group.works.get_mut(place) else { continue };
            if !self.may_act(&work.draft.workload, &container) {
                continue;
            }
            if asks {
                let note = format!("{container}: {tag} is held no more, and people are asked, by {by}");
                work.draft.announce(WorkloadEvent::HeldReleased(note));
                work.draft.on(&container, Event::LetGo { by }, now);
            } else {
                work.draft.resume(&container, &tag, &by, now);
            }
        }
    }

    async fn let_go_on(&self, one: &Move, by: &Actor, until: DateTime<Utc>) -> Result<(), StepError> {
        let Some(workload) = self.0.cluster.by_uid(&one.workload.uid) else { return Ok(()) };
        let mut draft = Draft { answers_until: Some(until), ..self.draft(Arc::clone(&workload)).await? };
        for container in one.containers().filter(|name| self.may_act(&workload, name)) {
            if draft.record.known(container).holds(&one.tag, &one.digest).is_some() {
                draft.resume(container, &one.tag, by, self.0.ambient.now());
            }
        }
        self.commit(draft).await?;
        Ok(())
    }
}

/// What a member holds and may be let go of: where its work is among those of the group, its container, the version, who lets it go,
/// and whether people are asked before it is applied.
type LetGo = (usize, String, Tag, Actor, bool);

impl Group {
    /// Whether a member holds what it left as another failed, and that one has let it go since.
    fn is_let_go(&self, member: &Member) -> Option<LetGo> {
        let ledger = self.ledger(member)?;
        let held = ledger.held.as_ref().filter(|held| held.failure.as_ref().is_some_and(Failure::is_of_group))?;
        let plan = ledger.update.as_ref().filter(|update| update.told_elsewhere)?.group.as_ref()?;
        let others = self.members.iter().filter(|other| other.name() != member.name());
        let (by, asks) = others.into_iter().find_map(|other| {
            let (uid, container) = (&other.target.workload.id.uid, &other.target.container);
            let one = plan.moves.iter().find(|one| one.is_of(uid, container))?;
            self.ledger(other)?.let_go_since(&one.tag, &one.digest, held.since)
        })?;
        Some((member.work, member.target.container.clone(), held.tag.clone(), by.clone(), asks))
    }
}
