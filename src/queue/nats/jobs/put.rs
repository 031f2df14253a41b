//! Puts: jobs that are new, and those that are one with what is there; and what waits to go out together.

use std::sync::Arc;

use super::Jobs;
use crate::domain::event::{Job, Told};
use crate::domain::gathering::{MOST_GATHERED, makes_old};
use crate::domain::reference::Repository;
use crate::queue::gathering::{COMPOSED, OLD_NEWS};
use crate::queue::losses::{MOST_LOSSES, REMEMBER_AGAIN};
use crate::queue::nats::entry::{Row, State};
use crate::queue::row::moment;
use crate::queue::waiting::GATHER;
use crate::queue::{ItemId, NewJob, Placed, QueueError, Topic, Waiting, row};

impl Jobs {
    /// Stores jobs, as far as the bound allows it. Gives the topics that have something new.
    pub(in crate::queue::nats) fn put(&mut self, jobs: &[NewJob]) -> Result<(Placed, Vec<Topic>), QueueError> {
        self.has_room(jobs.len())?;
        self.put_all(jobs)
    }

    fn put_all(&mut self, jobs: &[NewJob]) -> Result<(Placed, Vec<Topic>), QueueError> {
        let mut topics = Vec::with_capacity(1);
        for new in jobs {
            let placed = match &new.job {
                Job::Look(repository) => self.put_look(repository, new)?,
                Job::Deliver(_) | Job::Gather(_) | Job::Press(_) => self.put_message(new)?,
            };
            let topic = Topic::of(&new.job);
            if placed == Placed::News && !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        Ok((if topics.is_empty() { Placed::Coalesced } else { Placed::News }, topics))
    }

    /// A hint of a look. It is written even where nothing is new, as another replica may have begun the look that waits
    /// here, which then must be done once more.
    fn put_look(&mut self, repository: &Repository, new: &NewJob) -> Result<Placed, QueueError> {
        let now = self.wall();
        let at = new.not_before.timestamp_millis().max(self.looked.gathers_until(repository, new.urgency, now));
        let key = row::key(&new.job);
        let Some(mut row) = self.by_key(&key).filter(|row| row.state == State::Ready).cloned() else {
            self.insert(new, at)?;
            return Ok(Placed::News);
        };
        let place = self.seat(&key);
        let placed = if self.rows.id_at(&place).is_some_and(|id| self.is_taken(id, &row)) {
            let known = row.again;
            row.again = known.into_iter().chain([new.urgency]).min();
            if known.is_some_and(|known| known <= new.urgency) { Placed::Coalesced } else { Placed::News }
        } else if row.losses >= MOST_LOSSES {
            // No news makes a process die less.
            Placed::Coalesced
        } else {
            // News may end what made it fail, but a burst of them must not hammer a registry that is down.
            let at = if row.attempts == 0 { at } else { now + GATHER };
            pull(&mut row, at, new, now)
        };
        self.set(&place, Some(row));
        Ok(placed)
    }

    /// A message is stored once, even when it was sent or given up; one that is put again and again is remembered on. One that
    /// was no news when its turn came was told to nobody, and is stored anew.
    fn put_message(&mut self, new: &NewJob) -> Result<Placed, QueueError> {
        let (now, key) = (self.wall(), row::key(&new.job));
        if let Some(row) = self.by_key(&key).filter(|row| !row.is_not_told()) {
            if row.state != State::Ready && row.changed < now - REMEMBER_AGAIN {
                let row = Row { changed: now, ..row.clone() };
                self.change(row);
            }
            return Ok(Placed::Coalesced);
        }
        if self.rows.is_sealed(&Row::place(&key)) {
            // Whoever wrote it knows whether it was sent; to send it once more is worse than to wait for that.
            return Ok(Placed::Coalesced);
        }
        if self.is_overtaken(&new.job) {
            return Ok(Placed::Coalesced);
        }
        self.end_old_news(&new.job);
        self.insert(new, new.not_before.timestamp_millis())?;
        Ok(Placed::News)
    }

    /// Stores a job that is new; a message that is too large, without what makes it long.
    fn insert(&mut self, new: &NewJob, at: i64) -> Result<(), QueueError> {
        let now = self.wall();
        let row = |new: &NewJob| Row::new(new, at, now).map_err(|error| QueueError::Store(Arc::new(error)));
        let added = self.add(row(new)?);
        if let (Err(QueueError::TooLarge { .. }), Some(job)) = (&added, new.job.in_brief()) {
            return self.add(row(&NewJob { job, ..new.clone() })?);
        }
        added
    }

    /// The first items of a channel, in the order in which they were put. One that can't be read is parked.
    pub(in crate::queue::nats) fn gathered(&mut self, channel: &str, most: usize) -> Vec<Waiting> {
        let topic = Topic::Gather(channel.to_owned()).name();
        let mut items: Vec<Row> = self.ready_of(&topic).cloned().collect();
        // Those of the open commit have no place yet, and are the last.
        items.sort_by_key(|row| if row.first == 0 { u64::MAX } else { row.first });
        let (mut waiting, now) = (Vec::new(), self.wall());
        for mut row in items {
            if waiting.len() >= most {
                break;
            }
            match row.job() {
                Ok(Job::Gather(gathered)) => waiting.push(Waiting {
                    id: ItemId::new(row.key.clone()),
                    notice: gathered.notice,
                    only: gathered.only,
                    since: moment(row.created),
                    trace: row.trace(),
                    failed: row.failed(),
                }),
                Ok(_) => {}
                Err(error) => {
                    row.end(State::Parked, Some(error.to_string()), now);
                    self.change(row);
                }
            }
        }
        waiting
    }

    /// See [`row::overtakes`].
    fn is_overtaken(&self, job: &Job) -> bool {
        let Job::Gather(part) = job else { return false };
        let Some(only) = &part.only else { return false };
        let lane = row::lane(&part.channel, only, &part.notice.workload.uid);
        let topic = Topic::Deliver(part.channel.clone()).name();
        let known = self.rows.of_lane(&lane).filter(|known| self.changes.get(&known.place).is_none());
        let of_this_commit = self.changes.iter().filter_map(|(_, change)| change.row.as_ref());
        let mut all = known.map(|known| &known.row).chain(of_this_commit);
        all.any(|row| {
            let waits = row.topic == topic && row.state == State::Ready;
            waits && row.job().is_ok_and(|waiting| row::overtakes(&waiting, part))
        })
    }

    fn ready_of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Row> {
        let known =
            self.rows.all().filter(|(_, known)| self.changes.get(&known.place).is_none()).map(|(_, it)| &it.row);
        let all = known.chain(self.changes.iter().filter_map(|(_, change)| change.row.as_ref()));
        all.filter(move |row| row.topic == topic && row.state == State::Ready)
    }

    /// What a message tells at once makes old what waits on its channel to be told of the same update.
    fn end_old_news(&mut self, job: &Job) {
        let Job::Deliver(delivery) = job else { return };
        let Told::One(told) = &delivery.told else { return };
        if !told.is_urgent() {
            return;
        }
        let waiting = self.gathered(&delivery.channel, MOST_GATHERED);
        let old: Vec<ItemId> =
            waiting.into_iter().filter(|item| makes_old(told, &item.notice)).map(|item| item.id).collect();
        self.end_items(&old, OLD_NEWS);
    }

    /// Has items wait no longer, and says why. Gives how many of them did.
    fn end_items(&mut self, items: &[ItemId], why: &str) -> usize {
        let now = self.wall();
        let mut ended = 0;
        for item in items {
            let waits =
                |row: &&Row| row.state == State::Ready && matches!(Topic::named(&row.topic), Some(Topic::Gather(_)));
            if let Some(mut row) = self.by_key(item.as_str()).filter(waits).cloned() {
                row.end(State::Done, Some(why.to_owned()), now);
                self.change(row);
                ended += 1;
            }
        }
        ended
    }

    /// Whether any of these items waits no longer.
    fn is_composed(&self, items: &[ItemId]) -> bool {
        items.iter().any(|item| self.by_key(item.as_str()).is_some_and(|row| row.state != State::Ready))
    }

    /// Whether all of these messages were put already.
    fn is_known(&self, messages: &[NewJob]) -> bool {
        messages.iter().all(|message| self.by_key(&row::key(&message.job)).is_some())
    }

    /// Stores what was made of items that wait. The bound holds for who brings something new: a queue that is full of
    /// items could never become empty otherwise.
    pub(in crate::queue::nats) fn compose(
        &mut self,
        of: &[ItemId],
        messages: &[NewJob],
    ) -> Result<(Placed, Vec<Topic>), QueueError> {
        if self.is_composed(of) && !self.is_known(messages) {
            // Another has made other messages of some of it. What is left is read again.
            return Ok((Placed::Coalesced, Vec::new()));
        }
        if self.end_items(of, COMPOSED) == 0 {
            return self.put(messages);
        }
        self.put_all(messages)
    }
}

/// Does a waiting job earlier, if it is to wait longer, and as urgently as is asked. Then it follows from what has it done,
/// where that is a span.
fn pull(row: &mut Row, at: i64, new: &NewJob, now: i64) -> Placed {
    let known = row.urgency;
    row.urgency = known.min(new.urgency);
    if row.not_before <= at {
        return if known <= new.urgency { Placed::Coalesced } else { Placed::News };
    }
    (row.not_before, row.created, row.changed) = (at, at, now);
    if let Some(parent) = new.trace.parent() {
        row.trace = parent.to_string();
    }
    Placed::News
}
