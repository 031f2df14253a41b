//! What people see of jobs, and do to those that were given up.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::entry::{Row, State};
use super::error::NatsError;
use super::jobs::Jobs;
use super::rows::Known;
use crate::queue::gathering::LEFT_OUT;
use crate::queue::losses::{MOST_LOSSES, MOST_NAMED};
use crate::queue::row::{RowError, moment};
use crate::queue::trouble::{Fault, Groups};
use crate::queue::{Acted, Asked, Before, Depth, Letter, LetterState, Page, QueueError, Topic, Troubles};

/// The topic of entries of which even that can't be read.
const UNREADABLE: &str = "unreadable";

/// What state a message is in.
fn state(row: &Row) -> LetterState {
    match (row.state, &row.error) {
        (State::Ready, None) => LetterState::Waiting,
        (State::Ready, Some(_)) => LetterState::Retried,
        (State::Done, None) => LetterState::Delivered,
        (State::Done, Some(_)) => LetterState::Done,
        (State::Dead | State::Parked, _) => LetterState::Dead,
    }
}

fn letter(row: &Row) -> Letter {
    let state = state(row);
    let is_owed = matches!(state, LetterState::Waiting | LetterState::Retried);
    Letter {
        id: row.key.clone(),
        channel: Topic::channel_in(&row.topic).unwrap_or_else(|| row.topic.clone()),
        state,
        job: row.job().ok(),
        trace: row.trace(),
        attempts: row.attempts,
        error: row.error.clone().filter(|error| !error.is_empty()),
        next: is_owed.then(|| moment(row.not_before)),
        created: moment(row.created),
        changed: moment(row.changed),
    }
}

impl Jobs {
    fn messages(&self) -> impl Iterator<Item = (i64, &Row)> {
        self.rows.all().map(|(id, known)| (id, &known.row)).filter(|(_, row)| row.is_message())
    }

    /// See [`crate::queue::Letters::letters`].
    pub(super) fn letters(&self, asked: &Asked) -> Page {
        let end = asked.before.map_or((i64::MAX, i64::MAX), |it| (it.created, it.number));
        let has_arrived = asked.state == Some(LetterState::Delivered);
        let place = |id: i64, row: &Row| (if has_arrived { row.changed } else { row.created }, id);
        // Where a message went out together with others, that one counts.
        let is_gathered = |row: &Row| row.topic.starts_with(&Topic::Gather(String::new()).name());
        let is_asked = |(id, row): &(i64, &Row)| {
            let state = state(row);
            let is_listed = match asked.state {
                None => !matches!(state, LetterState::Delivered | LetterState::Done),
                Some(wanted) => wanted == state && !(has_arrived && is_gathered(row)),
            };
            is_listed
                && asked.channel.as_ref().is_none_or(|wanted| Topic::channel_in(&row.topic).as_ref() == Some(wanted))
                && place(*id, row) < end
        };
        let mut found: Vec<(i64, &Row)> = self.messages().filter(is_asked).collect();
        found.sort_by_key(|(id, row)| std::cmp::Reverse(place(*id, row)));
        let is_more = found.len() > asked.most;
        found.truncate(asked.most);
        let next = found.last().filter(|_| is_more).map(|(id, row)| place(*id, row));
        let next = next.map(|(created, number)| Before { created, number });
        Page { letters: found.into_iter().map(|(_, row)| letter(row)).collect(), next }
    }

    fn find(&self, id: &str) -> Option<&Row> {
        self.by_key(id).filter(|row| row.topic != Topic::Look.name())
    }

    /// See [`crate::queue::Letters::letter`].
    pub(super) fn letter(&self, id: &str) -> Option<Letter> {
        self.find(id).map(letter)
    }

    /// The ids of a channel's dead letters, in the order in which they were stored.
    pub(super) fn dead_of(&self, channel: &str) -> Vec<String> {
        let is_dead = |(_, row): &(i64, &Row)| {
            row.state == State::Dead && Topic::channel_in(&row.topic).as_deref() == Some(channel)
        };
        let mut dead: Vec<(i64, &Row)> = self.messages().filter(is_dead).collect();
        dead.sort_by_key(|(id, row)| (row.topic.as_str() > Topic::Gather(String::new()).name().as_str(), *id));
        dead.into_iter().map(|(_, row)| row.key.clone()).collect()
    }

    /// See [`crate::queue::Letters::send_again`]; as far as the bound allows it. Gives the topics that have something new.
    pub(super) fn send_again(&mut self, ids: &[String]) -> Result<(Vec<Acted>, Vec<Topic>), QueueError> {
        self.has_room(ids.len())?;
        let (mut all, mut topics) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let acted = match self.find(id).map(|row| (state(row), row.job().ok(), row.clone())) {
                None => Acted::Unknown,
                Some((LetterState::Dead, Some(job), row)) => {
                    self.revive(row);
                    topics.push(Topic::of(&job));
                    Acted::Done
                }
                Some((LetterState::Dead, None, _)) => Acted::Unreadable,
                Some((state, ..)) => Acted::NotDead(state),
            };
            all.push(acted);
        }
        topics.dedup();
        Ok((all, topics))
    }

    /// A dead letter waits again, as old as if it were new, where it was among the messages of its lanes.
    fn revive(&mut self, mut row: Row) {
        let now = self.wall();
        (row.state, row.attempts, row.losses, row.error, row.told) = (State::Ready, 0, 0, None, false);
        (row.not_before, row.created, row.changed) = (now, now, now);
        self.change(row);
    }

    /// See [`crate::queue::Letters::hasten`].
    pub(super) fn hasten(&mut self, topic: &Topic) -> u64 {
        let (name, now) = (topic.name(), self.wall());
        let waits = |row: &Row| {
            let failed = row.topic == name && row.state == State::Ready && row.error.is_some();
            failed && row.held.is_none() && row.not_before > now
        };
        // What the open commit changes is under way.
        let at_rest = self.rows.all().filter(|(_, known)| !self.is_changed(&known.place)).map(|(_, known)| &known.row);
        let all: Vec<Row> = at_rest.filter(|row| waits(row)).cloned().collect();
        let hastened = all.len() as u64;
        for row in all {
            self.change(Row { not_before: now, ..row });
        }
        hastened
    }

    /// See [`crate::queue::Letters::discard`].
    pub(super) fn discard(&mut self, id: &str) -> Acted {
        let Some(mut row) = self.find(id).cloned() else { return Acted::Unknown };
        match state(&row) {
            LetterState::Dead => {
                // What is over and did not arrive has an error.
                let error = Some(row.error.clone().unwrap_or_default());
                row.end(State::Done, error, self.wall());
                self.change(row);
                Acted::Done
            }
            state => Acted::NotDead(state),
        }
    }

    /// See [`crate::queue::Letters::untold`].
    pub(super) fn untold(&self, most: usize) -> Vec<Letter> {
        let mut untold: Vec<(i64, &Row)> =
            self.messages().filter(|(_, row)| row.state == State::Dead && !row.told).collect();
        untold.sort_by_key(|(id, _)| *id);
        untold.into_iter().take(most).map(|(_, row)| letter(row)).collect()
    }

    /// See [`crate::queue::Letters::were_told`].
    pub(super) fn were_told(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(row) = self.find(id).filter(|row| !row.told).cloned() {
                self.change(Row { told: true, ..row });
            }
        }
    }

    /// See [`crate::queue::Gathering::not_told`].
    pub(super) fn not_told(&mut self, ids: &[String]) {
        let gathered = Topic::Gather(String::new()).name();
        for id in ids {
            let is_over = |row: &&Row| row.state == State::Done && row.is_message();
            let row =
                self.find(id).filter(is_over).filter(|row| row.error.is_some() || row.topic.starts_with(&gathered));
            if let Some(row) = row.cloned() {
                self.change(Row { error: Some(LEFT_OUT.to_owned()), ..row });
            }
        }
    }

    /// Makes dead letters of messages for channels that are not among these. Gives their number by channel.
    pub(super) fn bury(&mut self, channels: &[String]) -> Vec<(String, u64)> {
        let is_for_nobody = |(_, row): &(i64, &Row)| {
            let channel = Topic::channel_in(&row.topic);
            row.state == State::Ready && channel.is_some_and(|channel| !channels.contains(&channel))
        };
        let all: Vec<Row> = self.messages().filter(is_for_nobody).map(|(_, row)| row.clone()).collect();
        let (mut buried, now) = (BTreeMap::<String, u64>::new(), self.wall());
        for (mut row, named) in all.into_iter().zip(0_u32..) {
            if named < MOST_NAMED {
                tracing::warn!(
                    topic = row.topic,
                    job = row.about(),
                    "this message is not sent, as its channel was removed, and is kept as a dead letter"
                );
            }
            *buried.entry(Topic::channel_in(&row.topic).unwrap_or_default()).or_default() += 1;
            row.end(State::Dead, Some("the channel was removed from the configuration".into()), now);
            self.change(row);
        }
        buried.into_iter().collect()
    }

    /// See [`crate::queue::Queue::depth`].
    pub(super) fn depth(&self) -> Depth {
        let (mut ready, mut dead, mut suspect) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut depth = Depth { leased: self.rows.held().count() as u64, ..Depth::default() };
        for (_, Known { row, .. }) in self.rows.all() {
            let counted = match row.state {
                State::Done => continue,
                State::Ready => &mut ready,
                State::Dead | State::Parked => &mut dead,
            };
            *counted.entry(row.topic.clone()).or_default() += 1;
            if row.state != State::Ready {
                continue;
            }
            if row.losses >= MOST_LOSSES {
                *suspect.entry(row.topic.clone()).or_default() += 1;
            }
            if Topic::named(&row.topic).is_none_or(|topic| topic.is_taken()) {
                let created = moment(row.created);
                depth.oldest = Some(depth.oldest.map_or(created, |oldest| oldest.min(created)));
            }
        }
        for (_, sealed) in self.rows.sealed() {
            *dead.entry(sealed.topic.clone().unwrap_or_else(|| UNREADABLE.to_owned())).or_default() += 1;
        }
        let sorted = |all: BTreeMap<String, u64>| all.into_iter().collect();
        (depth.ready, depth.dead, depth.suspect) = (sorted(ready), sorted(dead), sorted(suspect));
        depth
    }

    /// See [`crate::queue::QueueAdmin::troubles`].
    pub(super) fn troubles(&self) -> Troubles {
        let mut failed: Vec<&Row> = Vec::new();
        let mut last_done = BTreeMap::<String, DateTime<Utc>>::new();
        let mut waiting = BTreeMap::<String, u64>::new();
        for (_, Known { row, .. }) in self.rows.all() {
            *waiting.entry(row.topic.clone()).or_default() += u64::from(row.state == State::Ready);
            match row.state {
                State::Done if row.error.is_none() => {
                    let last = last_done.entry(row.topic.clone()).or_default();
                    *last = moment(row.changed).max(*last);
                }
                State::Done => {}
                State::Ready if row.error.is_none() && row.losses < MOST_LOSSES => {}
                State::Ready | State::Dead | State::Parked => failed.push(row),
            }
        }
        failed.sort_by_key(|row| std::cmp::Reverse(row.changed));
        let mut groups = Groups::default();
        for row in failed {
            let fault = match row.state {
                State::Ready if row.losses >= MOST_LOSSES => Fault::Suspect,
                State::Ready => Fault::Retried,
                _ => Fault::Dead,
            };
            groups.count(&row.topic, row.job(), fault, (moment(row.changed), row.error.clone()));
        }
        for (place, sealed) in self.rows.sealed() {
            let topic = sealed.topic.as_deref().unwrap_or(UNREADABLE);
            let error = NatsError::Unreadable(place.to_owned());
            let reason = Some(error.to_string());
            groups.count(topic, Err(RowError::Payload(error.into())), Fault::Dead, (sealed.met, reason));
        }
        Troubles { failing: groups.sorted(&waiting), last_done }
    }
}
