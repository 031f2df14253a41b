//! Why nothing is decided, as a closed set that has words in every language.

use super::Undecided;
use crate::domain::view::Ungrounded;

impl Undecided {
    /// The same for whoever looks at it.
    #[must_use]
    pub fn ungrounded(&self) -> Ungrounded {
        match self {
            Self::List(doubt) => Ungrounded::List(doubt.clone()),
            Self::Missing(tags) => Ungrounded::NoManifest(tags.clone()),
            Self::Unreleased(tags) => Ungrounded::Unreleased(tags.clone()),
            Self::Unfit(unfit) => Ungrounded::Unfit(unfit.clone()),
            Self::Gone(gone) => Ungrounded::Gone(gone.clone()),
            Self::Untimed => Ungrounded::Untimed,
            Self::Unmatched(unmatched) => Ungrounded::Unmatched(*unmatched),
            Self::Registry(error) => error.ungrounded(),
            Self::Unlisted => Ungrounded::Unknown,
        }
    }
}
