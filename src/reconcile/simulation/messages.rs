//! The model of messages: what was asked and told, and what is owed.

use chrono::TimeDelta;

use super::invariant::Invariant;
use super::model::Question;
use super::world::World;
use crate::domain::actor::Actor;
use crate::domain::approval::LIFETIME;
use crate::domain::event::{Delivery, NoticeKind};

/// Of what nobody answers people are reminded after so long.
pub(super) const REMINDED_AFTER: TimeDelta = TimeDelta::days(7);

impl World {
    /// Messages are stored.
    pub(super) fn told(&mut self, delivery: &Delivery) {
        let [notice] = delivery.notices() else { return };
        let (uid, container) = (notice.workload.uid.to_string(), notice.container.clone());
        let digest = notice.to.digest.clone().unwrap_or_default();
        let round = notice.approval.as_ref().map(|approval| approval.id.clone()).unwrap_or_default();
        let at = if round.is_empty() && notice.no_link.is_none() { notice.at.to_string() } else { String::new() };
        let what = format!(
            "{} {uid} {container} {} {} {digest} {round} {at} {:?} to {}",
            notice.kind.as_str(),
            notice.from.tag,
            notice.to.tag,
            notice.no_link,
            delivery.recipient
        );
        let id = delivery.id();
        if !self.model.arrived.contains(&id) {
            let now = self.now();
            self.model.owed_since.entry(what.clone()).or_insert(now);
            self.model.owed.insert(id.clone(), what.clone());
        }
        if let Some(known) = self.model.ids.insert(what.clone(), id.clone()).filter(|known| *known != id) {
            self.violate(Invariant::ToldWithOneId, format!("{what} is {known} and {id}"));
        }
        if let Some(view) = notice.approval.as_ref().filter(|_| notice.asks())
            && !self.model.questions.contains_key(&view.id)
        {
            let is_of_its_end = matches!(notice.kind, NoticeKind::Applied | NoticeKind::Failed);
            let to = if is_of_its_end { &notice.from } else { &notice.to };
            let question = Question {
                uid: uid.clone(),
                container: container.clone(),
                from: view.from_image.clone(),
                tag: to.tag.clone(),
                digest: to.digest.clone().unwrap_or_default(),
                expires: view.expires,
                allows: view.allows,
                acted: None,
                acted_at: None,
                snoozed: None,
                is_disturbed: false,
            };
            self.asks(&view.id, question);
        }
        // What failed here and another hand wrote again is told as that hand's.
        let is_of_another = matches!(notice.by, Some(Actor::Program(_)));
        match notice.kind {
            NoticeKind::Applied | NoticeKind::Failed if is_of_another => {}
            NoticeKind::Applied | NoticeKind::Failed | NoticeKind::Granted | NoticeKind::RolledBack => {
                // What went back is told as the end of the update that it undid.
                let written = if notice.kind == NoticeKind::RolledBack { &notice.from } else { &notice.to };
                let (tag, digest) = (&written.tag, written.digest.clone().unwrap_or_default());
                let mut times = 0;
                let writes = self.model.writes.iter_mut().filter(|it| it.uid == uid && it.container == container);
                for write in writes.filter(|it| it.tag == *tag && it.digest == digest) {
                    times += 1;
                    write.ends.insert(notice.kind.as_str());
                }
                // An update that is told again is told with the same ids.
                let kind = notice.kind.as_str();
                let same = format!("{kind} {uid} {container} {tag} {digest} to {}", delivery.recipient);
                let ids = self.model.ends.entry(same).or_default();
                ids.insert(id);
                if ids.len() > times {
                    let sentence =
                        format!("{kind} of {tag} on {uid} {container}: {} messages, {times} updates", ids.len());
                    self.violate(Invariant::ToldOnlyWhatWas, sentence);
                }
            }
            _ => {}
        }
    }

    fn asks(&mut self, id: &str, mut question: Question) {
        // Its record may be older than its messages, and somebody may have come between.
        let touched =
            [None, Some(question.uid.clone())].iter().filter_map(|of| self.model.touched.get(of)).max().copied();
        question.is_disturbed = touched.is_some_and(|at| at + self.apart >= question.expires - LIFETIME);
        let key = (question.uid.clone(), question.container.clone());
        let now = self.now() + self.apart;
        self.log(format!("ASKED {id}: {} {} to {}", question.uid, question.container, question.tag));
        let newest = self.model.newest.get(&key).and_then(|newest| self.model.questions.get(newest));
        if newest.is_some_and(|newest| newest.expires > question.expires + self.apart) {
            // Who stood still between writing and telling tells of it when another has asked of something newer.
            self.model.questions.insert(id.to_owned(), question);
            return;
        }
        let older = self.model.newest.insert(key, id.to_owned());
        let older = older.and_then(|older| Some((older.clone(), self.model.questions.get(&older)?)));
        if let Some((older, it)) = older
            && (&it.from, &it.tag, &it.digest) == (&question.from, &question.tag, &question.digest)
            && it.acted.is_none()
            && !it.is_disturbed
            && it.snoozed.is_none_or(|until| now < until)
            && now < it.expires - LIFETIME + REMINDED_AFTER
        {
            let sentence = format!("{id} asks what {older} asked, which nobody answered or touched");
            self.violate(Invariant::AskedOnce, sentence);
        }
        self.model.questions.insert(id.to_owned(), question);
    }

    /// Somebody asked to be left alone with a question.
    pub(super) fn snoozed(&mut self, question: &str) {
        let until = self.now() + TimeDelta::days(7);
        if let Some(question) = self.model.questions.get_mut(question) {
            question.snoozed = Some(until);
        }
    }

    /// A message arrived, or is a dead letter for everybody to see.
    pub(super) fn delivered(&mut self, delivery: &Delivery) {
        let id = delivery.id();
        self.model.owed.remove(&id);
        self.model.arrived.insert(id);
    }

    /// A message that is over before it could be sent is owed to nobody.
    pub(super) fn expire(&mut self) {
        let now = self.now();
        let over = |what: &String| {
            self.model.questions.iter().any(|(id, question)| what.contains(id.as_str()) && question.expires <= now)
        };
        let gone: Vec<String> =
            self.model.owed.iter().filter(|(_, what)| over(what)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.model.owed.remove(&id);
        }
    }
}
