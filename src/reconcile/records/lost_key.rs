//! Questions that are asked anew as the key of their links is gone.

use crate::cluster::Cluster;
use crate::domain::approval::{Allows, Terms};
use crate::domain::record::sealed::NotOurs;
use crate::domain::record::{Ledger, Question};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Draft, Work, Wrong};
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Tells once that people were asked before by links that nobody can read any more, where they were.
    pub(crate) fn tell_of_lost_key(&self, draft: &Draft, before: Option<&Question>) {
        let is_lost = before.is_some_and(|before| !self.is_read(before));
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
    /// The question of a container that could be answered, if anybody could read its links.
    pub(crate) fn unread<'l>(&self, ledger: &'l Ledger, allows: Allows) -> Option<&'l Question> {
        let is_it = |question: &&Question| question.terms.allows == allows && !self.is_read(question);
        ledger.open(self.0.ambient.now()).filter(is_it)
    }

    /// Whether to go back is asked by links that can be read, for as long as before. Nobody is told how an update went once more: who
    /// wants to go back finds it on the page, and by `image-watcher rollback`.
    pub(crate) fn renew_way_back(&self, work: &mut Work, target: &Target) {
        let unread = work.ledger(&target.container).and_then(|ledger| self.unread(ledger, Allows::Back));
        let Some(question) = unread.cloned() else { return };
        let Terms { from, from_digest, tag, digest, allows, group, .. } = question.terms.clone();
        let fresh = self.new_terms(&from, from_digest, tag, digest, allows);
        let terms = Terms { expires: question.terms.expires(), group, ..fresh };
        work.draft.ask(&target.container, Question { terms, ..question }, self.0.ambient.now());
    }

    fn is_read(&self, question: &Question) -> bool {
        self.0.keys.named(question.terms.key.as_str()).is_some()
    }
}
