//! What a view comes to, for whoever says it when the list and the decision are gone.

use super::{Blocker, Pointed, Reason, State, Unfinished, View};
use crate::domain::grounds::Grounds;
use crate::domain::policy::{Counts, Ruling};

/// Where a container would go or why it stays, and what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gist {
    /// What it is called.
    pub subject: String,
    /// The running tag.
    pub from: String,
    /// Whether that is the `latest` of an image without a tag.
    pub implied: bool,
    /// The tag to go to.
    pub to: Option<String>,
    /// What is decided.
    pub state: State,
    /// Why.
    pub why: Why,
    /// The rollout of what runs, as long as it has not completed.
    pub rollout: Option<Unfinished>,
    /// What stands between the decision and the update.
    pub blockers: Vec<Blocker>,
}

/// A [`Reason`] that owns what it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is a version, and this speaks for it.
    Version(Grounds),
    /// The same, and its cooldown counts from there.
    Cooling(Grounds, Counts),
    /// The newest one is held back.
    HeldBack(String, Ruling),
    /// Nothing in the list is newer and of the same family.
    NothingNewer,
    /// Of so many other tags of the list none is of its kind.
    NoneOfItsKind(u64),
    /// The running tag can't be compared.
    NoOrder(Ruling),
    /// The list is empty.
    NoTags,
    /// The running tag is followed, and this is known of it.
    Followed(Pointed),
}

impl From<&Reason<'_>> for Why {
    fn from(reason: &Reason<'_>) -> Self {
        match reason {
            Reason::Version(grounds) => Self::Version(grounds.clone()),
            Reason::Cooling(grounds, counts) => Self::Cooling(grounds.clone(), *counts),
            Reason::HeldBack { tag, by } => Self::HeldBack(tag.clone(), (*by).into()),
            Reason::NothingNewer => Self::NothingNewer,
            Reason::NoneOfItsKind(others) => Self::NoneOfItsKind(*others),
            Reason::NoOrder(verdict) => Self::NoOrder((*verdict).into()),
            Reason::NoTags => Self::NoTags,
            Reason::Followed(pointed) => Self::Followed(*pointed),
        }
    }
}

impl View<'_> {
    /// What it comes to, of what is called `subject`.
    #[must_use]
    pub fn gist(&self, subject: &str) -> Gist {
        Gist {
            subject: subject.to_owned(),
            from: self.from.clone(),
            implied: self.implied,
            to: self.to.clone(),
            state: self.state,
            why: Why::from(&self.why),
            rollout: self.rollout.clone(),
            blockers: self.blockers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{Mode, Policy, Strategy};
    use crate::domain::view::tests::view;

    #[test]
    fn what_stands_in_the_way_is_part_of_it() {
        let policy = Policy::of(Strategy::All);
        for (mode, blocker) in [(Mode::Notification, Blocker::Person), (Mode::Disabled, Blocker::Disabled)] {
            let gist = view("1.0.0", &["1.0.1"], &policy, Some(mode), |view| view.implied(true).gist("web"));
            assert_eq!((gist.implied, gist.blockers), (true, vec![blocker]));
        }
    }
}
