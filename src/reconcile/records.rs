//! Reading what we know of a workload, and writing what is known then.
//!
//! Annotations are anybody's to copy, set back or forge, so they are believed only as far as their signature goes, and only
//! if they are not older than what was written last: that is remembered beside the queue. What is not believed is put right
//! by the next write, which is told once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::container::Chosen;
use super::{Reconciler, StepError};
use crate::cluster::annotations::{self, Sealed};
use crate::cluster::{Announcement, Cluster, ClusterError};
use crate::domain::history::History;
use crate::domain::record::sealed::{self, NotOurs, Opened, fingerprint};
use crate::domain::record::{Consequence, Event, Record, of_the_first_release};
use crate::domain::reference::Repository;
use crate::domain::settings;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::{Queue, Records, Written};
use crate::registry::Registry;

/// The most workloads whose newest record is remembered in memory; for others the store is asked.
const MOST_MARKED: usize = 20_000;

/// Why a record is not believed as it stands on the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is older than the newest one: somebody set the workload back, or restored it.
    Older,
    /// It is gone.
    Missing,
    /// It has the number of the newest one, and says something else.
    Another,
    /// The history beside it is not the one that was written with it.
    History,
    /// It is of an object that had the same name.
    OfAnother,
    /// It is not ours.
    NotOurs(NotOurs),
}

impl Wrong {
    /// A word for logs.
    fn as_str(self) -> &'static str {
        match self {
            Self::Older => "older",
            Self::Missing => "missing",
            Self::Another => "another",
            Self::History => "history",
            Self::OfAnother => "of_another_object",
            Self::NotOurs(why) => why.as_str(),
        }
    }

    /// What people are told.
    fn words(self) -> &'static str {
        match self {
            Self::Older => {
                "image-watcher's record was set back to an older one, as kubectl rollout undo and restoring a backup do; the newest one is put back, and no link works a second time"
            }
            Self::Missing => "image-watcher's record was removed; it is put back",
            Self::Another | Self::NotOurs(NotOurs::WrongSignature) => {
                "image-watcher's record was edited, or copied from another object; it is not acted on, and is replaced"
            }
            Self::History => "image-watcher's history was edited; it is replaced by what is known",
            Self::OfAnother => {
                "the object was made again with the annotations of an older one; its history is kept, and what was open begins anew"
            }
            Self::NotOurs(NotOurs::Unreadable) => {
                "image-watcher's record can't be read; it is not acted on, and is replaced"
            }
            Self::NotOurs(NotOurs::OtherKey) => {
                "image-watcher's record was signed with a key that is not configured; what was open begins anew. After rotating the key, keep the old one beside the new one in IMAGE_WATCHER_LINK_KEY for 72 hours"
            }
        }
    }
}

/// What is remembered of the newest record of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    sequence: u64,
    fingerprint: u64,
    answering: u64,
}

impl Mark {
    fn of(written: &Written) -> Self {
        Self { sequence: written.sequence, fingerprint: short(&written.record), answering: written.answering }
    }
}

/// Enough to tell two texts of ours apart; neither is anybody else's, as both are signed.
fn short(text: &str) -> u64 {
    u64::from_str_radix(fingerprint(text).get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// The marks, by uid; `None` is that the store remembers nothing.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<HashMap<Box<str>, Option<Mark>>>);

impl Marks {
    fn get(&self, uid: &str) -> Option<Option<Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).copied()
    }

    fn put(&self, uid: &str, mark: Option<Mark>) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() >= MOST_MARKED && !marks.contains_key(uid) {
            marks.clear();
        }
        marks.insert(uid.into(), mark);
    }
}

/// An image that is to be written.
#[derive(Clone)]
pub(super) struct Image {
    /// Which.
    pub(super) chosen: Chosen,
    /// Who or what decided; nothing where another container's image tells of this one.
    pub(super) by: String,
    /// Where it comes from.
    pub(super) repository: Repository,
}

/// What is known of a workload, and what becomes of it: everything is written at once, or nothing.
pub(super) struct Draft {
    /// The workload that it is about.
    pub(super) workload: Arc<Workload>,
    /// What is known.
    pub(super) record: Record,
    /// The same, as it stands on the workload.
    before: Record,
    /// Why that is not believed.
    wrong: Option<Wrong>,
    /// What the annotation `image-watcher/error` of containers is to say.
    errors: BTreeMap<String, Option<String>>,
    /// A setting that a person's answer changes: its name without the prefix, and what it is to say.
    setting: Option<(String, Option<String>)>,
    /// Containers whose image is to be what it is.
    guarded: Vec<String>,
    /// Images to write, by container.
    pub(super) images: Vec<(String, Image)>,
    /// What is said of it, once it is written.
    announcements: Vec<Announcement>,
}

impl Draft {
    /// Takes an event of a container over.
    pub(super) fn on(&mut self, container: &str, event: Event, now: DateTime<Utc>) -> Option<Consequence> {
        self.record.on(container, event, now)
    }

    /// What is wrong with a container, for its annotation; `None` is nothing.
    pub(super) fn say(&mut self, container: &str, error: Option<String>) {
        self.errors.insert(container.to_owned(), error);
    }

    /// Changes a setting.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        self.setting = Some((name.to_owned(), value));
    }

    /// What the annotation of a container says is wrong, as far as it is known.
    pub(super) fn said(&self, container: &str) -> Option<&str> {
        match self.errors.get(container) {
            Some(error) => error.as_deref(),
            None => self.workload.state("error", container),
        }
    }

    /// Writes nothing if the container does not run its image any more.
    pub(super) fn guard(&mut self, container: &str) {
        if !self.guarded.iter().any(|guarded| guarded == container) {
            self.guarded.push(container.to_owned());
        }
    }

    /// Writes an image.
    pub(super) fn image(&mut self, container: &str, image: Image) {
        self.guard(container);
        self.images.push((container.to_owned(), image));
    }

    /// Whether what stands on the workload is not believed.
    pub(super) fn is_wrong(&self) -> bool {
        self.wrong.is_some()
    }

    /// Whether only people decide, as settings went back together with the record.
    pub(super) fn asks_only(&self) -> bool {
        self.wrong == Some(Wrong::Older)
    }

    /// Says something of the workload, once this is written.
    pub(super) fn announce(&mut self, announcement: Announcement) {
        self.announcements.push(announcement);
    }

    fn patch(&self) -> WorkloadPatch {
        let mut patch = WorkloadPatch::of(&self.workload);
        for container in &self.guarded {
            patch = patch.guarded_by(&self.workload, container);
            if let Some((_, image)) = self.images.iter().find(|(name, _)| name == container) {
                let written = image.chosen.from.at(&image.chosen.to, &image.chosen.digest);
                patch = patch.while_unchanged(&self.workload, settings::names(container)).image(written);
            }
        }
        if let Some((name, value)) = &self.setting {
            patch = patch.set(&self.workload, name, value.clone());
        }
        self.errors.iter().fold(patch, |patch, (container, error)| {
            patch.set(&self.workload, &self.workload.state_key("error", container), error.clone())
        })
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What is known of a workload.
    pub(super) async fn draft(&self, workload: Arc<Workload>) -> Result<Draft, StepError> {
        let (before, wrong, mut record) = self.known(&workload).await?;
        record.keep_only(&workload);
        Ok(Draft {
            workload,
            record,
            before,
            wrong,
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
            let newest = mark.is_none_or(|mark| {
                mark.sequence < record.sequence || mark.sequence == record.sequence && Some(mark.fingerprint) == text
            });
            if newest {
                let sure = self.learn(workload, &record, mark).await;
                return Ok((*record, None, sure));
            }
            let wrong =
                if mark.is_some_and(|mark| mark.sequence == record.sequence) { Wrong::Another } else { Wrong::Older };
            return Ok((*record, Some(wrong), self.newest(workload).await?));
        }
        let remembered = match mark {
            Some(mark) if mark.sequence > 0 => Some(self.newest(workload).await?),
            _ => None,
        };
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

    /// Takes a record for the newest one, and remembers it where that is news. Of an answer that was under way when the
    /// process died it is not known whether it was written and set back since: its question is over.
    async fn learn(&self, workload: &Workload, record: &Record, mark: Option<Mark>) -> Record {
        let mut known = record.clone();
        let lost = mark.is_some_and(|mark| mark.answering > record.sequence);
        if lost {
            let now = self.0.ambient.now();
            let containers: Vec<String> = known.ledgers().map(|(name, _)| name.to_owned()).collect();
            for container in containers {
                known.on(&container, Event::Lost, now);
            }
            known.sequence = known.sequence.max(mark.map_or(0, |mark| mark.answering));
        } else if mark.is_none_or(|mark| mark.sequence < record.sequence) {
            self.remember(&workload.id.uid, written(workload, record)).await;
        }
        known
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

    async fn marked(&self, uid: &str) -> Result<Option<Mark>, StepError> {
        if let Some(mark) = self.1.marks.get(uid) {
            return Ok(mark);
        }
        let mark = self.0.queue.newest(uid).await?.as_ref().map(Mark::of);
        self.1.marks.put(uid, mark);
        Ok(mark)
    }

    /// Remembers what was written. A store that does not take it costs the second witness of this write.
    async fn remember(&self, uid: &str, written: Written) {
        let mark = Mark::of(&written);
        if let Err(error) = self.0.queue.remember(uid, written).await {
            tracing::warn!(uid, error = %crate::telemetry::chain(&error), "what was written on a workload is not remembered beside the queue; until its next write nothing but its annotations tells of it");
        }
        self.1.marks.put(uid, Some(mark));
    }

    /// Writes a draft, and gives the workload as it is then.
    pub(super) async fn commit(&self, draft: Draft) -> Result<Arc<Workload>, StepError> {
        let patch = draft.patch();
        let is_news = draft.record != draft.before || draft.wrong.is_some() || patch.writes_image;
        if !is_news {
            let patch = annotations::project(patch, &draft.workload, &draft.record);
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
            self.0.cluster.announce(&workload, Announcement::RecordReplaced(wrong.words().to_owned())).await;
        }
        self.announce(&workload, announcements).await;
        Ok(workload)
    }

    /// The same for a person's answer: should the process die while it is written, its question is over all the same.
    pub(super) async fn commit_answer(&self, draft: Draft) -> Result<Arc<Workload>, StepError> {
        let uid = draft.workload.id.uid.clone();
        let sequence = draft.record.sequence.max(draft.before.sequence) + 1;
        self.0.queue.answering(&uid, sequence).await?;
        let committed = self.commit(draft).await;
        // What may have been written stays in doubt until the workload says it.
        let is_unknown = matches!(committed, Err(StepError::Cluster(ClusterError::Unavailable { .. })));
        if committed.is_err() && !is_unknown {
            self.0.queue.answering(&uid, 0).await?;
        }
        committed
    }

    async fn write(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
    ) -> Result<(Arc<Workload>, Sealed, Vec<Announcement>, Option<Wrong>), StepError> {
        draft.record.sequence = draft.record.sequence.max(draft.before.sequence) + 1;
        let (patch, sealed) = annotations::sealed(patch, &draft.workload, &draft.record, &self.0.keys);
        let written = self.0.cluster.apply(&patch).await?;
        Ok((written, sealed, draft.announcements, draft.wrong))
    }

    async fn announce(&self, workload: &Workload, announcements: Vec<Announcement>) {
        for announcement in announcements {
            self.0.cluster.announce(workload, announcement).await;
        }
    }
}

impl From<Sealed> for Written {
    fn from(Sealed { sequence, record, history }: Sealed) -> Self {
        Self { sequence, record, history, answering: 0 }
    }
}

fn written(workload: &Workload, record: &Record) -> Written {
    Written {
        sequence: record.sequence,
        record: annotations::text(workload).unwrap_or_default().to_owned(),
        history: workload.annotation("history").unwrap_or_default().to_owned(),
        answering: 0,
    }
}
