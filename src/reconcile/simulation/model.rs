//! The reference model of writes: what may be written, stated over what is seen from outside.
//!
//! It knows nothing of how image-watcher remembers. It reads the settings on the object at the moment of a write, and what
//! the registry answered the task that wrote.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::cluster::Object;
use super::invariant::Invariant;
use super::registry::Pushed;
use super::wish::{Wish, parts, version};
use super::world::{Doing, Task, World};
use crate::cluster::annotations;
use crate::domain::approval::{Allows, LIFETIME};
use crate::domain::change_cause;
use crate::domain::settings::is_state;
use crate::domain::workload::PREFIX;

/// A question that people were asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) uid: String,
    pub(super) container: String,
    pub(super) from: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) expires: DateTime<Utc>,
    pub(super) allows: Allows,
    /// Whether its link acted, and when.
    pub(super) acted: Option<&'static str>,
    pub(super) acted_at: Option<DateTime<Utc>>,
    /// Until when people asked to be left alone.
    pub(super) snoozed: Option<DateTime<Utc>>,
    /// Whether anybody but us touched the object, or the registry, since.
    pub(super) is_disturbed: bool,
}

/// An image that we wrote.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) uid: String,
    pub(super) container: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) image: String,
    /// What ran before.
    pub(super) from: String,
    pub(super) at: DateTime<Utc>,
    /// Whether it went back to what ran before another write.
    pub(super) is_back: bool,
    pub(super) is_by_policy: bool,
    /// Whether our record was touched by another hand since.
    pub(super) is_disturbed: bool,
    pub(super) ends: BTreeSet<&'static str>,
    /// Whether it was told to run well before we wrote another in its place: what is told later no record knows.
    pub(super) ran_well: Option<bool>,
}

/// What has to be asked, and the questions of which one must be open.
pub(super) struct Unasked {
    pub(super) ids: Vec<String>,
    pub(super) sentence: String,
}

/// Uid and container.
pub(super) type Key = (String, String);

/// So often one image may be written by policy in the place of another.
const MOST_WRITES: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) questions: BTreeMap<String, Question>,
    /// The last question about each container.
    pub(super) newest: BTreeMap<Key, String>,
    pub(super) writes: Vec<Write>,
    /// Tag and digest of what was set back, and when.
    pub(super) set_back: BTreeMap<Key, BTreeMap<(String, String), DateTime<Utc>>>,
    /// Tags that ran until another hand set another one. Where one of them would be the best again, somebody went back
    /// from it, and it is held until there is something newer.
    pub(super) has_run: BTreeMap<Key, BTreeSet<String>>,
    /// The record that we wrote last, as it stood there, by object.
    pub(super) records: BTreeMap<String, String>,
    /// What answers wrote as skipped: the place of each annotation, and what it said.
    pub(super) skipped: BTreeSet<(String, String)>,
    /// Objects whose record another hand changed, and that we did not write since.
    pub(super) unrepaired: BTreeSet<String>,
    /// Objects whose settings changed while our record went back: people are asked there.
    pub(super) settings_went_back: BTreeSet<String>,
    /// How often what we wrote was set back: after the second time on one object people are asked, where a tool owned it.
    pub(super) times_set_back: BTreeMap<Key, usize>,
    /// The ids of messages, by what they say to whom.
    pub(super) ids: BTreeMap<String, String>,
    /// The ids of messages about ends, by update and recipient.
    pub(super) ends: BTreeMap<String, BTreeSet<String>>,
    /// What was stored and did not arrive yet, and what did.
    pub(super) owed: BTreeMap<String, String>,
    /// When it was stored first.
    pub(super) owed_since: BTreeMap<String, DateTime<Utc>>,
    pub(super) arrived: BTreeSet<String>,
    /// When another hand changed an object last, or what all rest on.
    pub(super) touched: BTreeMap<Option<String>, DateTime<Utc>>,
    /// Objects whose record another hand changed.
    pub(super) damaged: BTreeSet<String>,
    /// When the disk was lost last.
    pub(super) disk_lost: Option<DateTime<Utc>>,
    /// Objects whose record and what was remembered of it were both lost, and when that was last: of what was before, nobody
    /// knows anything. What was lost of one of the two, the other tells.
    pub(super) forgotten: BTreeMap<String, DateTime<Utc>>,
    /// Objects on which another hand replaced a record that was not remembered yet, as the process had died or the API server
    /// had not answered: nobody knows of what was written with it. When that was last.
    pub(super) unwitnessed: BTreeMap<String, DateTime<Utc>>,
    /// Images that another hand wrote, by object and container, since which we have written nothing on the object: whoever takes one
    /// away again before we have looked has set back nothing that anybody could know of.
    pub(super) unseen: BTreeMap<(String, String), String>,
    pub(super) image_writes: usize,
    pub(super) all_writes: usize,
    pub(super) answers: usize,
}

impl World {
    /// We wrote an object.
    pub(super) fn wrote(&mut self, before: &Object, after: &Object) {
        self.model.all_writes += 1;
        let Some(task) = self.tasks.get(&self.current).cloned() else { return };
        // Why a revision is there is said with its image, and never without one.
        let writes_image = before.template != after.template;
        let is_ours = |key: &str| key.starts_with(PREFIX) || writes_image && key == change_cause::ANNOTATION;
        let foreign = |object: &Object| -> Vec<(String, String)> {
            let all = object.annotations.iter();
            all.filter(|(key, _)| !is_ours(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        let changed: Vec<usize> =
            (0..before.template.len()).filter(|n| before.template[*n] != after.template[*n]).collect();
        let place = format!("{}/{}", before.id.namespace, before.id.name);
        let keys: BTreeSet<&String> = before.annotations.keys().chain(after.annotations.keys()).collect();
        let names = keys.into_iter().filter(|key| before.annotations.get(*key) != after.annotations.get(*key));
        let names: Vec<String> = names.map(|key| key.replace(PREFIX, "")).collect();
        self.log(format!("written: {place} {names:?}"));
        // Who looks at one repository has not seen what another hand wrote of another.
        let is_of_it = |image: &str| {
            let repository = parts(image).0;
            task.lists.iter().any(|(of, _)| of == repository) || !matches!(task.doing, Doing::Look)
        };
        self.model.unseen.retain(|(uid, _), image| **uid != *before.id.uid || !is_of_it(image));
        if names.iter().any(|name| name == "record") {
            self.model.unrepaired.remove(&*before.id.uid);
            let text = after.annotations.get(&format!("{PREFIX}record")).cloned().unwrap_or_default();
            self.model.records.insert(before.id.uid.to_string(), text);
        }
        if foreign(before) != foreign(after) || changed.len() > 1 || before.paused != after.paused {
            self.violate(Invariant::OnlyOneImage, format!("a write to {place} touched what is not ours"));
        }
        let settings = ["mode", "strategy", "cooldown", "track"];
        let edited: Vec<&String> = names.iter().filter(|name| settings.contains(&first(name))).collect();
        if !edited.is_empty() {
            self.violate(Invariant::OnlyOneImage, format!("a write to {place} changed its settings {edited:?}"));
        }
        let skips: Vec<&String> = names.iter().filter(|name| first(name) == "skip").collect();
        let skips: BTreeSet<(String, String)> = skips
            .into_iter()
            .map(|name| (format!("{place} {name}"), after.annotations.get(&format!("{PREFIX}{name}")).cloned()))
            .map(|(of, said)| (of, said.unwrap_or_default()))
            .collect();
        match (&task.doing, !skips.is_empty()) {
            (Doing::Answer { question, action: "skip" }, true) => {
                self.model.skipped.extend(skips);
                self.acts(question, "skip", before);
            }
            (Doing::Answer { question, action: "snooze" }, false) => self.snoozed(question),
            (Doing::Answer { question, action: "resume" }, false) => self.resumed(question, before),
            // What was answered, and whoever wrote the object whole took away, is put back as it stood.
            (_, true) if skips.is_subset(&self.model.skipped) => {}
            (_, true) => {
                self.violate(Invariant::OnlyOneImage, format!("a write to {place} changed what is skipped"));
            }
            _ => {}
        }
        if let [place] = changed[..] {
            self.wrote_image(&task, before, &before.template[place].clone(), &after.template[place].1);
        }
    }

    /// We wrote an image.
    fn wrote_image(&mut self, task: &Task, before: &Object, (container, from): &(String, String), to: &str) {
        self.model.image_writes += 1;
        let place = format!("{}/{} {container}", before.id.namespace, before.id.name);
        self.log(format!("IMAGE of {place}: {from} -> {to}"));
        let ((repository, tag, digest), (was_of, was, _)) = (parts(to), parts(from));
        let is_back = self.goes_back(&before.id.uid, container, (from, to));
        // What it goes back to may be written as it was, and may be deleted since the registry was asked.
        let told = || task.digests.get(&(repository.to_owned(), tag.to_owned()))?.iter().rev().flatten().next();
        let back = || self.points_to(repository, tag).or_else(|| told().map(String::as_str));
        let meant = if is_back { digest.or_else(back) } else { digest };
        let Some(digest) = meant.filter(|_| repository == was_of).map(str::to_owned) else {
            return self.violate(Invariant::OnlyOneImage, format!("{place} was written {to}, it ran {from}"));
        };
        let wish = Wish::read(before, container);
        if !is_back {
            self.allowed(task, &wish, &place, from, to);
            if !wish.follows_digest && version(tag) <= version(was) {
                self.violate(Invariant::NoDowngrade, format!("{place} went from {was} to {tag}"));
            }
        }
        let write = Write {
            uid: before.id.uid.to_string(),
            container: container.clone(),
            tag: tag.to_owned(),
            digest,
            image: to.to_owned(),
            from: from.clone(),
            at: self.now(),
            is_back,
            is_by_policy: matches!(task.doing, Doing::Look),
            is_disturbed: false,
            ends: BTreeSet::new(),
            ran_well: None,
        };
        match &task.doing {
            Doing::Answer { question, action: "approve" } => self.by_person(question, before, from, &write),
            Doing::Answer { question, action: "rollback" } if is_back => {
                self.back_by_person(question, before, from, &write);
            }
            Doing::Look if is_back && wish.mode == "AUTO_UPDATE" && !before.is_up && self.forced.is_none() => {}
            Doing::Look if wish.mode == "AUTO_UPDATE" => self.by_policy(&place, &write),
            doing => {
                let sentence = format!("{place}: {doing:?} wrote {to}, mode {}", wish.mode);
                self.violate(Invariant::OnlyWithConsent, sentence);
            }
        }
        let older = self.model.writes.iter_mut().filter(|it| it.uid == write.uid && it.container == write.container);
        // They were replaced, maybe before their end: nothing is owed of them.
        for older in older {
            older.is_disturbed = true;
            let ran_well = older.ends.contains("update.applied") && !older.ends.contains("update.failed");
            older.ran_well.get_or_insert(ran_well);
        }
        if is_back {
            let (key, (_, tag, digest)) = ((write.uid.clone(), write.container.clone()), parts(from));
            let (left, now) = ((tag.to_owned(), digest.unwrap_or_default().to_owned()), self.now());
            self.model.set_back.entry(key.clone()).or_default().insert(left, now);
            self.model.has_run.entry(key).or_default().insert(tag.to_owned());
        }
        self.model.writes.push(write);
    }

    /// Whether a write undoes the last one, which went on: to the tag that ran before it, by the digest that it had if it
    /// had one.
    fn goes_back(&self, uid: &str, container: &str, (from, to): (&str, &str)) -> bool {
        let of_it = |it: &&Write| it.uid == uid && it.container == container;
        // Where both the record and what is remembered of it are gone, an older record may be the newest that is known.
        let last = self.model.writes.iter().rfind(of_it);
        let is_known = last.is_some_and(|last| self.is_known(uid, last.at));
        let any = self.model.writes.iter().filter(of_it).filter(|it| it.image == from);
        let mut candidates = last.filter(|_| is_known).into_iter().chain(any.filter(|_| !is_known));
        candidates.any(|last| {
            last.image == from && !last.is_back && self.ran_before(last).iter().any(|was| self.is_it(from, to, was))
        })
    }

    /// What a write goes back to that is one of these: what ran before it, or before that, where that never ran well.
    fn ran_before<'m>(&'m self, last: &'m Write) -> Vec<&'m str> {
        let mut froms = vec![last.from.as_str()];
        let of_it = self.model.writes.iter().filter(|it| (&it.uid, &it.container) == (&last.uid, &last.container));
        for write in of_it.rev().skip_while(|it| it.image != last.image).skip(1) {
            let ran_well = write.ran_well == Some(true);
            if write.is_back || ran_well || froms.last() != Some(&write.image.as_str()) {
                break;
            }
            froms.push(&write.from);
        }
        froms
    }

    /// Whether what is written in the place of an image is what ran, as it ran.
    fn is_it(&self, from: &str, to: &str, ran: &str) -> bool {
        let ((repository, tag, digest), (was_of, was, had)) = (parts(to), parts(ran));
        // What a tag points to now that is followed, is what is gone on to.
        let is_newest = || tag == parts(from).1 && self.points_to(repository, tag) == digest;
        let is_its = had.map_or_else(|| !is_newest(), |had| digest == Some(had));
        (repository, tag) == (was_of, was) && is_its
    }

    fn points_to(&self, repository: &str, tag: &str) -> Option<&str> {
        Some(self.shelves.repositories.get(repository)?.get(tag)?.digest.as_str())
    }

    fn back_by_person(&mut self, question: &str, before: &Object, from: &str, write: &Write) {
        self.acts(question, "rollback", before);
        let asked = self.model.questions.get(question);
        if !asked.is_some_and(|it| it.tag == write.tag && it.digest == write.digest && it.from == from) {
            let sentence = format!("{question} wrote {} in the place of {from}", write.image);
            self.violate(Invariant::LinkOfAnotherDigest, sentence);
        }
    }

    /// Whether settings, as they were on the object, and what the registry answered this task allow an image.
    fn allowed(&mut self, task: &Task, wish: &Wish, place: &str, from: &str, to: &str) {
        let ((repository, tag, digest), (_, was, was_digest), now) = (parts(to), parts(from), self.now());
        let answered = |tag: &str| task.digests.get(&(repository.to_owned(), tag.to_owned()));
        let is_shown = answered(tag).is_some_and(|all| all.iter().any(|shown| shown.as_deref() == digest));
        let pushed = self.shelves.repositories.get(repository).and_then(|tags| tags.get(tag));
        let aged = |since: fn(&Pushed) -> DateTime<Utc>| {
            wish.follows_digest
                || pushed.zip(wish.cooldown).is_none_or(|(pushed, wait)| since(pushed) + wait <= now + self.apart)
        };
        // What was pushed while this was written is not what is written.
        let is_older = pushed.is_some_and(|pushed| digest != Some(pushed.digest.as_str()));
        let (is_known, is_aged) = (aged(|pushed| pushed.first), is_older || aged(|pushed| pushed.at));
        // A tag that came or went during the task may be taken or passed over.
        let is_there = |tag: &str, always: bool| {
            answered(tag).is_none_or(|all| all.iter().any(Option::is_some) && !(always && all.contains(&None)))
        };
        let is_best = |list: &Vec<String>| {
            let best = |always| wish.best(was, list.iter().map(String::as_str).filter(|tag| is_there(tag, always)));
            [best(true), best(false)].contains(&Some(tag))
        };
        let mut lists = task.lists.iter().filter(|(of, _)| of == repository).map(|(_, list)| list);
        let is_allowed = match (&task.doing, wish.cooldown) {
            _ if wish.follows_digest => {
                let is_skipped = digest.is_some_and(|digest| wish.skips(&format!("{tag}@{digest}")));
                tag == was && was_digest != digest && !is_skipped
            }
            (Doing::Look, None) => lists.any(is_best),
            (Doing::Look, Some(_)) => wish.allows(was, tag) && lists.any(|list| list.iter().any(|known| known == tag)),
            // A person chose it, and it has a manifest: it need not be the best, nor listed already.
            _ => wish.allows(was, tag) && lists.next().is_some(),
        };
        let sentence = format!("{place} was written {to}, it ran {from}, {wish:?}, shown {is_shown}, known {is_known}");
        if wish.mode == "DISABLED" || self.forced.is_some() || !is_allowed || !is_shown || !is_known {
            self.violate(Invariant::OnlyAllowed, sentence);
        } else if !is_aged {
            self.violate(Invariant::OnlyAged, sentence);
        }
    }

    fn by_person(&mut self, question: &str, before: &Object, from: &str, write: &Write) {
        self.acts(question, "approve", before);
        let asked = self.model.questions.get(question);
        if !asked.is_some_and(|it| it.tag == write.tag && it.digest == write.digest && it.from == from) {
            let sentence = format!("{question} wrote {} in the place of {from}", write.image);
            self.violate(Invariant::LinkOfAnotherDigest, sentence);
        }
        let key = (write.uid.clone(), write.container.clone());
        self.model.set_back.entry(key).or_default().remove(&(write.tag.clone(), write.digest.clone()));
    }

    fn by_policy(&mut self, place: &str, write: &Write) {
        let key = (write.uid.clone(), write.container.clone());
        let held = self.model.set_back.get(&key).and_then(|held| held.get(&(write.tag.clone(), write.digest.clone())));
        if let Some(since) = held.copied().filter(|since| self.is_known(&write.uid, *since)) {
            let is_unwitnessed = self.is_unwitnessed(&write.uid, since);
            self.violate_unwitnessed(
                Invariant::SetBackStaysBack,
                is_unwitnessed,
                format!("{place} was written {} again", write.image),
            );
        }
        let is_same =
            |it: &&Write| it.is_by_policy && (&it.uid, &it.container) == (&key.0, &key.1) && it.image == write.image;
        if self.model.writes.iter().filter(is_same).count() >= MOST_WRITES {
            self.violate(Invariant::NoFight, format!("{place} was written {} once more", write.image));
        }
    }

    /// What was set back may be applied again.
    fn resumed(&mut self, question: &str, before: &Object) {
        self.acts(question, "resume", before);
        if let Some(asked) = self.model.questions.get(question) {
            let key = (asked.uid.clone(), asked.container.clone());
            self.model.set_back.remove(&key);
            self.model.has_run.remove(&key);
            self.model.times_set_back.remove(&key);
        }
    }

    /// Whether anything tells of a question, as of when it was asked.
    fn was_known(&self, question: Option<&str>) -> bool {
        let question = question.and_then(|id| self.model.questions.get(id));
        question.is_none_or(|it| self.is_known(&it.uid, it.expires - LIFETIME))
    }

    /// A link did what it can do once.
    fn acts(&mut self, question: &str, action: &'static str, object: &Object) {
        let now = self.now();
        let Some(asked) = self.model.questions.get_mut(question) else {
            return self.violate(Invariant::LinkOfAnother, format!("{question}, which nobody was asked, acted"));
        };
        let before = asked.acted.replace(action).zip(asked.acted_at.replace(now));
        let (uid, expires) = (asked.uid.clone(), asked.expires);
        let newest = self.model.newest.get(&(uid.clone(), asked.container.clone())).cloned();
        self.model.answers += 1;
        if let Some((before, _)) = before.filter(|(_, at)| self.is_known(&object.id.uid, *at)) {
            self.violate(Invariant::LinkActsOnce, format!("the link of {question} acted ({action}) after {before}"));
        } else if newest.as_deref() != Some(question) && self.was_known(newest.as_deref()) {
            self.violate(
                Invariant::LinkReplaced,
                format!("the link of {question} acted, and {newest:?} had its place"),
            );
        }
        if *object.id.uid != *uid {
            self.violate(Invariant::LinkOfAnother, format!("{question} about {uid} acted on {}", object.id.uid));
        }
        // Whoever answers in time may wait for the registry and the API server.
        let sent = self.tasks.get(&self.current).and_then(|task| task.sent).unwrap_or(now);
        if sent >= expires + TimeDelta::minutes(2) + self.apart {
            self.violate(Invariant::LinkTooLate, format!("{question} acted at {now}, and was over at {expires}"));
        }
    }

    /// Whoever it is but us changed an object, or something that decisions rest on.
    pub(super) fn disturbed(&mut self, uid: Option<&str>) {
        let now = self.now();
        self.model.touched.insert(uid.map(str::to_owned), now);
        let is_of = |other: &str| uid.is_none_or(|uid| *uid == *other);
        for question in self.model.questions.values_mut().filter(|it| is_of(&it.uid)) {
            question.is_disturbed = true;
        }
    }

    /// Where a record is signed with a key that is gone, and the disk does not have it, nobody knows of what it told: no end
    /// of that is owed.
    pub(super) fn nobody_knows(&mut self) {
        let unknown: BTreeSet<String> = self.objects.values().filter_map(|object| self.is_unknown(object)).collect();
        for write in self.model.writes.iter_mut().filter(|write| unknown.contains(&write.uid)) {
            write.is_disturbed = true;
        }
        self.forgotten(unknown.iter().cloned());
        self.model.damaged.extend(unknown);
    }

    /// Both the records of these objects and what was remembered of them are gone.
    pub(super) fn forgotten(&mut self, uids: impl IntoIterator<Item = String>) {
        let now = self.now();
        self.model.forgotten.extend(uids.into_iter().map(|uid| (uid, now)));
    }

    /// Whether anything tells of what was then on an object.
    pub(super) fn is_known(&self, uid: &str, then: DateTime<Utc>) -> bool {
        self.model.forgotten.get(uid).is_none_or(|lost| *lost < then)
    }

    /// Whether what was written then on an object may have been replaced before anybody had taken note of it.
    pub(super) fn is_unwitnessed(&self, uid: &str, then: DateTime<Utc>) -> bool {
        self.model.unwitnessed.get(uid).is_some_and(|replaced| then <= *replaced)
    }

    /// The disk lost something.
    pub(super) fn lost_of_the_disk(&mut self) {
        self.model.disk_lost = Some(self.now());
        // What stands in the place of their records is all that there is.
        let unrepaired = self.model.unrepaired.clone();
        self.forgotten(unrepaired);
        self.nobody_knows();
    }

    fn is_unknown(&self, object: &Object) -> Option<String> {
        let uid = object.id.uid.to_string();
        let claimed = object.record().map_or(0, |workload| annotations::claimed(&workload).sequence);
        (self.model.unrepaired.contains(&uid) && self.disk.remembers(&uid) < claimed).then_some(uid)
    }

    pub(super) fn is_damaged(&self, uid: &str) -> bool {
        self.model.damaged.contains(uid)
    }

    /// What ran on an object, ran on the one that took its place, and was set back as often: whoever made it again from an older
    /// manifest went back from it.
    fn made_again(&mut self, before: &Object, after: &Object) {
        for (container, image) in &before.template {
            let of = |object: &Object| (object.id.uid.to_string(), container.clone());
            let mut ran = self.model.has_run.get(&of(before)).cloned().unwrap_or_default();
            ran.insert(parts(image).1.to_owned());
            ran.retain(|tag| after.template.iter().all(|(of, is)| of != container || parts(is).1 != tag));
            self.model.has_run.entry(of(after)).or_default().extend(ran);
            let times = self.model.times_set_back.get(&of(before)).copied().unwrap_or_default();
            *self.model.times_set_back.entry(of(after)).or_default() += times;
        }
    }

    /// Another hand changed an object, or made it.
    pub(super) fn touched(&mut self, before: &Object, after: &Object) {
        let uid = before.id.uid.to_string();
        let record = |object: &Object| -> Vec<(String, String)> {
            let all = object.annotations.iter().filter(|(key, _)| key.strip_prefix(PREFIX).is_some_and(is_state));
            all.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        if before.id.uid != after.id.uid && !record(after).is_empty() || record(before) != record(after) {
            self.model.damaged.insert(after.id.uid.to_string());
        }
        if before.id.uid != after.id.uid {
            return self.made_again(before, after);
        }
        self.disturbed(Some(&uid));
        if record(before) != record(after) {
            self.model.unrepaired.insert(uid.clone());
            if self.disk.remembers(&uid)
                < before.record().map_or(0, |workload| annotations::claimed(&workload).sequence)
            {
                self.log(format!("nobody remembers the record of {uid}"));
                let now = self.now();
                self.model.unwitnessed.insert(uid.clone(), now);
                // Nothing of it was read since the disk was lost, or what a store had not synced of it.
                if self.model.disk_lost.is_some() && (self.is_shared() || self.disk.remembers(&uid) == 0) {
                    self.forgotten([uid.clone()]);
                }
            }
        }
        let settings = |object: &Object| -> Vec<(String, String)> {
            let all =
                object.annotations.iter().filter(|(key, _)| key.strip_prefix(PREFIX).is_some_and(|it| !is_state(it)));
            all.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        if settings(before) != settings(after) {
            if self.model.unrepaired.contains(&uid) {
                self.model.settings_went_back.insert(uid.clone());
            } else {
                self.model.settings_went_back.remove(&uid);
            }
        }
        for (n, (container, was)) in before.template.iter().enumerate() {
            let Some((_, is)) = after.template.get(n).filter(|(_, is)| is != was) else { continue };
            let (_, tag, digest) = parts(was);
            let (_, now, now_digest) = parts(is);
            let key = (uid.clone(), container.clone());
            let ours = self.model.writes.iter_mut().filter(|it| it.uid == uid && it.container == *container);
            let mut is_ours = false;
            for write in ours {
                is_ours |= write.image == *was;
                write.is_disturbed = true;
            }
            let goes_on = version(now) > version(tag);
            self.model.has_run.entry(key.clone()).or_default().insert(tag.to_owned());
            if is_ours && !goes_on {
                *self.model.times_set_back.entry(key.clone()).or_default() += 1;
            }
            // Where a tag is followed, its digest is all that was written.
            let is_unpinned =
                is_ours && now == tag && now_digest.is_none() && Wish::read(after, container).follows_digest;
            let at = self.now();
            let of_it = key.clone();
            let was_seen = self.model.unseen.insert(key, is.clone()).is_none_or(|image| image != *was);
            let set_back = self.model.set_back.entry(of_it).or_default();
            if let Some(digest) = digest.filter(|_| is_ours && !goes_on && was_seen) {
                set_back.insert((tag.to_owned(), digest.to_owned()), at);
            }
            set_back
                .retain(|(held, of), _| held != now || is_unpinned || now_digest.is_some_and(|digest| digest != of));
        }
    }
}

/// A name without its container.
fn first(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}
