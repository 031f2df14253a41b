//! What the release of a version is at its project's forge, by now.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a project says of one of its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It is released.
    Released,
    /// It is marked as a prerelease.
    Prerelease,
    /// It was released, and is a draft now, or gone.
    Withdrawn,
}

impl Standing {
    /// Whether a version is held back for it, where prereleases are taken and where they are not.
    #[must_use]
    pub fn holds_back(self, takes_prereleases: bool) -> bool {
        match self {
            Self::Released => false,
            Self::Prerelease => !takes_prereleases,
            Self::Withdrawn => true,
        }
    }
}

impl fmt::Display for Standing {
    /// In a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Released => "its project released it",
            Self::Prerelease => "its project marks it as a prerelease",
            Self::Withdrawn => "its project took its release back",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prerelease_holds_back_who_wants_none_and_what_was_taken_back_holds_back_everybody() {
        for (standing, releases_only, all) in
            [(Standing::Released, false, false), (Standing::Prerelease, true, false), (Standing::Withdrawn, true, true)]
        {
            assert_eq!((standing.holds_back(false), standing.holds_back(true)), (releases_only, all), "{standing}");
        }
    }
}
