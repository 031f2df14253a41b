//! Why only people decide, whatever the mode says.

use super::Record;
use super::ledger::{Ledger, WentBack};
use crate::domain::declared::Kinds;
use crate::domain::policy::is_older;
use crate::domain::reference::{Digest, Tag};

/// So many updates of a workload are set back by the tool that owns it, before only people decide on the next.
pub(super) const SET_BACKS_UNTIL_ASKED: u8 = 2;

/// Why only people decide on a container whose mode is `AUTO_UPDATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsksOnly {
    /// The tool that owns the workload, or makes it again, set back twice what the policy had decided.
    SetBackTwice,
    /// Other settings came with an older record, or without any.
    SettingsWentBack(WentBack),
    /// What was held was let go by a request, which says nothing of the right to change images.
    Released,
    /// The makers declare that the update breaks something, asks for steps, or migrates data.
    Declared(Kinds),
}

impl AsksOnly {
    /// What people are told.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SetBackTwice => {
                "the tool that owns or replaces this workload set back two updates, so people are asked now instead of updating by itself; let the tool write the new version, or, once it lets updates stand, set image-watcher/mode to NOTIFICATION, and to AUTO_UPDATE once this message is gone"
            }
            Self::Released => {
                "it was held and is held no more by a request on the workload, which whoever may annotate it can write, so people are asked first"
            }
            Self::Declared(kinds) if !kinds.any() => {
                "not all release notes on the way to this version could be read, so people are asked first"
            }
            Self::Declared(Kinds { migration: false, .. }) => {
                "the release notes declare breaking changes or steps by hand, so people are asked first"
            }
            Self::Declared(_) => {
                "the release notes declare that data are migrated or that there is no way back, so people are asked first"
            }
            Self::SettingsWentBack(WentBack::Older) => {
                "image-watcher's settings were changed by what set this workload back, as kubectl rollout undo does, so people are asked until a setting is edited; if the settings are right, set image-watcher/mode to NOTIFICATION, and to AUTO_UPDATE once this message is gone"
            }
            Self::SettingsWentBack(WentBack::Replaced) => {
                "image-watcher's settings were changed together with image-watcher/record, which was removed or replaced, so people are asked until a setting is edited; if the settings are right, set image-watcher/mode to NOTIFICATION, and to AUTO_UPDATE once this message is gone"
            }
        }
    }
}

impl Record {
    /// Why only people decide on a container, whatever the mode says, if they do.
    #[must_use]
    pub fn asks_only(&self, container: &str) -> Option<AsksOnly> {
        if self.is_set_back_twice() {
            return Some(AsksOnly::SetBackTwice);
        }
        self.known(container).in_doubt.map(|in_doubt| AsksOnly::SettingsWentBack(in_doubt.why))
    }

    /// The same for one update: what its makers declared when people were asked about it.
    #[must_use]
    pub fn asks_only_about(&self, container: &str, image: &str, tag: &Tag, digest: &Digest) -> Option<AsksOnly> {
        self.asks_only(container).or_else(|| self.known(container).asks_first(image, tag, digest))
    }

    /// Whether the tool that owns the workload let none of two updates stand, be they of one container or of two. What was written
    /// together with another container, and told with it, is one update.
    fn is_set_back_twice(&self) -> bool {
        let mut of_their_own = 0_u8;
        self.ledgers().any(|(_, ledger)| {
            if ledger.update.as_ref().is_none_or(|update| update.told_by.is_none()) {
                of_their_own = of_their_own.saturating_add(ledger.set_backs);
            }
            ledger.set_backs.max(of_their_own) >= SET_BACKS_UNTIL_ASKED
        })
    }
}

impl Ledger {
    /// Why people are asked first about one update.
    fn asks_first(&self, image: &str, tag: &Tag, digest: &Digest) -> Option<AsksOnly> {
        let declares =
            self.question_about(image, tag, digest).map(|question| question.declares).filter(|declares| declares.any());
        let released = self.released.as_ref().filter(|released| {
            let is_it = released.tag == *tag && released.digest.as_ref().is_none_or(|released| released == digest);
            is_it || is_older(tag.as_str(), released.tag.as_str())
        });
        declares.map(AsksOnly::Declared).or(released.map(|_| AsksOnly::Released))
    }
}
