//! Reading what we know of a workload, and writing what is known then.
//!
//! Annotations are anybody's to copy, set back or forge, so they are believed only as far as their signature goes, and only
//! if they are not older than what was written last: that is remembered beside the queue. What is not believed is put right
//! by the next write, which is told once.

pub(crate) mod lost_key;
pub(crate) mod repairs;
pub mod sightings;
pub(crate) mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future;

use crate::cluster::annotations::{self, Sealed};
use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::approval::{Approval, LinkKeys};
use crate::domain::event::NoLink;
use crate::domain::history::History;
use crate::domain::kept::is_left_out;
use crate::domain::news::Seen;
use crate::domain::policy::Mode;
use crate::domain::record::sealed::{NotOurs, Opened};
use crate::domain::record::{Event, InDoubt, Record, of_the_first_release};
use crate::domain::reference::Repository;
use crate::domain::settings::{Fingerprint, is_state};
use crate::domain::workload::{ObjectName, Workload, WorkloadId, WorkloadPatch};
use crate::queue::{AnswerWrite, Answering, Queue, Records, Written, WrittenOn};
use crate::reconcile::by_name::ByName;
use crate::reconcile::draft::{Draft, Image, Kept, Said, Touched, Wrong};
use crate::reconcile::records::witness::{Mark, short};
use crate::reconcile::workload::own_mode;
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

/// So far the API server's clock and ours may be apart.
const APART: TimeDelta = TimeDelta::minutes(5);

/// Whoever answers in time may wait so long for the registry and the API server.
const WAITED: TimeDelta = TimeDelta::minutes(1);

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
    fn for_member(record: Record) -> Self {
        Self { before: record.clone(), wrong: None, record }
    }

    /// Something else than what stands on it.
    fn instead_of(before: Record, wrong: Wrong, record: Record) -> Self {
        Self { before, wrong: Some(wrong), record }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What is known of a workload.
    pub(crate) async fn draft(&self, workload: Arc<Workload>) -> Result<Draft, StepError> {
        if let Some(unsaved) = self.1.marks.unsaved(&workload.id.uid) {
            self.remember(&workload.id.uid, unsaved).await;
        }
        let (mark, believed) = self.believed_by_all(&workload).await?;
        let Believed { before, wrong, mut record } = believed;
        // What is newer than the mark is marked now.
        let read = if wrong.is_none() { mark.sequence.max(record.sequence) } else { mark.sequence };
        let answering = mark.in_doubt(read);
        let remembered = wrong.map(|_| Box::new(record.clone()));
        let (by_name, put_back) = if mark.sequence == 0 {
            self.takes_a_place(&mut record, &workload).await?
        } else {
            (ByName::default(), BTreeMap::new())
        };
        let by_name = ByName { counts: by_name.counts || record.concerns_the_next(), ..by_name };
        let settings_then = mark.settings;
        let in_doubt = mark.answering.filter(|answering| answering.sequence > record.sequence);
        let is_in_doubt = match &in_doubt {
            None => false,
            Some(answering) => match answering.on {
                // Who puts annotations back leaves no trace of what was there.
                WrittenOn::Version(on) => on == workload.resource_version,
                WrittenOn::Generation(on) => {
                    on == workload.generation || self.is_untouched(&workload, &record, answering).await
                }
            },
        };
        if let Some(answering) = in_doubt.filter(|_| !is_in_doubt) {
            lose(&mut record, &answering, self.0.ambient.now());
        }
        record.keep_only(&workload, self.0.ambient.now());
        record.doubts_are_about(Fingerprint::of(&workload), Fingerprint::without_skips(&workload));
        let of_it = Draft::of(workload, record, before, wrong, read);
        let mut draft = Draft { remembered, by_name, settings_then, answering, is_in_doubt, put_back, ..of_it };
        draft.put_skips_back();
        let are_others = settings_then != Some(Fingerprint::of(&draft.as_people_left_it()));
        if mark.sequence > 0 && (are_others || self.0.cluster.was_let_go(&draft.workload.id.uid)) {
            self.doubt_settings(&mut draft);
        }
        Ok(draft)
    }

    /// What is known of a watched workload now, whatever somebody put on it since; `None` where it is not known.
    pub async fn known_record(&self, uid: &str) -> Option<Record> {
        let workload = self.0.cluster.by_uid(uid)?;
        match self.draft(workload).await {
            Ok(draft) => Some(draft.record),
            Err(error) => {
                tracing::debug!(uid, error = %chain(&error), "what is known of a workload can't be read now");
                None
            }
        }
    }

    /// The same, and whether the workload is gone: where its place may be looked at, and was.
    pub async fn seen(&self, id: &WorkloadId) -> Seen {
        match self.known_record(&id.uid).await {
            Some(record) => Seen::Here { record: Box::new(record), no_answer: self.no_answer(id) },
            None if self.0.cluster.by_uid(&id.uid).is_none() && self.0.cluster.sees(id) => Seen::Gone,
            None => Seen::Unknown,
        }
    }

    /// Why no answer about a workload could be carried out now, if none could.
    fn no_answer(&self, id: &WorkloadId) -> Option<NoLink> {
        match (self.0.cluster.is_dry_run(), self.0.cluster.may_patch(id)) {
            (true, _) => Some(NoLink::WouldAsk),
            (false, false) => Some(NoLink::MayNotPatch),
            (false, true) => None,
        }
    }

    /// Whether nobody wrote the image since people were asked: then an answer that may have been written was not written and
    /// set back, whatever else changed the workload meanwhile, as an autoscaler does.
    async fn is_untouched(&self, workload: &Workload, record: &Record, answering: &Answering) -> bool {
        let question = record.ledger(&answering.container).and_then(|ledger| ledger.question.as_ref());
        let found = workload.container(&answering.container);
        let Some((question, (_, found))) =
            question.zip(found).filter(|(it, (_, found))| *it.terms.from == *found.image)
        else {
            return false;
        };
        let set = match self.0.cluster.who_set(&workload.id, &found.name).await {
            Ok(owner) => owner.and_then(|owner| owner.time),
            Err(_) => None,
        };
        // Their clock and ours may be apart.
        set.is_some_and(|set| set + APART < question.asked)
    }

    /// Where the record went back, settings may have gone back with it: what they say now is nobody's word.
    fn doubt_settings(&self, draft: &mut Draft) {
        let Some(why) = draft.settings_went_back() else { return };
        let in_doubt = InDoubt { settings: Fingerprint::without_skips(&draft.workload), why };
        for container in &draft.workload.containers {
            let own = own_mode(&draft.workload, &container.name);
            // To let a container be updated that is left alone, somebody has to edit a setting.
            if own != Some(Mode::Disabled) || self.0.bounds.forced.mode.is_some() {
                let event = Event::SettingsWentBack(own, in_doubt);
                draft.record.on(&container.name, event, self.0.ambient.now());
            }
        }
    }

    /// Whether it may be that something is asked on a workload, by what its record claims: where that is older than what was
    /// written last, or none, what is remembered tells.
    pub(crate) fn may_ask(&self, workload: &Workload) -> bool {
        let newest = self.1.marks.sequence(&workload.id.uid);
        if newest.is_some_and(|newest| annotations::sequence(workload) != Some(newest)) {
            return true;
        }
        annotations::claimed(workload).ledgers().any(|(_, ledger)| ledger.question.is_some())
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
                return Ok(Believed::for_member(*record));
            }
            Opened::NotOurs(NotOurs::OtherKey)
                if annotations::key(workload).is_some_and(|key| self.is_left_to_others(key)) =>
            {
                return Err(StepError::KeyElsewhere);
            }
            opened => opened,
        };
        let newest = if mark.sequence > 0 { Some(self.newest(&workload.id.uid, mark.sequence).await?) } else { None };
        // What we have no room for ourselves says nothing against whoever wrote it.
        let has_no_room_for = |name: &str| workload.annotation(name).is_some_and(is_left_out);
        Ok(match (opened, newest) {
            (_, Some(newest)) if has_no_room_for("record") => Believed::for_member(newest),
            (Opened::WithoutHistory(record), Some(newest))
                if record.sequence == newest.sequence && is_newest(&record) && has_no_room_for("history") =>
            {
                Believed::for_member(record.with_history(newest.history))
            }
            // The record is right, and what is remembered of the history may be older.
            (Opened::WithoutHistory(record), newest) if is_newest(&record) => {
                let history = newest.map(|newest| newest.history).unwrap_or_default();
                Believed::instead_of(Record::clone(&record), Wrong::History, record.with_history(history))
            }
            (opened, Some(newest)) => rather(newest, opened, mark, workload),
            (opened, None) => alone(opened, workload, self.0.ambient.now()),
        })
    }

    /// What is believed, and by which mark, where other processes may have written, or the store may have lost what it had not
    /// synced: then it gets that anew, or nobody has it any more.
    async fn believed_by_all(&self, workload: &Arc<Workload>) -> Result<(Mark, Believed), StepError> {
        let (mark, is_forgotten) = self.marked_on(workload).await?;
        match self.believed(workload, &mark).await {
            Err(StepError::NotRemembered) if is_forgotten => {
                let mark = self.marked_as_stored(&workload.id.uid).await?;
                let believed = self.believed(workload, &mark).await?;
                Ok((mark, believed))
            }
            Ok(believed) => {
                if is_forgotten && believed.wrong.is_none() && mark.sequence == believed.record.sequence {
                    self.remember(&workload.id.uid, written(workload, &believed.record)).await;
                }
                Ok((mark, believed))
            }
            Err(error) => Err(error),
        }
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
                // A look too many costs little, where the store can't say.
                let is_unknown =
                    || async { self.marked(&workload.id.uid).await.map_or(true, |mark| mark.sequence == 0) };
                if is_asked && is_unknown().await {
                    owed.push(repository.clone());
                    break;
                }
            }
        }
        owed
    }

    /// Writes a draft, and gives the workload as it is then.
    pub(crate) async fn commit(&self, mut draft: Draft) -> Result<Arc<Workload>, StepError> {
        draft.take_back_what_is_mended(&self.0.bounds);
        let patch = draft.patch();
        // A write of this very version settles whether an answer was written.
        let is_due = draft.is_in_doubt || draft.is_wrong() || draft.has_new_settings();
        let is_news = is_due || draft.record != draft.before || patch.writes_image();
        let now = self.0.ambient.monotonic();
        let is_resting =
            self.1.repairs.is_resting(&draft.workload.id.uid, || annotations_hash(&draft, &self.0.keys), now);
        if is_news && !(is_resting && draft.is_only_repaired()) {
            return self.write_record(draft, patch, None).await;
        }
        // What is written is nothing but words, which another hand may have removed.
        let is_silent = draft.images.is_empty() && draft.settings.is_empty();
        let words = annotations_and_errors_hash(&draft, &self.0.keys);
        let is_resting = is_resting || is_silent && self.1.repairs.is_resting(&draft.workload.id.uid, || words, now);
        let patch = if is_resting && is_silent {
            draft.loud.clear();
            WorkloadPatch::of(&draft.workload)
        } else if is_resting || draft.touched == Touched::LetBe {
            patch
        } else {
            annotations::project(patch, &draft.workload, &draft.record)
        };
        let said = draft.take_said();
        let repaired = (is_silent && !patch.is_empty()).then_some(words);
        let written = if patch.is_empty() {
            draft.workload
        } else {
            // They are words about the record that stands there now.
            let patch = patch.while_unchanged(&draft.workload, std::iter::once(annotations::RECORD.to_owned()));
            self.0.cluster.apply(&patch).await?
        };
        if repaired.is_some_and(|stands| self.is_fought(&written, stands, &draft.record)) {
            let note = format!("what people read of image-watcher's record was edited; {}", let_go(&written));
            self.0.cluster.announce(&written, WorkloadEvent::RecordReplaced(note)).await;
        }
        self.say(&written, said).await;
        Ok(written)
    }

    /// What stands on a workload was put right. Whether another hand sets it back again and again, which is told once.
    fn is_fought(&self, workload: &Workload, instead: u64, record: &Record) -> bool {
        let is_found = self.1.repairs.repaired(&workload.id.uid, instead, record, self.0.ambient.monotonic());
        if is_found {
            let owner = workload.owner.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(workload = %workload.id, owner, "image-watcher's annotations are set back again and again, and are left as they are for a while; what is known counts all the same. Take those that image-watcher writes out of the manifest: docs/record.md");
        }
        is_found
    }

    /// The same for a person's answer: should the process die while it is written, its question is over all the same.
    ///
    /// # Errors
    /// [`ClusterError::Conflict`] where the workload was written meanwhile, or it is too late: what is answered is looked at anew.
    pub(crate) async fn commit_answer(
        &self,
        mut draft: Draft,
        approval: &Approval,
    ) -> Result<Arc<Workload>, StepError> {
        draft.take_back_what_is_mended(&self.0.bounds);
        let patch = draft.patch();
        self.rehearse_answer(&patch).await?;
        self.write_record(draft, patch, Some(approval)).await
    }

    /// Writes a record, with what is written beside it; `answered` is the question that is answered by it.
    async fn write_record(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
        answered: Option<&Approval>,
    ) -> Result<Arc<Workload>, StepError> {
        let said = draft.take_said();
        let (images, uid) = (draft.writes(), draft.workload.id.uid.clone());
        let turn = self.1.turns.of(&uid).await;
        // Somebody may have written since this was read, and what he wrote may have been set back already.
        let (mark, _) = self.marked_by_all(&uid).await?;
        if mark.sequence != draft.read || mark.in_doubt(draft.read) != draft.answering {
            let workload = draft.workload.id.to_string();
            return Err(ClusterError::Conflict { workload, now: None }.into());
        }
        // Another process may have written it, and somebody may have set that back, while this one stood still.
        let patch = if self.0.queue.is_shared() { patch.exactly() } else { patch };
        self.holds_still(&draft)?;
        let (wrong, sequence) = (draft.wrong, draft.next(self.0.ambient.now()));
        let (read, of_images) = (draft.read, patch.clone());
        let on = match &draft.workload {
            workload if images.is_empty() => WrittenOn::Version(workload.resource_version),
            workload => WrittenOn::Generation(workload.generation),
        };
        let (is_repaired, stands) = (draft.is_only_repaired(), annotations_hash(&draft, &self.0.keys));
        let is_kept_by_name = draft.is_kept_by_name();
        self.is_in_time(&draft)?;
        if let Some(Approval { container, .. }) = answered {
            let answering = Answering { sequence, on, container: container.as_str().into() };
            self.answering(&uid, AnswerWrite::Begins(answering)).await?;
        }
        let written = match self.is_in_time(&draft) {
            Ok(()) => self.write(draft, patch, sequence).await,
            Err(late) => Err(late.into()),
        };
        let (workload, sealed, record) = match written {
            Ok(written) => written,
            Err(error) => {
                if matches!(&error, StepError::Cluster(error) if error.was_changed()) {
                    self.take_back(&of_images, (read, sequence)).await;
                }
                // What may have been written stays in doubt until the workload says it.
                let is_unknown = matches!(&error, StepError::Cluster(error) if error.may_have_happened());
                if answered.is_some() && !is_unknown {
                    self.answering(&uid, AnswerWrite::Failed(sequence)).await?;
                }
                return Err(error);
            }
        };
        let written = sealed_on(&workload, sealed);
        // Side by side, as one sync of the disk is enough for both.
        let by_name = async {
            if is_kept_by_name {
                self.remember_by_name(&workload.id, written.clone()).await;
            }
        };
        Box::pin(future::join(by_name, self.remember(&uid, written.clone()))).await;
        self.0.cluster.is_watched_again(&uid);
        if !images.is_empty() {
            // Another rollout begins.
            self.0.standing_still.begins(&uid);
            self.follow_from_now(&workload, &record, images.iter().map(|(container, _)| &**container));
        }
        drop(turn);
        tell_images(&workload, &images);
        self.1.repairs.wrote(&uid, &record);
        match wrong {
            Some(wrong @ (Wrong::OldKey | Wrong::Unwritten)) => {
                tracing::info!(workload = %workload.id, "{}", wrong.words());
            }
            Some(wrong) => {
                tracing::warn!(workload = %workload.id, reason = wrong.as_str(), "{}", wrong.words());
                let is_fought = is_repaired && self.is_fought(&workload, stands, &record);
                let note =
                    if is_fought { format!("{}; {}", wrong.words(), let_go(&workload)) } else { wrong.words().into() };
                self.0.cluster.announce(&workload, WorkloadEvent::RecordReplaced(note)).await;
            }
            None => {}
        }
        self.say(&workload, said).await;
        Ok(workload)
    }

    /// Whether it is still time for what a draft writes. A process may have stood still since it was begun, and what others wrote in
    /// that time may have been set back.
    fn is_in_time(&self, draft: &Draft) -> Result<(), ClusterError> {
        match draft.answers_until {
            Some(until) if until + WAITED <= self.0.ambient.now() => {
                Err(ClusterError::Conflict { workload: draft.workload.id.to_string(), now: None })
            }
            _ => Ok(()),
        }
    }

    async fn write(
        &self,
        mut draft: Draft,
        patch: WorkloadPatch,
        sequence: u64,
    ) -> Result<(Arc<Workload>, Sealed, Record), StepError> {
        (draft.record.sequence, draft.record.unwritten) = (sequence, None);
        draft.record.settings = Some(Fingerprint::of_its_own(&draft.as_set()));
        let before = draft.remembered.as_deref().unwrap_or(&draft.before);
        draft.record.wrote_template(&draft.workload, &patch.images(), before);
        let (patch, sealed) = annotations::sealed(patch, &draft.workload, &draft.record, &self.0.keys)?;
        let written = self.0.cluster.apply(&patch).await?;
        Ok((written, sealed, draft.record))
    }

    /// Remembers beside the queue what may not be written on a workload: an end that nobody knew of would be told anew with each look,
    /// and count nowhere. Other workloads hear of it as well.
    pub(crate) async fn keep(&self, workload: &Arc<Workload>, kept: Option<Kept>) {
        let Some(Kept { mut record, has_ended, said }) = kept else { return };
        self.0.cluster.stands(workload, record.standing(workload));
        if !has_ended {
            return;
        }
        // What another replica wrote meanwhile says more, and may have the same number.
        let mark = self.marked_by_all(&workload.id.uid).await.map(|(mark, _)| mark).unwrap_or_default();
        if mark.sequence >= record.sequence {
            return;
        }
        record.unwritten = self.stood(workload, &mark).await;
        if let Ok((_, sealed)) = annotations::sealed(WorkloadPatch::of(workload), workload, &record, &self.0.keys) {
            let written = sealed_on(workload, sealed);
            self.remember(&workload.id.uid, written).await;
            // From now on no look finds it anew.
            self.say(workload, said).await;
        }
    }

    /// What stood on a workload, in short, when the newest record of it was made: that one, or what it could not replace. What
    /// stands there now may be what somebody set it back to, or an old copy of it.
    async fn stood(&self, workload: &Workload, mark: &Mark) -> Option<u64> {
        if mark.sequence == 0 {
            return annotations::text(workload).map(short);
        }
        let newest = self.newest(&workload.id.uid, mark.sequence).await.ok();
        newest.and_then(|newest| newest.unwritten).or(Some(mark.fingerprint))
    }

    async fn say(&self, workload: &Workload, said: Said) {
        for report in said.reports {
            self.report(workload, report);
        }
        for event in said.events {
            self.0.cluster.announce(workload, event).await;
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
fn rather(newest: Record, opened: Opened, mark: &Mark, workload: &Workload) -> Believed {
    let stands = annotations::text(workload).map(short);
    let is_newest = || stands == Some(mark.fingerprint);
    let (before, wrong) = match opened {
        Opened::Nothing => (Record::default(), Wrong::Missing),
        Opened::Ours(record) if stands.is_some() && newest.unwritten == stands => (*record, Wrong::Unwritten),
        Opened::Ours(record) | Opened::WithoutHistory(record) => {
            let wrong = if mark.sequence == record.sequence { Wrong::Another } else { Wrong::Older };
            (*record, wrong)
        }
        Opened::OfAnother(_) => (Record::default(), Wrong::OfAnother),
        Opened::NotOurs(NotOurs::OtherKey) if is_newest() => (Record::default(), Wrong::OldKey),
        // Which one it is that was signed with a key of long ago, only itself says.
        Opened::NotOurs(NotOurs::OtherKey) if annotations::sequence(workload).is_some_and(|it| it < mark.sequence) => {
            (Record::default(), Wrong::Older)
        }
        Opened::NotOurs(NotOurs::OtherKey) => (Record::default(), Wrong::Another),
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
        Opened::Ours(record) => Believed::for_member(*record),
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

/// A hash of our annotations as they stand on a workload, for telling whether another tool sets them back again and again: of the
/// record where it is not believed, else of the copies that people read.
fn annotations_hash(draft: &Draft, keys: &LinkKeys) -> u64 {
    if let Some(key) = annotations::key(&draft.workload).filter(|key| keys.named(key).is_none()) {
        // Another service of ours, which says something else each time.
        return short(key);
    }
    if draft.is_wrong() {
        return short(annotations::text(&draft.workload).unwrap_or_default());
    }
    let is_read = |(name, _): &&(Box<str>, Box<str>)| is_state(name) && **name != *"record";
    let read = draft.workload.annotations.iter().filter(is_read);
    short(&read.flat_map(|(name, value)| [&**name, "=", &**value, "\n"]).collect::<String>())
}

/// The same with the texts of `image-watcher/error` that are about to be written: a tool that removes the same text each time is
/// one that we would fight, and a new text is none.
fn annotations_and_errors_hash(draft: &Draft, keys: &LinkKeys) -> u64 {
    let said = draft.errors.iter().filter_map(|(container, said)| Some((container, said.as_ref()?)));
    let said: String = said.flat_map(|(container, said)| [&**container, "=", &**said, "\n"]).collect();
    short(&format!("{}\n{said}", annotations_hash(draft, keys)))
}

/// What is said of annotations that are set back again and again.
fn let_go(workload: &Workload) -> String {
    let owner = workload.owner.as_ref().map_or_else(|| "a tool".to_owned(), ToString::to_string);
    format!(
        "this happened twice within an hour, so it is left as it is for a while, and what is known counts all the same. {owner} may hold them in its manifest: take the annotations out that image-watcher writes, see docs/record.md"
    )
}

fn tell_images(workload: &Workload, images: &[(String, Image)]) {
    for (container, Image { chosen, by, .. }) in images.iter().filter(|(_, image)| image.is_told()) {
        let from = chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let by = by.as_ref().map(ToString::to_string);
        tracing::info!(workload = %workload.id, container, from, to = %chosen.to, digest = %chosen.digest, by, outcome = "applied", "the image is written; the rollout begins");
    }
}

impl From<Sealed> for Written {
    fn from(Sealed { sequence, record, history }: Sealed) -> Self {
        Self { sequence, record, history, ..Self::default() }
    }
}

/// What is to be remembered of what was written on a workload.
fn sealed_on(workload: &Workload, sealed: Sealed) -> Written {
    let (settings, of) = (Some(Fingerprint::of(workload)), Some(ObjectName::of(&workload.id)));
    Written { settings, of, ..sealed.into() }
}

fn written(workload: &Workload, record: &Record) -> Written {
    Written {
        sequence: record.sequence,
        record: annotations::text(workload).unwrap_or_default().to_owned(),
        history: workload.annotation("history").unwrap_or_default().to_owned(),
        settings: Some(Fingerprint::of(workload)),
        answering: None,
        of: Some(ObjectName::of(&workload.id)),
    }
}
