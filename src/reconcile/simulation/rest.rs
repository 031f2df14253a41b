//! The model of an end: when faults stop, everything is well after a while.

use std::sync::Arc;

use super::cluster::Object;
use super::invariant::Invariant;
use super::messages::REMINDED_AFTER;
use super::model::{Question, Unasked};
use super::wish::{Wish, parts, version};
use super::world::World;
use crate::cluster::annotations::{self, claimed};
use crate::domain::approval::{Allows, LIFETIME};
use crate::domain::event::MOST_REMINDERS;
use crate::domain::policy::Doubt;
use crate::domain::record::Question as Asked;
use crate::domain::settings::Fingerprint;

impl World {
    /// Nothing strikes any more, and everything had its time.
    pub(super) fn at_rest(&mut self) -> Vec<Unasked> {
        self.expire();
        let mut wrong = Vec::new();
        let lost: Vec<String> = self.model.owed.values().filter(|what| !self.is_void(what)).cloned().collect();
        for what in lost {
            self.violate(Invariant::MessageArrives, format!("{what} never arrived"));
        }
        wrong.extend(self.unheld());
        let objects: Vec<Arc<Object>> = self.objects.values().cloned().collect();
        for object in &objects {
            self.is_remembered(object);
            for (container, image) in &object.template {
                self.end_is_told(object, container, image);
                wrong.extend(self.rests_well(object, container, image));
            }
        }
        wrong
    }

    /// Whether two updates of an object were set back, be they of one container or of two.
    fn was_set_back_twice(&self, uid: &str) -> bool {
        let of_it = self.model.times_set_back.iter().filter(|((of, _), _)| of == uid);
        of_it.map(|(_, times)| times).sum::<usize>() >= 2
    }

    /// What was set back, and that nobody touched since: a person can say that it may be applied.
    fn unheld(&self) -> Vec<Unasked> {
        let now = self.now() + self.apart;
        let newest = self.model.newest.values().filter_map(|id| Some((id, self.model.questions.get(id)?)));
        let runs = |it: &Question| {
            let object = self.objects.values().find(|object| *object.id.uid == *it.uid);
            object.is_some_and(|object| object.template.contains(&(it.container.clone(), it.from.clone())))
        };
        let is_open = |it: &Question| it.acted.is_none() && !it.is_disturbed && now < it.expires && runs(it);
        let open = newest.filter(|(_, it)| it.allows == Allows::Held && is_open(it));
        open.map(|(id, it)| {
            let sentence = format!("{} of {} {} is held, and nobody can resume it", it.tag, it.uid, it.container);
            Unasked { ids: vec![id.clone()], sentence }
        })
        .collect()
    }

    /// Whether what was lost with the disk need not be said any more: another question took its place, it was answered, or
    /// what it was about was touched.
    fn is_void(&self, what: &str) -> bool {
        let question = self.model.questions.iter().find(|(id, _)| what.contains(id.as_str()));
        let is_over = question.is_some_and(|(id, it)| {
            let newest = self.model.newest.get(&(it.uid.clone(), it.container.clone()));
            newest != Some(id) || it.acted.is_some() || it.is_disturbed
        });
        // Of the ends of updates the newest is told again, as long as nobody touched it.
        let fields: Vec<&str> = what.split(' ').collect();
        let newest = self.model.writes.iter().rfind(|write| fields.get(1..3) == Some(&[&write.uid, &write.container]));
        let is_older = newest.is_none_or(|write| {
            let is_it = fields.get(4..6) == Some(&[&write.tag, &write.digest]);
            // Nobody is left who could tell it of an object that was deleted.
            let is_gone = self.objects.values().all(|object| *object.id.uid != *write.uid);
            write.is_disturbed || is_gone || fields.first() != Some(&"update.applied") || !is_it
        });
        // What was stored since the disk was lost is on the new one.
        let since = self.model.owed_since.get(what).copied();
        let Some((lost, since)) = self.model.disk_lost.zip(since).filter(|(lost, since)| since <= lost) else {
            return false;
        };
        // What waited for longer than it is told again, and was lost then, is old.
        if lost >= since + LIFETIME {
            return true;
        }
        // Who replaced the record while the disk was new took the end with it. So did who removed it before the disk was lost.
        let of_it = |uid: &&str| self.is_unwitnessed(uid, since) || !self.is_known(uid, since);
        fields.get(1).is_some_and(of_it) || if question.is_some() { is_over } else { is_older }
    }

    /// Whether the store knows of the record that we wrote last, where that stands, so that no older one is believed in its
    /// place.
    fn is_remembered(&mut self, object: &Object) {
        let Some(workload) = object.record() else { return };
        let record = claimed(&workload);
        let stands = record.sequence;
        let ours = self.model.records.get(&*object.id.uid).map(String::as_str);
        if ours.is_none() || ours != annotations::text(&workload) {
            return;
        }
        let known = self.disk.remembers(&object.id.uid);
        if known < stands {
            let sentence = format!("of {} record {known} is remembered, and {stands} stands on it", object.id.uid);
            self.violate(Invariant::Remembered, sentence);
        }
        // Else it would be the newest one still after an undo, with the settings of before.
        if record.settings != Some(Fingerprint::of_its_own(&workload)) {
            let sentence = format!("record {stands} of {} is of other settings than it has", object.id.uid);
            self.violate(Invariant::SettingsWritten, sentence);
        }
    }

    fn end_is_told(&mut self, object: &Object, container: &str, image: &str) {
        let write =
            self.model.writes.iter().rfind(|write| *write.uid == *object.id.uid && write.container == container);
        let Some(write) = write.filter(|write| write.image == image && !write.is_disturbed) else { return };
        let at = write.at;
        let well = if write.is_back { "update.rolled_back" } else { "update.applied" };
        let end = if object.is_up { well } else { "update.failed" };
        // Where its pods say that another container is in the way, nobody can say that this image is to blame.
        let is_good = |repository: &str, tag: &str| self.shelves.is_good(repository, tag);
        let is_innocent = object.shows_pods() && Object::starts(image, is_good);
        let is_over = object.is_up || object.stall.is_some() && !is_innocent;
        // Where another container's rollout failed later, this one ended well before.
        let is_told = write.ends.contains(end) || !object.is_up && write.ends.contains(well);
        if is_over && !object.paused && !is_told {
            let sentence =
                format!("{end} of {} on {}/{} was never told", write.tag, object.id.namespace, object.id.name);
            if self.is_known(&object.id.uid, at) {
                let is_unwitnessed = self.is_unwitnessed(&object.id.uid, at);
                self.violate_unwitnessed(Invariant::EndIsTold, is_unwitnessed, sentence);
            }
        }
    }

    /// Whether a container is where it should be. Where a question has to be open, its link is for the driver to try.
    fn rests_well(&mut self, object: &Object, container: &str, image: &str) -> Option<Unasked> {
        let wish = Wish::read(object, container);
        let (repository, running, digest) = parts(image);
        let tags = self.shelves.list(repository);
        if wish.mode == "DISABLED"
            || self.forced.is_some()
            || !tags.iter().any(|tag| tag == running)
            || object.record().is_none()
        {
            return None;
        }
        // Somebody cleaned up, or its list is a half one.
        if self.shelves.lost_most(repository, self.now() - self.apart - Doubt::BELIEVED_AFTER * 2) {
            return None;
        }
        let digest_of = |tag: &str| self.shelves.repositories.get(repository)?.get(tag).map(|it| it.digest.to_string());
        let (best, best_digest) = if wish.follows_digest {
            let now = digest_of(running)?;
            // What an image without a digest runs, only image-watcher knows.
            let known = digest?;
            if now == known || wish.skips(&format!("{running}@{now}")) {
                return None;
            }
            (running.to_owned(), now)
        } else {
            let best = wish.best(running, tags.iter().map(String::as_str))?.to_owned();
            let digest = digest_of(&best)?;
            (best, digest)
        };
        let key = (object.id.uid.to_string(), container.to_owned());
        let is_held =
            self.model.set_back.get(&key).is_some_and(|all| all.contains_key(&(best.clone(), best_digest.clone())));
        // Whoever went back from a newer one does not want this one either.
        let has_run = self.model.has_run.get(&key);
        let has_run = has_run.is_some_and(|all| all.iter().any(|ran| *ran == best || version(ran) > version(&best)));
        if is_held || has_run || object.paused {
            return None;
        }
        let place = format!("{}/{} {container}", object.id.namespace, object.id.name);
        // Where our record was changed, nobody may know who meant the mode.
        let is_asked = self.is_damaged(&key.0)
            || self.model.settings_went_back.contains(&key.0)
            || self.was_set_back_twice(&key.0);
        if wish.mode == "AUTO_UPDATE" && !is_asked {
            let sentence = format!("{place} runs {image}, and {best} is there");
            self.violate(Invariant::Converges, sentence);
            return None;
        }
        // Where another hand replaced the record in which it was let go, what was set back is held still, and asked about so.
        let may_be_held = self.is_damaged(&key.0);
        let asks = |allows| allows == Allows::Update || allows == Allows::Held && may_be_held;
        let is_about_it = |it: &&Question| {
            (&it.uid, &it.container) == (&key.0, &key.1)
                && asks(it.allows)
                && it.tag == best
                && it.digest == best_digest
                && it.from == image
        };
        let now = self.now() - self.apart;
        // Who puts a version off is not asked about it before, whatever runs meanwhile.
        let is_of_it =
            |it: &&Question| (&it.uid, &it.container, &it.tag, &it.digest) == (&key.0, &key.1, &best, &best_digest);
        let mut of_it = self.model.questions.values().filter(is_of_it);
        let mut is_put_off = of_it.any(|question| question.snoozed.is_some_and(|until| now < until));
        let mut ids = Vec::new();
        for (id, question) in self.model.questions.iter().filter(|(_, it)| is_about_it(it)) {
            ids.push(id.clone());
            // Nobody answered, and people are reminded later.
            is_put_off |= question.acted.is_none() && now < question.expires - LIFETIME + REMINDED_AFTER;
        }
        is_put_off |= ids.len() > usize::from(MOST_REMINDERS);
        is_put_off |= self.is_untold(object, container, &best);
        let sentence = format!("{place} runs {image}, {best} is there, and nobody can answer any of {ids:?}");
        (!is_put_off).then_some(Unasked { ids, sentence })
    }

    /// Whether the record says that people were asked about a version of which nobody was told: what was written before the process
    /// died, or the API server did not answer, was told by none of the next ones in time. The reminder tells it.
    fn is_untold(&self, object: &Object, container: &str, tag: &str) -> bool {
        let record = object.record().map(|workload| claimed(&workload));
        let question = record.as_ref().and_then(|record| record.ledger(container)?.question.as_ref());
        let question = question.filter(|question| question.terms.tag.as_str() == tag);
        let question = question.filter(|question| !question.is_closed());
        let is_told = |question: &Asked| self.model.questions.contains_key(question.terms.id.as_str());
        let is_due = |question: &Asked| self.now() - self.apart >= question.asked + REMINDED_AFTER;
        question.is_some_and(|question| !is_told(question) && !is_due(question))
    }
}
