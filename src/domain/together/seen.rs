//! Where the members of a plan stand, from what they run and what is known of them.

use chrono::{DateTime, Utc};

use crate::domain::approval::LIFETIME;
use crate::domain::event::Failure;
use crate::domain::group::{GroupName, Move, Plan, Stands, of};
use crate::domain::history::Outcome;
use crate::domain::record::{Ledger, Record, Undone, Update};
use crate::domain::reference::ImageReference;
use crate::domain::workload::Workload;

/// A container of a group as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'s> {
    /// The workload.
    pub workload: &'s Workload,
    /// Its container.
    pub container: &'s str,
    /// What is known of the workload.
    pub record: Option<&'s Record>,
}

impl<'s> Seen<'s> {
    /// Its update of a plan.
    #[must_use]
    pub fn update_of(&self, plan: &Plan) -> Option<&'s Update> {
        self.ledger()?.update.as_ref().filter(|update| update.is_of(plan))
    }

    /// What is known of the container.
    pub(super) fn ledger(&self) -> Option<&'s Ledger> {
        self.record?.ledger(self.container)
    }

    fn runs(&self) -> Option<&'s str> {
        self.workload.container(self.container).map(|(_, found)| &*found.image)
    }

    fn stands(&self, plan: &Plan, one: &Move, now: DateTime<Utc>) -> Stands {
        let Some(image) = self.runs() else { return Stands::Gone };
        if let Some(update) = self.update_of(plan) {
            let runs_it = update.runs_on(self.workload, self.container);
            let stays = self.ledger().is_some_and(|ledger| ledger.stays.is_some());
            let went_along = |undone: &Undone| undone.failure.as_ref().is_some_and(Failure::is_of_group);
            return match (update.undoes.is_some(), update.outcome) {
                (false, _) if runs_it && stays => Stands::Stays,
                (true, _) if update.undoes.as_deref().is_some_and(went_along) => Stands::BackWith,
                (true, _) => Stands::Back,
                (false, _) if !runs_it => Stands::Elsewhere,
                (false, Outcome::RollingOut) => Stands::UnderWay,
                (false, Outcome::Healthy) => Stands::Healthy,
                (false, Outcome::Failed) => Stands::Failed,
                (false, _) => Stands::Elsewhere,
            };
        }
        if *image == *one.from { self.waits(plan, one, now) } else { arrived(image, one) }
    }

    /// One that runs what it ran.
    fn waits(&self, plan: &Plan, one: &Move, now: DateTime<Utc>) -> Stands {
        // What goes with it is what people were shown, or what was decided on.
        let goes_with = |other: &str| {
            let names = of(self.workload, other).is_some_and(|named| named.name == plan.name);
            names && self.workload.moves_with(self.container, other)
        };
        let is_as_it_was = one.with.iter().all(|other| goes_with(other));
        // Somebody took it back, or what goes with it: they are written together, or not at all.
        let is_held = self
            .record
            .is_some_and(|it| one.containers().any(|name| it.known(name).holds(&one.tag, &one.digest).is_some()));
        if !is_as_it_was || is_held {
            return Stands::Elsewhere;
        }
        let refuses = self.ledger().is_some_and(|it| it.refuses(&one.tag, &one.digest, now).is_some());
        if refuses { Stands::Refused } else { Stands::Waits }
    }
}

/// One that runs something else than before, and was not written for the plan.
fn arrived(image: &str, one: &Move) -> Stands {
    let runs = ImageReference::parse(image).ok();
    let is_there = runs.is_some_and(|it| it.tag() == Some(&one.tag) && it.digest().is_none_or(|it| *it == one.digest));
    if is_there { Stands::Arrived } else { Stands::Elsewhere }
}

impl Plan {
    /// The plan of a group that was written last.
    #[must_use]
    pub fn newest(name: &GroupName, members: &[Seen<'_>]) -> Option<Self> {
        let updates = members.iter().filter_map(|member| member.ledger()?.update.as_ref());
        let of_it = updates.filter(|update| update.group.as_ref().is_some_and(|plan| plan.name == *name));
        of_it.max_by_key(|update| update.at)?.group.as_deref().cloned()
    }

    /// Where its members stand, in the order of its moves.
    #[must_use]
    pub fn stands(&self, members: &[Seen<'_>], now: DateTime<Utc>) -> Vec<Stands> {
        let stands = |one: &Move| {
            let found = members.iter().find(|it| one.is_of(&it.workload.id.uid, it.container));
            found.map_or(Stands::Gone, |found| found.stands(self, one, now))
        };
        self.moves.iter().map(stands).collect()
    }

    /// Whether it is so old that nobody means it any more: what is left of it is decided on anew.
    #[must_use]
    pub fn is_stale(&self, members: &[Seen<'_>], now: DateTime<Utc>) -> bool {
        let updates = members.iter().filter_map(|member| member.update_of(self));
        updates.map(|update| update.ended.unwrap_or(update.at)).max().is_none_or(|last| now >= last + LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::group::tests::plan;
    use crate::domain::record::{Event, Running};
    use crate::domain::reference::Digest;
    use crate::domain::workload::tests::workload;

    #[test]
    fn what_goes_with_a_member_and_holds_the_version_keeps_the_member_from_it() {
        let (old, new) = ("web:1.0.0", format!("web:1.1.0@{}", Digest::of(b"new")));
        let runs = |image: &str| Running::of(&ImageReference::parse(image).unwrap()).unwrap();
        let mut workload = workload(&[("web", old), ("copy", old)], &[("group", "shop")]);
        workload.id.uid = "uid-0".into();
        let mut plan = plan(1, false);
        plan.moves[0].with = vec!["copy".into()];
        let now = DateTime::UNIX_EPOCH;
        let stands = |held: Option<&str>| {
            let mut record = Record::default();
            if let Some(container) = held {
                record.on(container, Event::Runs(runs(&new)), now);
                let (by, owned, question) = (Vec::new(), false, None);
                record.on(container, Event::SetBack { to: runs(old), by, owned, question }, now);
            }
            plan.stands(&[Seen { workload: &workload, container: "web", record: Some(&record) }], now)
        };
        assert_eq!(stands(None), [Stands::Waits]);
        assert_eq!(stands(Some("web")), [Stands::Elsewhere]);
        assert_eq!(stands(Some("copy")), [Stands::Elsewhere], "they are written together");
    }
}
