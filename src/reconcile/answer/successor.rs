//! The question that took the place of another: how it is about something else, and whether it can be answered.

use crate::domain::approval::{Allows, Terms};
use crate::domain::policy::{Policy, Strategy, step};

/// The question that took the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Successor {
    /// How it is about something else.
    pub about: About,
    /// Whether it can be answered.
    pub answerable: Answerable,
}

/// How a question differs from the one whose place it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It asks for a newer version.
    Newer,
    /// It asks for another version, which is not newer: the other was taken back, say.
    Other,
    /// It asks for the same once more.
    Again,
    /// It asks for the same tag, which points to something else by now.
    Moved,
    /// It asks for the same, in the place of another image.
    Elsewhere,
    /// A version was applied, and it asks whether to go back.
    Back,
    /// A version is held, and it asks whether to let that go.
    Held,
}

/// Whether a question can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerable {
    /// By its own link.
    Now,
    /// People are asked still, and the time of its link is over: a new one can be had.
    ByNewLink,
    /// Not as long as what is set refuses it: a dry run, or the workload's own settings.
    NotNow,
    /// Not any more.
    NoMore,
}

impl About {
    pub(super) fn of(old: &Terms, new: &Terms) -> Self {
        let every = Policy { prerelease: true, ..Policy::of(Strategy::All) };
        match new.allows {
            Allows::Back => Self::Back,
            Allows::Held => Self::Held,
            Allows::Update if old.tag != new.tag => {
                let is_newer = step(old.tag.as_str(), new.tag.as_str(), &every).is_some();
                if is_newer { Self::Newer } else { Self::Other }
            }
            Allows::Update if old.from != new.from => Self::Elsewhere,
            Allows::Update if old.digest != new.digest => Self::Moved,
            Allows::Update => Self::Again,
        }
    }
}
