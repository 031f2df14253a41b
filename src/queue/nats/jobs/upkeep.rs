//! What is done to jobs other than to do them: what processes died with, and what is over.

use std::time::Duration;

use chrono::TimeDelta;

use super::Jobs;
use crate::queue::Topic;
use crate::queue::losses::{
    MOST_DEAD, MOST_LOSSES_OF_A_MESSAGE, MOST_PURGED, REMEMBER_DEAD, REMEMBER_DONE, again_after, log_given_up,
    log_suspect,
};
use crate::queue::nats::entry::{Row, State};
use crate::queue::nats::rows::Known;

/// A process that said nothing for so long is dead; what it had is given to others.
const SILENCE: Duration = Duration::from_secs(15);

impl Jobs {
    /// A process says that it lives. How many do, this one among them.
    pub(in crate::queue::nats) fn hear(&mut self, name: &str) -> usize {
        let now = self.ambient.monotonic();
        self.heard.retain(|_, at| now.saturating_sub(*at) < SILENCE);
        self.heard.insert(name.to_owned(), now);
        self.heard.len() + usize::from(!self.heard.contains_key(&self.me))
    }

    /// Whether this process hears what it says itself, or could not have heard it yet.
    pub(in crate::queue::nats) fn hears_itself(&self) -> bool {
        let last = self.heard.get(&self.me).copied().unwrap_or_default().max(self.listening);
        self.ambient.monotonic().saturating_sub(last) < SILENCE
    }

    /// Until now nobody could be heard.
    pub(in crate::queue::nats) fn listen(&mut self) {
        self.listening = self.ambient.monotonic();
    }

    /// How long until a job of this topic is taken from another process, if nobody hears that process meanwhile.
    pub(super) fn until_lost(&self, topic: &Topic) -> Option<Duration> {
        let (now, name) = (self.ambient.monotonic(), topic.name());
        let marks =
            self.rows.held().filter(|(_, known)| known.row.topic == name).filter_map(|(_, it)| it.row.held.as_ref());
        let last = |by: &str| self.heard.get(by).copied().unwrap_or_default().max(self.listening);
        let others = marks.filter(|mark| mark.by != self.me);
        others.map(|mark| (last(&mark.by) + SILENCE).saturating_sub(now)).min()
    }

    /// Takes jobs from processes that died with them. What several died with waits, longer each time.
    pub(super) fn recover(&mut self) {
        let now = self.ambient.monotonic();
        if now.saturating_sub(self.listening) < SILENCE {
            return;
        }
        let is_dead =
            |name: &str| name != self.me && self.heard.get(name).is_none_or(|at| now.saturating_sub(*at) >= SILENCE);
        let held = self.rows.held().filter(|(_, known)| known.row.held.as_ref().is_some_and(|mark| is_dead(&mark.by)));
        let lost: Vec<String> = held.map(|(_, known)| known.place.clone()).collect();
        for place in lost {
            if let Some(row) = self.at(&place).cloned() {
                self.lose(&place, row);
            }
        }
    }

    fn lose(&mut self, place: &str, mut row: Row) {
        let now = self.ambient.now();
        row.losses = row.losses.saturating_add(1);
        let losses = row.losses;
        if row.is_message() && losses >= MOST_LOSSES_OF_A_MESSAGE {
            log_given_up(&row.topic, &row.about(), losses);
            row.end(State::Dead, Some(format!("the process died with it {losses} times")), now.timestamp_millis());
        } else {
            let at = again_after(losses, now);
            if let Some(at) = at {
                log_suspect(&row.topic, &row.about(), losses, at);
                row.not_before = at.timestamp_millis();
            }
            (row.held, row.changed) = (None, now.timestamp_millis());
            row.again = None;
        }
        self.set(place, Some(row));
    }

    /// What is over and goes first where there is no room: what is done, and then what was given up, the oldest first; so much
    /// that it frees these bytes, and no more than so many. Gives their places and revisions.
    pub(in crate::queue::nats) fn over(&self, bytes: u64, most: usize) -> Vec<(String, u64)> {
        let is_over = |(_, known): &(i64, &Known)| known.row.state != State::Ready;
        let mut all: Vec<&Known> = self.rows.all().filter(is_over).map(|(_, known)| known).collect();
        // Of those that were given up, the ones that somebody was told of.
        all.sort_by_key(|known| (known.row.state != State::Done, !known.row.told, known.row.changed));
        let mut freed: u64 = 0;
        let is_needed = |known: &&&Known| {
            let goes = freed < bytes;
            freed = freed.saturating_add(known.row.written().len() as u64);
            goes
        };
        let some = all.iter().take(most).take_while(is_needed);
        some.map(|known| (known.place.clone(), known.revision)).collect()
    }

    /// Drops what was remembered long enough, a bounded number at a time. Says whether there may be more.
    pub(in crate::queue::nats) fn purge(&mut self) -> bool {
        let now = self.ambient.now();
        let before = |age: TimeDelta| (now - age).timestamp_millis();
        let (done, dead) = (before(REMEMBER_DONE), before(REMEMBER_DEAD));
        let is_over = |row: &Row| match row.state {
            State::Ready => false,
            State::Done => row.changed < done,
            State::Dead | State::Parked => row.changed < dead,
        };
        let over = self.rows.all().filter(|(_, known)| is_over(&known.row)).map(|(_, known)| known.place.clone());
        let mut over: Vec<String> = over.take(MOST_PURGED as usize).collect();
        // Of more dead letters than are kept, those go that were given up first.
        let beyond = usize::try_from(self.rows.dead().saturating_sub(MOST_DEAD.into())).unwrap_or(usize::MAX);
        if over.is_empty() && beyond > 0 {
            let mut all: Vec<(i64, String)> = self
                .rows
                .all()
                .filter(|(_, known)| matches!(known.row.state, State::Dead | State::Parked))
                .map(|(_, known)| (known.row.changed, known.place.clone()))
                .collect();
            all.sort();
            over.extend(all.into_iter().take(beyond.min(MOST_PURGED as usize)).map(|(_, place)| place));
        }
        for place in &over {
            self.set(place, None);
        }
        over.len() >= MOST_PURGED as usize
    }
}
