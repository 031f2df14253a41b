//! Questions that are asked anew as the key of their links is gone.

use super::Reconciler;
use super::draft::{Draft, Wrong};
use crate::cluster::Cluster;
use crate::domain::record::Question;
use crate::domain::record::sealed::NotOurs;
use crate::queue::{Queue, Records};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Tells once that people were asked before by links that nobody can read any more, where they were.
    pub(super) fn tell_of_lost_key(&self, draft: &Draft, before: Option<&Question>) {
        let is_read = |question: &Question| self.0.keys.named(question.terms.key.as_str()).is_some();
        let is_lost = before.is_some_and(|before| !is_read(before));
        if !is_lost && draft.wrong != Some(Wrong::NotOurs(NotOurs::OtherKey)) {
            return;
        }
        self.count("proposed", "other_key");
        let now = self.0.ambient.monotonic();
        if let Some(suppressed) = self.1.repeats.line("", ("link key", "asked anew"), now) {
            tracing::warn!(
                suppressed,
                "the key that signed links before is not configured, so they lead nowhere: what is open is asked anew. If that key is at hand, put it behind the new one in IMAGE_WATCHER_LINK_KEY"
            );
        }
    }
}
