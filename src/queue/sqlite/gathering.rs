//! What waits to go out together: see [`crate::queue::Gathering`].

use rusqlite::params;

use super::store::Store;
use crate::domain::event::{Job, Told};
use crate::domain::gathering::{MOST_GATHERED, makes_old};
use crate::domain::trace::Trace;
use crate::queue::gathering::OLD_NEWS;
use crate::queue::row::moment;
use crate::queue::{ItemId, Topic, Waiting, row};

/// An item, or the row that can't be read and why.
type Found = Result<Waiting, (i64, row::RowError)>;

impl Store {
    /// The first items of a channel. Rows that can't be read are parked, and make way for the next.
    pub(super) fn waiting(&mut self, channel: &str, most: usize) -> rusqlite::Result<Vec<Waiting>> {
        loop {
            let (mut waiting, mut unreadable) = (Vec::new(), Vec::new());
            for found in self.first_items(channel, most)? {
                match found {
                    Ok(item) => waiting.push(item),
                    Err(row) => unreadable.push(row),
                }
            }
            if unreadable.is_empty() {
                return Ok(waiting);
            }
            self.transact()?;
            for (id, error) in unreadable {
                self.park(id, &error.to_string())?;
            }
        }
    }

    fn first_items(&self, channel: &str, most: usize) -> rusqlite::Result<Vec<Found>> {
        let topic = Topic::Gather(channel.to_owned()).name();
        let mut statement = self.connection.prepare_cached(
            "SELECT id, key, trace, created, format, payload, changed, error FROM job
             WHERE topic = ?1 AND state = 'ready' AND topic <> 'look' ORDER BY id LIMIT ?2",
        )?;
        let found = |stored: &rusqlite::Row<'_>| {
            let payload: String = stored.get(5)?;
            let (notice, only) = match row::read(&topic, stored.get(4)?, &payload) {
                Ok(Job::Gather(gathered)) => (gathered.notice, gathered.only),
                Ok(_) => return Ok(Err((stored.get(0)?, row::RowError::Topic(topic.clone())))),
                Err(error) => return Ok(Err((stored.get(0)?, error))),
            };
            let id = ItemId::new(stored.get::<_, String>(1)?);
            Ok(Ok(Waiting {
                id,
                notice,
                only,
                since: moment(stored.get(3)?),
                trace: Trace::parse(&stored.get::<_, String>(2)?),
                failed: row::failed(stored.get(6)?, stored.get(7)?),
            }))
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        statement.query_map(params![topic, most], found)?.collect()
    }

    /// What a message tells at once makes old what waits on its channel to be told of the same update.
    pub(super) fn end_old_news(&mut self, job: &Job) -> rusqlite::Result<()> {
        let Job::Deliver(delivery) = job else { return Ok(()) };
        let Told::One(told) = &delivery.told else { return Ok(()) };
        if !told.is_urgent() {
            return Ok(());
        }
        let waiting = self.waiting(&delivery.channel, MOST_GATHERED)?;
        let old: Vec<ItemId> =
            waiting.into_iter().filter(|item| makes_old(told, &item.notice)).map(|item| item.id).collect();
        if !old.is_empty() {
            self.end_items(&old, OLD_NEWS)?;
        }
        Ok(())
    }

    /// See [`row::overtakes`].
    pub(super) fn is_overtaken(&self, job: &Job) -> rusqlite::Result<bool> {
        let Job::Gather(part) = job else { return Ok(false) };
        let Some(only) = &part.only else { return Ok(false) };
        let mut waiting = self.connection.prepare_cached(
            "SELECT topic, format, payload FROM lane JOIN job ON job.id = lane.job WHERE lane.lane = ?1",
        )?;
        let mut rows = waiting.query([row::lane(&part.channel, only, &part.notice.workload.uid)])?;
        while let Some(found) = rows.next()? {
            let (topic, payload): (String, String) = (found.get(0)?, found.get(2)?);
            if row::read(&topic, found.get(1)?, &payload).is_ok_and(|waiting| row::overtakes(&waiting, part)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has items wait no longer, and says why. Gives how many of them did.
    pub(super) fn end_items(&mut self, items: &[ItemId], why: &str) -> rusqlite::Result<u64> {
        self.transact()?;
        let now = self.wall();
        let mut ended = 0;
        let mut end = self.connection.prepare_cached(
            "UPDATE job SET state = 'done', error = ?3, changed = ?2
             WHERE key = ?1 AND state = 'ready' AND topic GLOB 'gather:*'",
        )?;
        for item in items {
            ended += u64::try_from(end.execute(params![item.as_str(), now, why])?).unwrap_or_default();
        }
        self.ready = self.ready.saturating_sub(ended);
        Ok(ended)
    }
}
