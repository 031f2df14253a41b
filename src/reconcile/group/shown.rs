//! How the last look at a group left each of its members, for those who look at them: page and API.

use super::{Group, Member};
use crate::domain::approval::Allows;
use crate::domain::group::{Move, Plan, Waits, called};
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::view::{CameTo, GroupStands, LastLook, OfGroup};
use crate::reconcile::Reconciler;
use crate::reconcile::answer::{Answer, Asked};

impl<Q, R, C> Reconciler<Q, R, C> {
    /// Remembers how the group stands, nothing where no member has anything newer. `plan` is where they go, where that is known.
    pub(super) fn shows(&self, group: &Group, stands: Option<&GroupStands>, plan: Option<&Plan>) {
        for member in &group.members {
            let to = plan.and_then(|plan| goes(plan, member));
            let came_to = match stands {
                None => CameTo::Nothing,
                // It runs what the others go to.
                Some(stands) if to.is_none() && !is_of_all(stands) => CameTo::Nothing,
                Some(stands) => {
                    CameTo::Group(Box::new(OfGroup { name: group.name.clone(), stands: stands.clone(), to }))
                }
            };
            let of = (&*member.target.workload.id.uid, member.target.container.as_str());
            self.looked_at_group(of, LastLook::answered(self.0.ambient.now(), came_to));
        }
    }

    /// The same of a question that a person has answered, which is about all of them.
    pub(in crate::reconcile) fn shows_answer(&self, asked: &Asked, answer: &Answer) {
        let Some(plan) = asked.group.as_deref() else { return };
        let by = || called(&asked.workload.id, &asked.approval.container);
        let stands = match answer {
            Answer::Approved(_) => Some(GroupStands::Waits(Waits::UnderWay(by()))),
            Answer::Snoozed(_, until) => Some(GroupStands::PutOff(by(), *until)),
            Answer::Skipped(_) => None,
            _ => return,
        };
        for (one, container) in plan.moves.iter().flat_map(|one| one.containers().map(move |name| (one, name))) {
            let came_to = stands.clone().map_or(CameTo::Nothing, |stands| {
                let to = Some((one.tag.clone(), one.digest.clone(), one.level));
                CameTo::Group(Box::new(OfGroup { name: plan.name.clone(), stands, to }))
            });
            let look = LastLook::answered(self.0.ambient.now(), came_to);
            self.looked_at_group((&*one.workload.uid, container), look);
        }
    }

    /// How a group stands of which this member leads: people are asked by its question, or have put that off.
    pub(super) fn led_by(&self, group: &Group, leader: usize) -> GroupStands {
        let (now, member) = (self.0.ambient.now(), group.members.get(leader));
        let question = member.and_then(|member| group.ledger(member)?.question.as_ref());
        let question = question.filter(|it| it.terms.allows == Allows::Update && it.group.is_some());
        let name = || member.map(Member::name).unwrap_or_default();
        match question.map(|question| (question, question.snoozed_until(now))) {
            Some((_, Some(until))) => GroupStands::PutOff(name(), until),
            Some((question, None)) if question.is_open(now) => GroupStands::Asked(name(), question.terms.expires()),
            _ => GroupStands::Person,
        }
    }
}

/// Whether it is so for members, too, that run what the others go to.
fn is_of_all(stands: &GroupStands) -> bool {
    matches!(stands, GroupStands::Waits(_) | GroupStands::GoesBack(_))
}

/// Where a member goes that runs what it ran when this was agreed on.
fn goes(plan: &Plan, member: &Member) -> Option<(Tag, Digest, Level)> {
    let (workload, container) = (&member.target.workload, member.target.container.as_str());
    let image = &*workload.container(container)?.1.image;
    let is_it = |one: &&Move| {
        one.workload.uid == workload.id.uid && one.containers().any(|name| name == container) && *one.from == *image
    };
    plan.moves.iter().find(is_it).map(|one| (one.tag.clone(), one.digest.clone(), one.level))
}
