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
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::{Answering, Queue, Records, Written};
use crate::registry::Registry;

/// The most workloads whose newest record is remembered in memory; for others the store is asked.
const MOST_MARKED: usize = 20_000;

/// What is remembered of the newest record of a workload; with sequence 0 nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
            answering: written.answering,
        }
    }
}

/// Enough to tell two texts of ours apart; neither is anybody else's, as both are signed.
fn short(text: &str) -> u64 {
    u64::from_str_radix(fingerprint(text).get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// The marks, by uid.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<HashMap<Box<str>, Mark>>);

impl Marks {
    fn get(&self, uid: &str) -> Option<Mark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).copied()
    }

    fn put(&self, uid: &str, mark: Mark) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() >= MOST_MARKED && !marks.contains_key(uid) {
            marks.clear();
        }
        marks.insert(uid.into(), mark);
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What is known of a workload.
    pub(super) async fn draft(&self, workload: Arc<Workload>) -> Result<Draft, StepError> {
        let (before, wrong, mut record) = self.known(&workload).await?;
        record.keep_only(&workload);
        let was_disabled = self.marked(&workload.id.uid).await?.disabled;
        Ok(Draft {
            workload,
            record,
            before,
            wrong,
            was_disabled,
            is_touched: false,
            is_let_be: false,
            errors: BTreeMap::new(),
            setting: None,
            guarded: Vec::new(),
            images: Vec::new(),
            announcements: Vec::new(),
        })
    }

    /// What stands on the workload, what is wrong with it, and what is known.
    async fn known(&self, workload: &Workload) -> Result<(Record, Option<Wrong>, Record), StepError> {
        let opened = annotations::open(workload, &self.0.keys);
        let mark = self.marked(&workload.id.uid).await?;
        let text = annotations::text(workload).map(short);
        if let Opened::Ours(record) = opened {
            let is_newest =
                mark.sequence < record.sequence || mark.sequence == record.sequence && Some(mark.fingerprint) == text;
            if is_newest {
                let sure = self.learn(workload, &record, mark).await?;
                return Ok((*record, None, sure));
            }
            let wrong = if mark.sequence == record.sequence { Wrong::Another } else { Wrong::Older };
            return Ok((*record, Some(wrong), self.newest(workload).await?));
        }
        let remembered = if mark.sequence > 0 { Some(self.newest(workload).await?) } else { None };
        Ok(match (opened, remembered) {
            (Opened::Nothing, Some(newest)) => (Record::default(), Some(Wrong::Missing), newest),
            (Opened::Nothing, None) => (Record::default(), None, of_the_first_release(workload)),
            (Opened::WithoutHistory(record), Some(newest)) => (*record, Some(Wrong::History), newest),
            (Opened::WithoutHistory(record) | Opened::Ours(record), None) => {
                (Record::clone(&record), Some(Wrong::History), *record)
            }
            (Opened::Ours(record), Some(newest)) => (*record, Some(Wrong::Older), newest),
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

    /// Takes a record for the newest one, and remembers it where that is news.
    ///
    /// Of an answer that was under way when the process died, and of whose workload there is another version now, it is not
    /// known whether it was written and set back since: its question is over.
    async fn learn(&self, workload: &Workload, record: &Record, mark: Mark) -> Result<Record, StepError> {
        let (mut known, uid) = (record.clone(), &workload.id.uid);
        match mark.answering.filter(|answering| answering.sequence > record.sequence) {
            Some(answering) if answering.on == workload.resource_version => {
                self.0.queue.answering(uid, None).await?;
                self.1.marks.put(uid, Mark { answering: None, ..mark });
            }
            Some(answering) => {
                let now = self.0.ambient.now();
                let containers: Vec<String> = known.ledgers().map(|(name, _)| name.to_owned()).collect();
                for container in containers {
                    known.on(&container, Event::Lost, now);
                }
                known.sequence = known.sequence.max(answering.sequence);
            }
            None if mark.sequence < record.sequence => {
                self.remember(uid, written(workload, record)).await;
            }
            None => {}
        }
        Ok(known)
    }

    /// The newest record, where the one on the workload is not.
    async fn newest(&self, workload: &Workload) -> Result<Record, StepError> {
        let remembered = self.0.queue.newest(&workload.id.uid).await?;
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

    async fn marked(&self, uid: &str) -> Result<Mark, StepError> {
        if let Some(mark) = self.1.marks.get(uid) {
            return Ok(mark);
        }
        let mark = self.0.queue.newest(uid).await?.as_ref().map(Mark::of).unwrap_or_default();
        self.1.marks.put(uid, mark);
        Ok(mark)
    }

    /// Remembers what was written. A store that does not take it costs the second witness of this write.
    async fn remember(&self, uid: &str, written: Written) {
        let mark = Mark::of(&written);
        if let Err(error) = self.0.queue.remember(uid, written).await {
            tracing::warn!(uid, error = %crate::telemetry::chain(&error), "what was written on a workload is not remembered beside the queue; until its next write nothing but its annotations tells of it");
        }
        self.1.marks.put(uid, mark);
    }

    /// Writes a draft, and gives the workload as it is then.
    pub(super) async fn commit(&self, draft: Draft) -> Result<Arc<Workload>, StepError> {
        let patch = draft.patch();
        let is_news = draft.record != draft.before || draft.wrong.is_some() || patch.writes_image();
        if !is_news {
            let patch =
                if draft.is_let_be { patch } else { annotations::project(patch, &draft.workload, &draft.record) };
            let written = if patch.is_empty() { draft.workload } else { self.0.cluster.apply(&patch).await? };
            self.announce(&written, draft.announcements).await;
            return Ok(written);
        }
        let images = draft.writes();
        let (workload, sealed, announcements, wrong) = self.write(draft, patch).await?;
        for (container, Image { chosen, by, .. }) in images.iter().filter(|(_, image)| image.is_told()) {
            let from = chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
            tracing::info!(workload = %workload.id, container, from, to = %chosen.to, digest = %chosen.digest, by, outcome = "applied", "the image is written; the rollout begins");
        }
        self.remember(&workload.id.uid, sealed.into()).await;
        if let Some(wrong) = wrong {
            tracing::warn!(workload = %workload.id, reason = wrong.as_str(), "{}", wrong.words());
            self.0.cluster.announce(&workload, WorkloadEvent::RecordReplaced(wrong.words().to_owned())).await;
        }
        self.announce(&workload, announcements).await;
        Ok(workload)
    }

    /// The same for a person's answer: should the process die while it is written, its question is over all the same.
    pub(super) async fn commit_answer(&self, draft: Draft) -> Result<Arc<Workload>, StepError> {
        let uid = draft.workload.id.uid.clone();
        let sequence = draft.record.sequence.max(draft.before.sequence) + 1;
        let on = draft.workload.resource_version;
        self.0.queue.answering(&uid, Some(Answering { sequence, on })).await?;
        let committed = self.commit(draft).await;
        // What may have been written stays in doubt until the workload says it.
        let is_unknown = matches!(committed, Err(StepError::Cluster(ClusterError::Unavailable { .. })));
        if committed.is_err() && !is_unknown {
            self.0.queue.answering(&uid, None).await?;
        }
        committed
    }

    async fn write(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
    ) -> Result<(Arc<Workload>, Sealed, Vec<WorkloadEvent>, Option<Wrong>), StepError> {
        draft.record.sequence = draft.record.sequence.max(draft.before.sequence) + 1;
        let (patch, sealed) = annotations::sealed(patch, &draft.workload, &draft.record, &self.0.keys);
        let written = self.0.cluster.apply(&patch).await?;
        Ok((written, sealed, draft.announcements, draft.wrong))
    }

    async fn announce(&self, workload: &Workload, announcements: Vec<WorkloadEvent>) {
        for announcement in announcements {
            self.0.cluster.announce(workload, announcement).await;
        }
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
