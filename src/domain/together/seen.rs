//! Where the members of a plan stand, from what they run and what is known of them.

use chrono::{DateTime, Utc};

use crate::domain::approval::LIFETIME;
use crate::domain::group::{GroupName, Move, Plan, Stands, of};
use crate::domain::history::Outcome;
use crate::domain::record::{Ledger, Update};
use crate::domain::reference::ImageReference;
use crate::domain::workload::Workload;

/// A container of a group as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'s> {
    /// The workload.
    pub workload: &'s Workload,
    /// Its container.
    pub container: &'s str,
    /// What is known of it.
    pub ledger: Option<&'s Ledger>,
}

impl<'s> Seen<'s> {
    /// Its update of a plan.
    #[must_use]
    pub fn update_of(&self, plan: &Plan) -> Option<&'s Update> {
        self.ledger?.update.as_ref().filter(|update| update.is_of(plan))
    }

    fn runs(&self) -> Option<&'s str> {
        self.workload.container(self.container).map(|(_, found)| &*found.image)
    }

    fn stands(&self, plan: &Plan, one: &Move, now: DateTime<Utc>) -> Stands {
        let Some(image) = self.runs() else { return Stands::Gone };
        if let Some(update) = self.update_of(plan) {
            let runs_it = update.runs_on(self.workload, self.container);
            let stays = self.ledger.is_some_and(|ledger| ledger.stays.is_some());
            return match (update.undoes.is_some(), update.outcome) {
                (false, _) if runs_it && stays => Stands::Stays,
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
        // Somebody took it back.
        let is_held = self.ledger.is_some_and(|it| it.holds(&one.tag, &one.digest).is_some());
        if !is_as_it_was || is_held {
            return Stands::Elsewhere;
        }
        let refuses = self.ledger.is_some_and(|it| it.refuses(&one.tag, &one.digest, now).is_some());
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
        let updates = members.iter().filter_map(|member| member.ledger?.update.as_ref());
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
