//! Reading what we know of a workload, and writing what is known then.
//!
//! Annotations are anybody's to copy, set back or forge, so they are believed only as far as their signature goes, and only
//! if they are not older than what was written last: that is remembered beside the queue. What is not believed is put right
//! by the next write, which is told once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::draft::{Draft, Image, Wrong};
use super::{Reconciler, StepError};
use crate::cluster::annotations::{self, Sealed};
use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::history::History;
use crate::domain::record::sealed::{self, NotOurs, Opened, fingerprint};
use crate::domain::record::{Event, Record, of_the_first_release};
use crate::domain::reference::Repository;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::{Answering, Queue, Records, Written};
use crate::registry::Registry;

/// The most workloads whose newest record is remembered in memory; for others the store is asked.
const MOST_MARKED: usize = 20_000;

/// The most records that are kept in memory while the store does not take them.
const MOST_UNSAVED: usize = 256;

/// What is remembered of the newest record of a workload; with sequence 0 nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mark {
    sequence: u64,
    fingerprint: u64,
    disabled: bool,
    answering: Option<Answering>,
}

impl Mark {
    fn of(written: &Written) -> Self {
        Self {
            sequence: written.sequence,
            fingerprint: short(&written.record),
            disabled: written.disabled,
            answering: written.answering.clone(),
        }
    }
}

/// Enough to tell two texts of ours apart; neither is anybody else's, as both are signed.
fn short(text: &str) -> u64 {
    u64::from_str_radix(fingerprint(text).get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// The marks, by uid.
#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: Mutex<HashMap<Box<str>, Mark>>,
    /// Records that the store did not take.
    unsaved: Mutex<HashMap<Box<str>, Written>>,
}

/// One write to a workload at a time, from its patch until it is remembered; workloads share a few locks.
#[derive(Debug)]
pub(super) struct Turns([tokio::sync::Mutex<()>; 64]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl Turns {
    async fn of(&self, uid: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = usize::try_from(short(uid)).unwrap_or_default() % self.0.len();
        Some(self.0.get(turn)?.lock().await)
    }
}

impl Marks {
    /// What the store did not take of a workload.
    fn unsaved(&self, uid: &str) -> Option<Written> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Keeps what the store did not take, or forgets it as it did.
    fn keep(&self, uid: &str, written: Option<Written>) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Some(written) if unsaved.len() < MOST_UNSAVED || unsaved.contains_key(uid) => {
                unsaved.insert(uid.into(), written);
            }
            _ => drop(unsaved.remove(uid)),
        }
    }

    fn get(&self, uid: &str) -> Option<Mark> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    fn put(&self, uid: &str, mark: Mark) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() >= MOST_MARKED && !marks.contains_key(uid) {
            marks.clear();
        }
        // Somebody may have written a newer one meanwhile.
        if marks.get(uid).is_none_or(|known| known.sequence <= mark.sequence) {
            marks.insert(uid.into(), mark);
        }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What is known of a workload.
    pub(super) async fn draft(&self, workload: Arc<Workload>) -> Result<Draft, StepError> {
        if let Some(unsaved) = self.1.marks.unsaved(&workload.id.uid) {
            self.remember(&workload.id.uid, unsaved).await;
        }
        let (before, wrong, mut record) = self.known(&workload).await?;
        record.keep_only(&workload);
        let Mark { disabled: was_disabled, sequence: read, .. } = self.marked(&workload.id.uid).await?;
        Ok(Draft {
            workload,
            record,
            before,
            wrong,
            was_disabled,
            read,
            is_touched: false,
            is_let_be: false,
            errors: BTreeMap::new(),
            loud: BTreeMap::new(),
            setting: None,
            guarded: Vec::new(),
            images: Vec::new(),
            announcements: Vec::new(),
        })
    }

    /// What stands on the workload, what is wrong with it, and what is known.
    async fn known(&self, workload: &Workload) -> Result<(Record, Option<Wrong>, Record), StepError> {
        let mark = self.marked(&workload.id.uid).await?;
        let (before, wrong, mut known) = self.believed(workload, &mark).await?;
        self.settle_answer(workload, &mut known, mark).await?;
        Ok((before, wrong, known))
    }

    async fn believed(&self, workload: &Workload, mark: &Mark) -> Result<(Record, Option<Wrong>, Record), StepError> {
        let text = annotations::text(workload).map(short);
        let is_newest = |record: &Record| {
            mark.sequence < record.sequence || mark.sequence == record.sequence && Some(mark.fingerprint) == text
        };
        let opened = match annotations::open(workload, &self.0.keys) {
            Opened::Ours(record) if is_newest(&record) => {
                if mark.sequence < record.sequence {
                    self.remember(&workload.id.uid, written(workload, &record)).await;
                }
                return Ok((Record::clone(&record), None, *record));
            }
            opened => opened,
        };
        let remembered = if mark.sequence > 0 { Some(self.newest(workload).await?) } else { None };
        Ok(match (opened, remembered) {
            (Opened::Nothing, Some(newest)) => (Record::default(), Some(Wrong::Missing), newest),
            (Opened::Nothing, None) => (Record::default(), None, of_the_first_release(workload)),
            // The record is right, and what is remembered of the history may be older.
            (Opened::WithoutHistory(record), remembered) if is_newest(&record) => {
                let history = remembered.map(|newest| newest.history).unwrap_or_default();
                (Record::clone(&record), Some(Wrong::History), record.with_history(history))
            }
            (Opened::Ours(record) | Opened::WithoutHistory(record), Some(newest)) => {
                let wrong = if mark.sequence == record.sequence { Wrong::Another } else { Wrong::Older };
                (*record, Some(wrong), newest)
            }
            (Opened::Ours(record) | Opened::WithoutHistory(record), None) => {
                (Record::clone(&record), Some(Wrong::History), *record)
            }
            (Opened::OfAnother(_), Some(newest)) => (Record::default(), Some(Wrong::OfAnother), newest),
            (Opened::OfAnother(record), None) => {
                let fresh = Record::of_history(record.history.clone());
                (*record, Some(Wrong::OfAnother), fresh)
            }
            (Opened::NotOurs(why), Some(newest)) => (Record::default(), Some(Wrong::NotOurs(why)), newest),
            (Opened::NotOurs(NotOurs::OtherKey), None) => {
                let history = History::read(workload.annotation("history"));
                (Record::default(), Some(Wrong::NotOurs(NotOurs::OtherKey)), Record::of_history(history))
            }
            (Opened::NotOurs(why), None) => (Record::default(), Some(Wrong::NotOurs(why)), Record::default()),
        })
    }

    /// Of an answer that was under way when the process died, and of whose workload there is another generation now, it is
    /// not known whether it was written and set back since: its question is over.
    async fn settle_answer(&self, workload: &Workload, known: &mut Record, mark: Mark) -> Result<(), StepError> {
        let Some(answering) = mark.answering.filter(|answering| answering.sequence > known.sequence) else {
            return Ok(());
        };
        if answering.on == workload.generation {
            // It was not written, unless it is being written at this moment.
            let turn = self.1.turns.of(&workload.id.uid).await;
            let is_over = self.marked(&workload.id.uid).await?.answering.as_ref() == Some(&answering);
            let done = if is_over { self.answering(&workload.id.uid, None).await } else { Ok(()) };
            drop(turn);
            return done;
        }
        known.on(&answering.container, Event::Lost, self.0.ambient.now());
        known.sequence = known.sequence.max(answering.sequence);
        Ok(())
    }

    /// The newest record, where the one on the workload is not.
    async fn newest(&self, workload: &Workload) -> Result<Record, StepError> {
        let remembered = match self.1.marks.unsaved(&workload.id.uid) {
            Some(unsaved) => Some(unsaved),
            None => self.0.queue.newest(&workload.id.uid).await?,
        };
        let of = |written: Written| {
            let history = (!written.history.is_empty()).then_some(written.history);
            sealed::claimed(Some(&written.record), history.as_deref())
        };
        Ok(remembered.and_then(of).unwrap_or_default())
    }

    /// Remembers that a workload of which something is known is left alone, if that is news.
    pub(super) async fn remember_disabled(&self, draft: &Draft) -> Result<(), StepError> {
        let uid = &draft.workload.id.uid;
        if draft.was_disabled || self.marked(uid).await?.sequence == 0 {
            return Ok(());
        }
        if let Some(newest) = self.0.queue.newest(uid).await? {
            self.remember(uid, Written { disabled: true, ..newest }).await;
        }
        Ok(())
    }

    /// What is to be looked at after a start, as messages about a question may be owed: people are asked, and the store
    /// does not know of it, because it is another than the one that the question was stored in.
    pub async fn owed(&self) -> Vec<Repository> {
        let mut owed = Vec::new();
        for repository in self.0.cluster.repositories() {
            for workload in self.0.cluster.running(&repository) {
                let now = self.0.ambient.now();
                let is_asked = annotations::claimed(&workload).ledgers().any(|(_, ledger)| ledger.open(now).is_some());
                let is_unknown = || async { self.marked(&workload.id.uid).await.is_ok_and(|mark| mark.sequence == 0) };
                if is_asked && is_unknown().await {
                    owed.push(repository.clone());
                    break;
                }
            }
        }
        owed
    }

    async fn marked(&self, uid: &str) -> Result<Mark, StepError> {
        if let Some(mark) = self.1.marks.get(uid) {
            return Ok(mark);
        }
        let mark = self.0.queue.newest(uid).await?.as_ref().map(Mark::of).unwrap_or_default();
        self.1.marks.put(uid, mark.clone());
        Ok(mark)
    }

    /// Remembers what was written. What the store does not take is kept in memory, and given to it at the next look.
    async fn remember(&self, uid: &str, written: Written) {
        self.1.marks.put(uid, Mark::of(&written));
        let unsaved = match self.0.queue.remember(uid, written.clone()).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(uid, error = %crate::telemetry::chain(&error), "what was written on a workload is not remembered beside the queue for now; until it is, nothing but its annotations would tell of it after a restart");
                Some(written)
            }
        };
        self.1.marks.keep(uid, unsaved);
    }

    /// Writes a draft, and gives the workload as it is then.
    pub(super) async fn commit(&self, mut draft: Draft) -> Result<Arc<Workload>, StepError> {
        let patch = draft.patch();
        let is_news = draft.record != draft.before || draft.wrong.is_some() || patch.writes_image();
        if is_news {
            return self.write_record(draft, patch, None).await;
        }
        let patch = if draft.is_let_be { patch } else { annotations::project(patch, &draft.workload, &draft.record) };
        let announcements = draft.take_announcements();
        let written = if patch.is_empty() { draft.workload } else { self.0.cluster.apply(&patch).await? };
        self.announce(&written, announcements).await;
        Ok(written)
    }

    /// The same for a person's answer: should the process die while it is written, its question is over all the same.
    pub(super) async fn commit_answer(&self, draft: Draft, container: &str) -> Result<Arc<Workload>, StepError> {
        let patch = draft.patch();
        self.write_record(draft, patch, Some(container)).await
    }

    /// Writes a record, with what is written beside it; `answered` is the container of a question that is answered by it.
    async fn write_record(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
        answered: Option<&str>,
    ) -> Result<Arc<Workload>, StepError> {
        let announcements = draft.take_announcements();
        let (images, uid) = (draft.writes(), draft.workload.id.uid.clone());
        let turn = self.1.turns.of(&uid).await;
        // Somebody may have written since this was read, and what he wrote may have been set back already.
        if self.marked(&uid).await?.sequence != draft.read {
            let workload = draft.workload.id.to_string();
            return Err(ClusterError::Conflict { workload, now: None }.into());
        }
        let (on, wrong, sequence) = (draft.workload.generation, draft.wrong, draft.next());
        if let Some(container) = answered {
            self.answering(&uid, Some(Answering { sequence, on, container: container.into() })).await?;
        }
        let (workload, sealed) = match self.write(draft, patch, sequence).await {
            Ok(written) => written,
            Err(error) => {
                // What may have been written stays in doubt until the workload says it.
                let is_unknown = matches!(error, StepError::Cluster(ClusterError::Unavailable { .. }));
                if answered.is_some() && !is_unknown {
                    self.answering(&uid, None).await?;
                }
                return Err(error);
            }
        };
        self.remember(&uid, sealed.into()).await;
        drop(turn);
        tell_images(&workload, &images);
        if let Some(wrong) = wrong {
            tracing::warn!(workload = %workload.id, reason = wrong.as_str(), "{}", wrong.words());
            self.0.cluster.announce(&workload, WorkloadEvent::RecordReplaced(wrong.words().to_owned())).await;
        }
        self.announce(&workload, announcements).await;
        Ok(workload)
    }

    async fn answering(&self, uid: &str, answering: Option<Answering>) -> Result<(), StepError> {
        self.0.queue.answering(uid, answering.clone()).await?;
        let mark = self.marked(uid).await?;
        self.1.marks.put(uid, Mark { answering, ..mark });
        Ok(())
    }

    async fn write(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
        sequence: u64,
    ) -> Result<(Arc<Workload>, Sealed), StepError> {
        draft.record.sequence = sequence;
        let (patch, sealed) = annotations::sealed(patch, &draft.workload, &draft.record, &self.0.keys);
        let written = self.0.cluster.apply(&patch).await?;
        Ok((written, sealed))
    }

    async fn announce(&self, workload: &Workload, announcements: Vec<WorkloadEvent>) {
        for announcement in announcements {
            self.0.cluster.announce(workload, announcement).await;
        }
    }
}

fn tell_images(workload: &Workload, images: &[(String, Image)]) {
    for (container, Image { chosen, by, .. }) in images.iter().filter(|(_, image)| image.is_told()) {
        let from = chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
        tracing::info!(workload = %workload.id, container, from, to = %chosen.to, digest = %chosen.digest, by, outcome = "applied", "the image is written; the rollout begins");
    }
}

impl From<Sealed> for Written {
    fn from(Sealed { sequence, record, history }: Sealed) -> Self {
        Self { sequence, record, history, disabled: false, answering: None }
    }
}

fn written(workload: &Workload, record: &Record) -> Written {
    Written {
        sequence: record.sequence,
        record: annotations::text(workload).unwrap_or_default().to_owned(),
        history: workload.annotation("history").unwrap_or_default().to_owned(),
        disabled: false,
        answering: None,
    }
}
