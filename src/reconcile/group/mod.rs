//! Groups: one decision for several workloads, one question, and writes in order.
//!
//! ```text
//! look(repository of any member) ─► its own rollout is followed, what it could go to is remembered
//!                                ─► the group: a plan under way ─► write the next, wait, take all back
//!                                              none             ─► the newest version that all have ─► ask, or write the first
//! ```
//!
//! The plan stands in the record of each member that was written: whatever ends the process, the next look at any
//! member goes on from what the records say.

mod agree;
mod answer;
mod back;
mod carry_on;
mod decide;
mod known;
mod member;
mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::Cluster;
use crate::domain::event::Job;
use crate::domain::group::{self, GroupName, MOST_MEMBERS, Next, Plan, Waits};
use crate::domain::record::{Ledger, Record, Update};
use crate::domain::reference::Repository;
use crate::domain::together::Seen;
use crate::domain::view::GroupStands;
use crate::domain::workload::Workload;
use crate::queue::{NewJob, Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::{Reconciler, Step, StepError, Target, UNLISTED};
use crate::registry::{Credential, Registry};
pub(super) use known::Groups;

/// A group while it is worked on.
struct Group {
    name: GroupName,
    /// One for each of its workloads.
    works: Vec<Work>,
    /// Its containers, in the order in which they are written.
    members: Vec<Member>,
    /// Whether there are more than are looked at.
    is_too_large: bool,
}

/// A container of a group.
struct Member {
    target: Target,
    /// Where its workload is among those of the group.
    work: usize,
}

impl Member {
    /// As it is now, with what is known of it.
    fn seen<'m>(&'m self, record: Option<&'m Record>) -> Seen<'m> {
        Seen { workload: &self.target.workload, container: &self.target.container, record }
    }

    /// How people call it.
    fn name(&self) -> String {
        group::called(&self.target.workload.id, &self.target.container)
    }
}

impl Group {
    fn record(&self, member: &Member) -> Option<&Record> {
        Some(&self.works.get(member.work)?.draft.record)
    }

    fn ledger(&self, member: &Member) -> Option<&Ledger> {
        self.record(member)?.ledger(&member.target.container)
    }

    /// The newest update of a member, as long as it runs what that wrote.
    fn update(&self, member: &Member) -> Option<&Update> {
        let update = self.ledger(member)?.update.as_ref()?;
        update.runs_on(&member.target.workload, &member.target.container).then_some(update)
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The group of a container, where others are in it, or may be.
    pub(super) fn group_of(&self, workload: &Workload, container: &str) -> Option<GroupName> {
        let name = group::of(workload, container)?.name;
        if !self.0.cluster.knows_all() {
            return Some(name);
        }
        let workloads = self.0.cluster.members(&workload.id.namespace, &name);
        (group::members(&name, workloads.iter().map(|it| &**it)).len() > 1).then_some(name)
    }

    /// The groups of these containers, each with one of them.
    pub(super) fn groups_of(&self, targets: &[Target]) -> BTreeMap<(Box<str>, GroupName), Target> {
        let of = |target: &Target| {
            let name = self.group_of(&target.workload, &target.container)?;
            Some(((target.workload.id.namespace.clone(), name), target.clone()))
        };
        targets.iter().filter_map(of).collect()
    }

    /// Goes on with a group, or decides on it.
    pub(super) async fn group(&self, namespace: &str, name: &GroupName, trace: &str) -> Step {
        if !self.0.cluster.knows_all() {
            self.count("waiting", "unlisted");
            return Ok(Some(self.0.ambient.now() + UNLISTED));
        }
        let _turn = self.1.groups.turns.of(&format!("{namespace}/{name}")).await;
        let mut group = self.open(namespace, name, trace).await?;
        if group.members.len() < 2 {
            return Ok(None);
        }
        if group.is_too_large {
            return self.group_waits(group, Waits::TooMany, None).await;
        }
        self.let_go_as_answered(&mut group);
        let (seen, now) = (group.seen(), self.0.ambient.now());
        let Some(plan) = Plan::newest(name, &seen) else { return self.decide_together(group, None).await };
        let (next, is_stale) = (plan.next(&plan.stands(&seen, now)), plan.is_stale(&seen, now));
        match next {
            Next::Write(_) | Next::Wait(_) if is_stale => self.decide_together(group, None).await,
            Next::Write(place) => self.write_next(group, &plan, place).await,
            Next::Wait(place) => self.waits_for(group, &plan, place).await,
            Next::Back { all, failed } => self.all_back(&mut group, &plan, &all, failed).await,
            Next::Stopped(failed) => self.decide_together(group, plan.moves.get(failed)).await,
            Next::Over => self.decide_together(group, None).await,
        }
    }

    /// One is under way: the others wait for it, and say so where it stands still.
    async fn waits_for(&self, mut group: Group, plan: &Plan, place: usize) -> Step {
        let Some(one) = plan.moves.get(place) else { return Ok(None) };
        if self.0.standing_still.is_left(&one.workload.uid) {
            return self.group_waits(group, Waits::StandsStill(one.member(), one.tag.clone()), None).await;
        }
        self.count("waiting", "group");
        tracing::debug!(group = %group.name, member = one.member(), "a member of the group is under way");
        self.quiet(&mut group, None);
        let waits = GroupStands::Waits(Waits::UnderWay(one.member()));
        self.shows(&group, Some(&waits), Some(plan));
        self.conclude_group(group, None).await
    }

    /// Reads what is known of all members.
    async fn open(&self, namespace: &str, name: &GroupName, trace: &str) -> Result<Group, StepError> {
        let workloads = self.0.cluster.members(namespace, name);
        let found = group::members(name, workloads.iter().map(|it| &**it));
        let is_too_large = found.len() > MOST_MEMBERS;
        let mut group = Group { name: name.clone(), works: Vec::new(), members: Vec::new(), is_too_large };
        for found in found.into_iter().take(MOST_MEMBERS) {
            let uid = &found.workload.id.uid;
            let known = group.works.iter().position(|work| work.draft.workload.id.uid == *uid);
            let work = match (known, workloads.iter().find(|it| it.id.uid == *uid)) {
                (Some(work), _) => work,
                (None, Some(workload)) => {
                    group.works.push(self.work(Arc::clone(workload), trace).await?);
                    group.works.len() - 1
                }
                (None, None) => continue,
            };
            let Some(image) = found.workload.container(found.container).and_then(|(_, it)| it.reference()) else {
                continue;
            };
            let workload = group.works.get(work).map(|work| Arc::clone(&work.draft.workload));
            let Some(workload) = workload else { continue };
            let target = self.member_target(workload, found.container, image.repository()).await;
            if let Some(work) = group.works.get_mut(work)
                && self.0.cluster.may_patch(&target.workload.id)
            {
                if self.is_disabled(&target) {
                    self.observe_left_alone(work, &target).await;
                } else {
                    self.observe(work, &target).await;
                }
            }
            group.members.push(Member { target, work });
        }
        Ok(group)
    }

    /// What is known of a workload, with what a person asks on it: that is theirs, before anybody finds there what they wrote.
    async fn work(&self, workload: Arc<Workload>, trace: &str) -> Result<Work, StepError> {
        let draft = self.draft(Arc::clone(&workload)).await?;
        let mut work = Work::on(draft, trace);
        if self.0.cluster.may_patch(&workload.id) {
            self.requested(&mut work).await?;
        }
        Ok(work)
    }

    async fn member_target(&self, workload: Arc<Workload>, container: &str, repository: &Repository) -> Target {
        let credential = if self.may_act(&workload, container) {
            self.0.cluster.credential(&workload, repository).await.map_err(Arc::new)
        } else {
            Ok(Credential::default())
        };
        let (container, repository) = (container.to_owned(), repository.clone());
        Target { workload, container, repository, credential, digests: None, pushed: None }
    }

    /// Writes what became of the members, that of `last` after all others, if those could be written. What fails of one keeps no
    /// other.
    async fn conclude_group(&self, group: Group, last: Option<usize>) -> Step {
        let (mut latest, mut problem) = (None, None);
        for (place, mut work) in group.works.into_iter().enumerate() {
            let workload = Arc::clone(&work.draft.workload);
            if workload.containers.iter().all(|container| !self.may_act(&workload, &container.name)) {
                work.draft.let_be();
            }
            if Some(place) == last {
                latest = Some(work);
            } else if self.0.cluster.may_patch(&work.draft.workload.id)
                && let Err(error) = self.conclude_work(work).await
            {
                problem = problem.or(Some(error));
            }
        }
        if let Some(error) = problem {
            return Err(error);
        }
        if let Some(latest) = latest {
            self.conclude_work(latest).await?;
        }
        Ok(Some(self.0.ambient.now() + crate::reconcile::following::rollout::LOOK_AGAIN))
    }

    /// Has a repository looked at, whatever the watch stream says.
    pub(in crate::reconcile) async fn look_at(
        &self,
        repository: &Repository,
        not_before: DateTime<Utc>,
        trace: &str,
    ) -> Result<(), StepError> {
        let job = NewJob::prompt(Job::Look(repository.clone()), trace, not_before);
        self.0.queue.put(vec![job]).await?;
        Ok(())
    }
}
