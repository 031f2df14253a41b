//! What a link is about, as people see it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::Cluster;
use crate::domain::approval::Approval;
use crate::domain::declared::Kinds;
pub(crate) use crate::domain::event::masked;
use crate::domain::fleet::Asks;
use crate::domain::grounds::Grounds;
use crate::domain::group::{Move, Plan};
use crate::domain::history::{Choice, Ran};
use crate::domain::preflight::Preflight;
use crate::domain::record::{Held, Question};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::Reconciler;
use crate::registry::Registry;

/// What a valid link is about, as the page shows it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The workload as it is now.
    pub workload: Arc<Workload>,
    /// What was asked.
    pub approval: Approval,
    /// How far the update goes.
    pub level: Level,
    /// Why this version, where a policy chose it.
    pub why: Option<Grounds>,
    /// What the makers declare of the update, as far as it was asked.
    pub declares: Kinds,
    /// What happened to other workloads, where that is why people were asked first.
    pub because: Option<Box<Asks>>,
    /// What was looked at of it before people were asked.
    pub preflight: Option<Box<Preflight>>,
    /// When it was asked.
    pub asked: DateTime<Utc>,
    /// Other containers of the workload that go with it.
    pub with: Vec<Box<str>>,
    /// Where all of its group would go, where it is of one.
    pub group: Option<Box<Plan>>,
    /// What somebody set back, where this is about that.
    pub held: Option<Held>,
    /// What else can be gone back to, where this is about that.
    pub ran: Vec<Ran>,
    /// Until when nothing may be applied by itself, if it may not be now.
    pub window_opens: Option<DateTime<Utc>>,
    /// Where release notes are.
    pub release_url: Option<String>,
    /// Who holds this link: `channel:address`.
    pub holder: String,
}

impl Asked {
    /// The containers that it is about.
    pub(super) fn containers(&self) -> impl Iterator<Item = &str> {
        [self.approval.container.as_str()].into_iter().chain(self.with.iter().map(|name| &**name))
    }

    /// The same for another member of its group.
    pub(in crate::reconcile) fn of_member(&self, workload: Arc<Workload>, one: &Move) -> Self {
        let approval = Approval {
            workload: one.workload.clone(),
            container: one.container.to_string(),
            from_image: one.from.to_string(),
            from_digest: one.from_digest.clone(),
            to_tag: one.tag.clone(),
            to_digest: one.digest.clone(),
            ..self.approval.clone()
        };
        Self { workload, approval, with: one.with.clone(), level: one.level, ..self.clone() }
    }

    /// The same to another version, which a person chose.
    pub(super) fn to(&self, to: &Choice) -> Self {
        let Choice { version: to_tag, digest: to_digest } = to.clone();
        Self { approval: Approval { to_tag, to_digest, ..self.approval.clone() }, ..self.clone() }
    }

    /// The same for another container that goes with it.
    pub(super) fn of(&self, container: &str) -> Self {
        let mut one = self.clone();
        if let Some((_, found)) = self.workload.container(container) {
            one.approval.from_image = found.image.to_string();
        }
        container.clone_into(&mut one.approval.container);
        one
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    pub(super) fn about(
        &self,
        workload: &Arc<Workload>,
        approval: Approval,
        question: &Question,
        holder: String,
    ) -> Asked {
        let all = [&*approval.container].into_iter().chain(question.with.iter().map(|name| &**name));
        let read = |container: &str| Settings::read(workload, container, &self.0.bounds).ok();
        let own = all.filter_map(|one| read(one)?.closed_until(self.0.ambient.now()));
        let window_opens = own.chain(question.group.iter().flat_map(|plan| self.closed(plan))).max();
        let settings = read(&approval.container);
        let release_url = settings.and_then(|s| s.release_url).map(|url| url.for_tag(approval.to_tag.as_str()));
        let Question { level, why, asked, with, declares, preflight, because, group, .. } = question.clone();
        Asked {
            workload: Arc::clone(workload),
            approval,
            level,
            why,
            declares,
            because,
            preflight,
            asked,
            with,
            group,
            held: None,
            ran: Vec::new(),
            window_opens,
            release_url,
            holder,
        }
    }

    /// Until when members of a group may not be updated, where they may not now.
    fn closed(&self, plan: &Plan) -> Vec<DateTime<Utc>> {
        let now = self.0.ambient.now();
        let closed = |one: &Move| {
            let workload = self.0.cluster.by_uid(&one.workload.uid)?;
            Settings::read(&workload, &one.container, &self.0.bounds).ok()?.closed_until(now)
        };
        plan.moves.iter().filter_map(closed).collect()
    }
}
