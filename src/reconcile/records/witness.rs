//! The second witness: what was written on workloads last, remembered beside the queue and, in short, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cluster::Cluster;
use crate::domain::record::Record;
use crate::domain::record::sealed::{self, fingerprint};
use crate::domain::settings::Fingerprint;
use crate::domain::workload::Workload;
use crate::queue::{AnswerWrite, Answering, Queue, Records, Written};
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;

/// The most workloads whose newest record is remembered in memory; for others the store is asked.
const MOST_MARKED: usize = 20_000;

/// The most records that are kept in memory while the store does not take them.
const MOST_UNSAVED: usize = 256;

/// What is remembered of the newest record of a workload; with sequence 0 nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) sequence: u64,
    pub(crate) fingerprint: u64,
    pub(crate) settings: Option<Fingerprint>,
    pub(crate) answering: Option<Answering>,
}

impl Mark {
    /// The sequence number of the record that would carry an answer of which it is not known whether it was written; nothing
    /// where this or a newer one was.
    pub(crate) fn in_doubt(&self, newest: u64) -> Option<u64> {
        self.answering.as_ref().map(|answering| answering.sequence).filter(|answering| *answering > newest)
    }

    fn of(written: &Written) -> Self {
        Self {
            sequence: written.sequence,
            fingerprint: short(&written.record),
            settings: written.settings,
            answering: written.answering.clone(),
        }
    }
}

/// Enough to tell two texts of ours apart; neither is anybody else's, as both are signed.
pub(crate) fn short(text: &str) -> u64 {
    u64::from_str_radix(fingerprint(text).get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// The marks, by uid.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: Mutex<HashMap<Box<str>, Mark>>,
    /// Records that the store did not take.
    unsaved: Mutex<HashMap<Box<str>, Written>>,
    /// Which version of a workload was there when a store that others write to was asked last.
    asked: Mutex<HashMap<Box<str>, u64>>,
}

/// One write to a workload at a time, from its patch until it is remembered; workloads share a few locks.
#[derive(Debug)]
pub(crate) struct Turns([tokio::sync::Mutex<()>; 64]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl Turns {
    pub(crate) async fn of(&self, uid: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = usize::try_from(short(uid)).unwrap_or_default() % self.0.len();
        Some(self.0.get(turn)?.lock().await)
    }
}

/// Forgets all, where there is no room for one more: the store knows it.
fn make_room<V>(known: &mut HashMap<Box<str>, V>, uid: &str) {
    if known.len() >= MOST_MARKED && !known.contains_key(uid) {
        known.clear();
    }
}

impl Marks {
    /// What the store did not take of a workload.
    pub(crate) fn unsaved(&self, uid: &str) -> Option<Written> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Keeps what the store did not take, unless something newer is kept.
    fn keep(&self, uid: &str, written: Written) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = unsaved.len() < MOST_UNSAVED || unsaved.contains_key(uid);
        if has_room && unsaved.get(uid).is_none_or(|kept| kept.sequence <= written.sequence) {
            unsaved.insert(uid.into(), written);
        }
    }

    /// Forgets what was kept, as the store took this one.
    fn saved(&self, uid: &str, sequence: u64) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        if unsaved.get(uid).is_some_and(|kept| kept.sequence <= sequence) {
            unsaved.remove(uid);
        }
    }

    /// The sequence number of what was written last, as far as that was seen since the start.
    pub(crate) fn sequence(&self, uid: &str) -> Option<u64> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).get(uid).map(|mark| mark.sequence)
    }

    fn get(&self, uid: &str) -> Option<Mark> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Takes over what was written, unless somebody wrote a newer one meanwhile, and leaves a later answer in doubt.
    fn put(&self, uid: &str, mut mark: Mark) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut marks, uid);
        match marks.get(uid) {
            Some(known) if known.sequence > mark.sequence => {}
            known => {
                let in_doubt = known.and_then(|known| known.answering.clone()).or(mark.answering.take());
                mark.answering = in_doubt.filter(|answering| answering.sequence > mark.sequence);
                marks.insert(uid.into(), mark);
            }
        }
    }

    /// Takes over what the store says that others write to, unless a newer one was known already: the store may have lost it.
    fn renew(&self, uid: &str, mark: Mark) -> Mark {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut marks, uid);
        let known = marks.remove(uid).filter(|known| known.sequence > mark.sequence);
        marks.entry(uid.into()).insert_entry(known.unwrap_or(mark)).get().clone()
    }

    fn forget(&self, uid: &str) {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Whether the store was asked about a workload since it became this version.
    fn was_asked(&self, uid: &str, version: u64) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(uid) == Some(&version)
    }

    fn asked(&self, uid: &str, version: u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut asked, uid);
        asked.insert(uid.into(), version);
    }

    fn answering(&self, uid: &str, write: AnswerWrite) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mark) = marks.get_mut(uid) {
            mark.answering = write.after(mark.answering.take());
        }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    pub(crate) async fn marked(&self, uid: &str) -> Result<Mark, StepError> {
        if let Some(mark) = self.1.marks.get(uid) {
            return Ok(mark);
        }
        let mark = self.remembered(uid).await?.as_ref().map(Mark::of).unwrap_or_default();
        self.1.marks.put(uid, mark.clone());
        Ok(mark)
    }

    /// The same, as it is by now where other processes write to the store: what this one read may be old. And whether the
    /// store has forgotten it, as one may that lost what it had not synced.
    pub(crate) async fn marked_by_all(&self, uid: &str) -> Result<(Mark, bool), StepError> {
        if !self.0.queue.is_shared() {
            return Ok((self.marked(uid).await?, false));
        }
        let stored = self.remembered(uid).await?.as_ref().map(Mark::of).unwrap_or_default();
        let sequence = stored.sequence;
        let mark = self.1.marks.renew(uid, stored);
        let is_forgotten = sequence < mark.sequence;
        Ok((mark, is_forgotten))
    }

    /// The same where nobody has what was marked any more: what the store says counts.
    pub(crate) async fn marked_as_stored(&self, uid: &str) -> Result<Mark, StepError> {
        let stored = self.remembered(uid).await?.as_ref().map(Mark::of).unwrap_or_default();
        self.1.marks.forget(uid);
        Ok(self.1.marks.renew(uid, stored))
    }

    /// The same for a decision on this version of a workload: whoever of us writes to it makes another one of it.
    pub(crate) async fn marked_on(&self, workload: &Workload) -> Result<(Mark, bool), StepError> {
        let (uid, version) = (&*workload.id.uid, workload.resource_version);
        if !self.0.queue.is_shared() || self.1.marks.was_asked(uid, version) {
            return Ok((self.marked(uid).await?, false));
        }
        let marked = self.marked_by_all(uid).await?;
        self.1.marks.asked(uid, version);
        Ok(marked)
    }

    /// What was written last, as far as it is known beside the workload.
    async fn remembered(&self, uid: &str) -> Result<Option<Written>, StepError> {
        match self.1.marks.unsaved(uid) {
            // Others may have written since.
            Some(unsaved) if self.0.queue.is_shared() => {
                let stored = self.0.queue.newest(uid).await?;
                Ok(stored.filter(|stored| stored.sequence > unsaved.sequence).or(Some(unsaved)))
            }
            Some(unsaved) => Ok(Some(unsaved)),
            None => Ok(self.0.queue.newest(uid).await?),
        }
    }

    /// The record with this sequence number or a newer one, where the one on the workload is older: never nothing, as it was
    /// written. While the store takes no writes it may not be kept anywhere.
    pub(crate) async fn newest(&self, uid: &str, sequence: u64) -> Result<Record, StepError> {
        let written = self.remembered(uid).await?.filter(|written| sequence <= written.sequence);
        let Some(written) = written else { return Err(StepError::NotRemembered) };
        let history = (!written.history.is_empty()).then_some(&*written.history);
        sealed::remembered(&written.record, history).ok_or(StepError::NotRemembered)
    }

    /// Remembers what was written. What the store does not take is kept in memory, and given to it at the next look.
    ///
    /// It is marked in any case, so that an older record is not taken for the newest one.
    pub(crate) async fn remember(&self, uid: &str, written: Written) {
        match self.0.queue.remember(uid, written.clone()).await {
            Ok(()) => self.1.marks.saved(uid, written.sequence),
            Err(error) => {
                tracing::warn!(uid, error = %crate::telemetry::chain(&error), "what was written on a workload is not remembered beside the queue for now; until it is, nothing but its annotations would tell of it after a restart");
                self.1.marks.keep(uid, written.clone());
            }
        }
        self.1.marks.put(uid, Mark::of(&written));
    }

    /// Remembers which settings a workload has of which something is known, if that is news and may be somebody's word:
    /// what comes back with an older record is compared with them. Where nothing but this tells of an edit, as the record is of
    /// an earlier release, it is remembered with the record that is written for it.
    pub(crate) async fn remember_settings(&self, workload: &Arc<Workload>) -> Result<(), StepError> {
        let (uid, settings) = (&workload.id.uid, Some(Fingerprint::of(workload)));
        let mark = self.marked(uid).await?;
        let is_let_go = self.0.cluster.was_let_go(uid);
        if mark.sequence == 0 || mark.settings == settings && !is_let_go {
            return Ok(());
        }
        let draft = self.draft(Arc::clone(workload)).await?;
        if draft.settings_went_back().is_some() || draft.record.settings.is_none() && draft.has_new_settings() {
            return Ok(());
        }
        if let Some(newest) = self.remembered(uid).await?.filter(|newest| newest.sequence == draft.read) {
            self.remember(uid, Written { settings, ..newest }).await;
            self.0.cluster.is_watched_again(uid);
        }
        Ok(())
    }

    /// Remembers that an answer is about to be written, or that it was not.
    pub(crate) async fn answering(&self, uid: &str, write: AnswerWrite) -> Result<(), StepError> {
        self.marked(uid).await?;
        self.0.queue.answering(uid, write.clone()).await?;
        self.1.marks.answering(uid, write);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(sequence: u64) -> Written {
        Written { sequence, record: sequence.to_string(), ..Written::default() }
    }

    #[test]
    fn what_is_remembered_late_takes_nothing_back() {
        let marks = Marks::default();
        let answering = Answering { sequence: 3, on: crate::queue::WrittenOn::Generation(1), container: "web".into() };
        marks.put("uid", Mark::of(&written(2)));
        marks.answering("uid", AnswerWrite::Begins(answering.clone()));
        marks.put("uid", Mark::of(&written(2)));
        marks.answering("uid", AnswerWrite::Failed(2));
        assert_eq!(marks.get("uid").unwrap().answering, Some(answering), "of a later write it is not known yet");
        marks.put("uid", Mark::of(&written(3)));
        assert_eq!(marks.get("uid").unwrap(), Mark::of(&written(3)));
        marks.put("uid", Mark::of(&written(1)));
        assert_eq!(marks.get("uid").unwrap().sequence, 3);
    }

    #[test]
    fn what_others_wrote_counts_and_what_a_store_lost_does_not() {
        let (marks, answering) = (Marks::default(), |sequence| {
            let on = crate::queue::WrittenOn::Generation(1);
            Answering { sequence, on, container: "web".into() }
        });
        marks.put("uid", Mark::of(&written(2)));
        marks.answering("uid", AnswerWrite::Begins(answering(3)));
        assert_eq!(marks.renew("uid", Mark::of(&written(2))).answering, None, "another refused it");
        let asked = Mark::of(&Written { answering: Some(answering(5)), ..written(4) });
        assert_eq!(marks.renew("uid", asked.clone()), asked);
        assert_eq!(marks.renew("uid", Mark::of(&written(3))), asked, "it was synced no more");
        assert_eq!(marks.get("uid"), Some(asked));
        marks.forget("uid");
        assert_eq!(marks.renew("uid", Mark::of(&written(3))).sequence, 3);
        marks.asked("uid", 7);
        assert!(marks.was_asked("uid", 7) && !marks.was_asked("uid", 8));
    }

    #[test]
    fn what_the_store_did_not_take_is_kept_until_it_takes_it_or_a_newer_one() {
        let marks = Marks::default();
        marks.keep("uid", written(2));
        marks.keep("uid", written(1));
        marks.saved("uid", 1);
        assert_eq!(marks.unsaved("uid"), Some(written(2)));
        marks.saved("uid", 3);
        assert_eq!(marks.unsaved("uid"), None);
        for n in 0..=MOST_UNSAVED {
            marks.keep(&n.to_string(), written(1));
        }
        assert_eq!(marks.unsaved.lock().unwrap().len(), MOST_UNSAVED);
    }
}
