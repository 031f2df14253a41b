//! What a link is about, as people see it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::Cluster;
use crate::domain::actor::{Actor, Person, SignedIn};
use crate::domain::approval::{Allows, Approval};
use crate::domain::declared::Kinds;
use crate::domain::fleet::Asks;
use crate::domain::grounds::Grounds;
use crate::domain::group::{Move, Plan};
use crate::domain::history::{Choice, Ran};
use crate::domain::preflight::Preflight;
use crate::domain::record::{Held, Question};
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::votes::{Ballot, Quorum, Vote};
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
    /// Who holds this link: `channel:address`. Empty where somebody who signed in answers without one.
    pub holder: String,
    /// Who that is, where somebody answers for it.
    pub signed_in: Option<SignedIn>,
    /// Who approved it, and how many have to.
    pub ballot: Ballot,
    /// Whether a link whose time is over may have a new one in its place.
    pub is_renewable: bool,
    /// Whether the workload stands there and is not watched any more, as its settings were taken off.
    pub is_unwatched: bool,
}

impl Asked {
    /// Whose word an answer is.
    #[must_use]
    pub fn person(&self) -> Person {
        match (&self.signed_in, self.holder.as_str()) {
            (Some(by), "") => by.alone(),
            (by, holder) => Person::of(by.as_ref(), holder.to_owned()),
        }
    }

    /// Whether the workload has the container still that was asked about.
    #[must_use]
    pub fn has_container(&self) -> bool {
        self.workload.container(&self.approval.container).is_some()
    }

    /// Whether it takes one more gesture than a button: a major update, of any member of a group, and going back.
    #[must_use]
    pub fn is_to_be_read(&self) -> bool {
        Question::is_to_be_read(self.approval.allows, self.level, self.group.as_deref())
    }

    /// The same, as it is told and written down.
    #[must_use]
    pub fn by(&self) -> Actor {
        self.person().actor()
    }

    /// Whether the container runs still what it ran when it was asked.
    #[must_use]
    pub fn runs_still(&self) -> bool {
        let runs = self.workload.container(&self.approval.container);
        runs.is_some_and(|(_, found)| *found.image == *self.approval.from_image)
    }

    /// The tag that ran when it was asked, if it had one.
    #[must_use]
    pub fn from_tag(&self) -> Option<Tag> {
        ImageReference::parse(&self.approval.from_image).ok()?.running_tag()
    }

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
        (holder, signed_in): (String, Option<&SignedIn>),
    ) -> Asked {
        let now = self.0.ambient.now();
        let (own, all) = self.settings_together(workload, question, &approval.container);
        let window_opens = all.iter().filter_map(|settings| settings.closed_until(now)).max();
        let release_url = own.and_then(|s| s.release_url).map(|url| url.for_tag(approval.to_tag.as_str()));
        let needed = quorum(question, &all);
        let Question { level, why, asked, with, declares, preflight, because, group, votes, .. } = question.clone();
        let mut asked = Asked {
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
            signed_in: signed_in.cloned(),
            ballot: Ballot { votes, needed, is_yours: false },
            is_renewable: false,
            is_unwatched: false,
        };
        asked.ballot.is_yours = self.vote(&asked).is_some_and(|vote| asked.ballot.votes.have(&vote));
        asked
    }

    /// The vote that an approval would be, by whoever holds the link.
    pub(super) fn vote(&self, asked: &Asked) -> Option<Vote> {
        let (person, key) = (asked.person(), self.0.keys.named(asked.approval.key.as_str())?);
        Vote::of(&person, person.actor(), key, &asked.approval.id, self.0.ambient.now())
    }

    /// How many people have to approve: as many as any of what goes together asks for, by the settings of today.
    pub(in crate::reconcile) fn needed(&self, workload: &Workload, question: &Question, container: &str) -> Quorum {
        quorum(question, &self.settings_together(workload, question, container).1)
    }

    /// The settings of all that goes together, as far as they can be read; those of the container itself apart as well.
    fn settings_together(
        &self,
        workload: &Workload,
        question: &Question,
        container: &str,
    ) -> (Option<Settings>, Vec<Settings>) {
        let read = |workload: &Workload, container: &str| Settings::read(workload, container, &self.0.bounds).ok();
        let own = read(workload, container);
        let with = question.with.iter().filter_map(|one| read(workload, one));
        let of_member = |one: &Move| {
            let workload = self.0.cluster.by_uid(&one.workload.uid)?;
            Some(one.containers().filter_map(|container| read(&workload, container)).collect::<Vec<_>>())
        };
        let members = question.group.iter().flat_map(|plan| plan.moves.iter().filter_map(of_member)).flatten();
        let all = own.clone().into_iter().chain(with).chain(members).collect();
        (own, all)
    }
}

/// How many people have to approve an update. Going back, and letting a version go, always take one.
fn quorum(question: &Question, settings: &[Settings]) -> Quorum {
    let all = settings.iter().map(|settings| settings.approvals);
    all.max().filter(|_| question.terms.allows == Allows::Update).unwrap_or_default()
}
