//! Reading what we know of a workload, and writing what is known then.
//!
//! Annotations are anybody's to copy, set back or forge, so they are believed only as far as their signature goes, and only
//! if they are not older than what was written last: that is remembered beside the queue. What is not believed is put right
//! by the next write, which is told once.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::draft::{Draft, Image, Touched, Wrong};
use super::marks::{Mark, short};
use super::{Reconciler, StepError};
use crate::cluster::annotations::{self, Sealed};
use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::history::History;
use crate::domain::record::sealed::{NotOurs, Opened};
use crate::domain::record::{Event, Record, of_the_first_release};
use crate::domain::reference::Repository;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::{Answering, Queue, Records, Written};
use crate::registry::Registry;

/// What is believed of a workload.
struct Believed {
    /// What stands on it, as far as it is ours.
    before: Record,
    /// Why that is not what is believed, if it is not.
    wrong: Option<Wrong>,
    /// What is known.
    record: Record,
}

impl Believed {
    /// What stands on the workload.
    fn as_it_stands(record: Record) -> Self {
        Self { before: record.clone(), wrong: None, record }
    }

    /// Something else than what stands on it.
    fn instead_of(before: Record, wrong: Wrong, record: Record) -> Self {
        Self { before, wrong: Some(wrong), record }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What is known of a workload.
    pub(super) async fn draft(&self, workload: Arc<Workload>) -> Result<Draft, StepError> {
        if let Some(unsaved) = self.1.marks.unsaved(&workload.id.uid) {
            self.remember(&workload.id.uid, unsaved).await;
        }
        let mark = self.marked(&workload.id.uid).await?;
        let Believed { before, wrong, mut record } = self.believed(&workload, &mark).await?;
        // What is newer than the mark is marked now.
        let read = if wrong.is_none() { mark.sequence.max(record.sequence) } else { mark.sequence };
        let was_disabled = mark.disabled && read == mark.sequence;
        let in_doubt = mark.answering.filter(|answering| answering.sequence > record.sequence);
        let is_in_doubt = in_doubt.as_ref().is_some_and(|answering| answering.on == workload.generation);
        if let Some(answering) = in_doubt.filter(|_| !is_in_doubt) {
            lose(&mut record, &answering, self.0.ambient.now());
        }
        record.keep_only(&workload);
        Ok(Draft { was_disabled, is_in_doubt, ..Draft::of(workload, record, before, wrong, read) })
    }

    async fn believed(&self, workload: &Workload, mark: &Mark) -> Result<Believed, StepError> {
        let text = annotations::text(workload).map(short);
        let is_newest = |record: &Record| {
            mark.sequence < record.sequence || mark.sequence == record.sequence && Some(mark.fingerprint) == text
        };
        let opened = match annotations::open(workload, &self.0.keys) {
            Opened::Ours(record) if is_newest(&record) => {
                if mark.sequence < record.sequence {
                    self.remember(&workload.id.uid, written(workload, &record)).await;
                }
                return Ok(Believed::as_it_stands(*record));
            }
            opened => opened,
        };
        let newest = if mark.sequence > 0 { Some(self.newest(&workload.id.uid).await?) } else { None };
        Ok(match (opened, newest) {
            // The record is right, and what is remembered of the history may be older.
            (Opened::WithoutHistory(record), newest) if is_newest(&record) => {
                let history = newest.map(|newest| newest.history).unwrap_or_default();
                Believed::instead_of(Record::clone(&record), Wrong::History, record.with_history(history))
            }
            (opened, Some(newest)) => rather(newest, opened, mark),
            (opened, None) => alone(opened, workload, self.0.ambient.now()),
        })
    }

    /// What is to be looked at after a start, as messages about a question may be owed: people are asked, and the store
    /// does not know of it, because it is another than the one that the question was stored in.
    pub async fn owed(&self) -> Vec<Repository> {
        let (mut owed, now) = (Vec::new(), self.0.ambient.now());
        for repository in self.0.cluster.repositories() {
            for workload in self.0.cluster.running(&repository) {
                // What the first release asked is closed, and asked anew.
                let is_older = annotations::text(&workload).is_none();
                let is_asked = annotations::claimed(&workload)
                    .ledgers()
                    .any(|(_, ledger)| ledger.open(now).is_some() || is_older && ledger.question.is_some());
                let is_unknown = || async { self.marked(&workload.id.uid).await.is_ok_and(|mark| mark.sequence == 0) };
                if is_asked && is_unknown().await {
                    owed.push(repository.clone());
                    break;
                }
            }
        }
        owed
    }

    /// Writes a draft, and gives the workload as it is then.
    pub(super) async fn commit(&self, mut draft: Draft) -> Result<Arc<Workload>, StepError> {
        let patch = draft.patch();
        // A write of this very version settles whether an answer was written.
        let is_news = draft.is_in_doubt || draft.record != draft.before || draft.is_wrong() || patch.writes_image();
        if is_news {
            return self.write_record(draft, patch, None).await;
        }
        let patch = if draft.touched == Touched::LetBe {
            patch
        } else {
            annotations::project(patch, &draft.workload, &draft.record)
        };
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

    async fn write(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
        sequence: u64,
    ) -> Result<(Arc<Workload>, Sealed), StepError> {
        draft.record.sequence = sequence;
        let (patch, sealed) = annotations::sealed(patch, &draft.workload, &draft.record, &self.0.keys)?;
        let written = self.0.cluster.apply(&patch).await?;
        Ok((written, sealed))
    }

    async fn announce(&self, workload: &Workload, announcements: Vec<WorkloadEvent>) {
        for announcement in announcements {
            self.0.cluster.announce(workload, announcement).await;
        }
    }
}

/// Of an answer that was under way when the process died or the API server did not answer, and of whose workload there is
/// another version now, it is not known whether it was written and set back since: its question is over.
fn lose(record: &mut Record, answering: &Answering, now: DateTime<Utc>) {
    record.on(&answering.container, Event::Lost, now);
    record.sequence = record.sequence.max(answering.sequence);
}

/// What is remembered, where what stands on the workload is something else.
fn rather(newest: Record, opened: Opened, mark: &Mark) -> Believed {
    let (before, wrong) = match opened {
        Opened::Nothing => (Record::default(), Wrong::Missing),
        Opened::Ours(record) | Opened::WithoutHistory(record) => {
            let wrong = if mark.sequence == record.sequence { Wrong::Another } else { Wrong::Older };
            (*record, wrong)
        }
        Opened::OfAnother(_) => (Record::default(), Wrong::OfAnother),
        Opened::NotOurs(why) => (Record::default(), Wrong::NotOurs(why)),
    };
    Believed::instead_of(before, wrong, newest)
}

/// What follows from what stands on the workload alone, as nothing is remembered.
fn alone(opened: Opened, workload: &Workload, now: DateTime<Utc>) -> Believed {
    match opened {
        Opened::Nothing => {
            let record = of_the_first_release(workload).made_by(now);
            Believed { before: Record::default(), wrong: None, record }
        }
        Opened::Ours(record) => Believed::as_it_stands(*record),
        Opened::WithoutHistory(record) => Believed::instead_of(Record::clone(&record), Wrong::History, *record),
        Opened::OfAnother(record) => {
            let fresh = Record::of_history(record.history.clone());
            Believed::instead_of(*record, Wrong::OfAnother, fresh)
        }
        Opened::NotOurs(NotOurs::OtherKey) => {
            let history = History::read_unsigned(workload.annotation("history"));
            let wrong = Wrong::NotOurs(NotOurs::OtherKey);
            Believed::instead_of(Record::default(), wrong, Record::of_history(history))
        }
        Opened::NotOurs(why) => Believed::instead_of(Record::default(), Wrong::NotOurs(why), Record::default()),
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
