//! Why only people decide, whatever the mode says.

use super::Record;
use super::ledger::{Ledger, WentBack};
use crate::domain::declared::Kinds;
use crate::domain::policy::is_older;
use crate::domain::reference::{Digest, Tag};

/// So many updates of a workload are set back by the tool that owns it, before only people decide on the next.
const SET_BACKS_UNTIL_ASKED: u8 = 2;

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
        let told = self.ledgers().map(|(_, ledger)| ledger.told_set_backs()).fold(0, u8::saturating_add);
        self.ledgers().map(|(_, ledger)| ledger.set_backs).fold(told, u8::max) >= SET_BACKS_UNTIL_ASKED
    }
}

impl Ledger {
    /// How often updates were set back that were told of here. Of what an earlier release wrote, the newest update says it.
    pub(super) fn told_set_backs(&self) -> u8 {
        let is_told_elsewhere = || self.update.as_ref().is_some_and(|update| update.told_by.is_some());
        self.told_set_backs.unwrap_or_else(|| if is_told_elsewhere() { 0 } else { self.set_backs })
    }

    /// One more update was set back: one that was told of here, or with that of another container.
    pub(super) fn count_set_back(&mut self, is_told_here: bool) {
        let told = self.told_set_backs().saturating_add(u8::from(is_told_here));
        self.told_set_backs = Some(told.min(SET_BACKS_UNTIL_ASKED));
        self.set_backs = self.set_backs.saturating_add(1).min(SET_BACKS_UNTIL_ASKED);
    }

    /// The next that is set back is the first.
    pub(super) fn forget_set_backs(&mut self) {
        (self.set_backs, self.told_set_backs) = (0, None);
    }

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
