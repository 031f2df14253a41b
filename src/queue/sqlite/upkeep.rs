//! What is done to rows other than to do their jobs: what a process died with, what is over, what nobody will ever take.

use chrono::TimeDelta;
use rusqlite::params;

use super::file::OpenError;
use super::store::Store;
use crate::queue::losses::{
    MOST_DEAD, MOST_LOSSES, MOST_LOSSES_OF_A_MESSAGE, MOST_NAMED, MOST_PURGED, PURGE, REMEMBER_DEAD, REMEMBER_DONE,
    REMEMBER_GONE, again_after, log_given_up, log_suspect,
};
use crate::queue::row::moment;
use crate::queue::{Depth, Topic, row};

impl Store {
    /// What is done once, before anybody asks for anything.
    pub(super) fn begin(&mut self) -> Result<(), OpenError> {
        let mut begin = || {
            self.transact()?;
            self.recover()?;
            self.commit()
        };
        begin().map_err(|source| OpenError::of(&self.path, source))
    }

    /// Marks what the process before this one died with. What several died with waits, longer each time.
    fn recover(&mut self) -> rusqlite::Result<()> {
        self.name_suspects()?;
        let mut lost = self.connection.prepare(
            "SELECT id, topic, key, losses + 1, format, payload FROM job WHERE leased = 1 AND state = 'ready'",
        )?;
        let rows = lost.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(3)?, about(row, 4)?)))?;
        let rows: Vec<(i64, String, u32, String)> = rows.collect::<rusqlite::Result<_>>()?;
        drop(lost);
        for (id, topic, losses, job) in rows {
            if topic != "look" && losses >= MOST_LOSSES_OF_A_MESSAGE {
                log_given_up(&topic, &job, losses);
                self.finish(id, "dead", Some(&format!("the process died with it {losses} times")))?;
                continue;
            }
            let now = self.ambient.now();
            let at = again_after(losses, now);
            self.connection
                .prepare_cached(
                    "UPDATE job SET leased = 0, losses = ?2, not_before = coalesce(?3, not_before), changed = ?4
                     WHERE id = ?1",
                )?
                .execute(params![id, losses, at.map(|at| at.timestamp_millis()), now.timestamp_millis()])?;
            if let Some(at) = at {
                log_suspect(&topic, &job, losses, at);
            }
        }
        Ok(())
    }

    /// Names, at each start, the jobs that still wait because of processes before the last one.
    fn name_suspects(&mut self) -> rusqlite::Result<()> {
        let mut waiting = self.connection.prepare(
            "SELECT topic, losses, not_before, format, payload FROM job
             WHERE losses > 0 AND losses >= ?1 AND leased = 0 AND state = 'ready' ORDER BY id LIMIT ?2",
        )?;
        let mut rows = waiting.query(params![MOST_LOSSES, MOST_NAMED])?;
        while let Some(row) = rows.next()? {
            let topic: String = row.get(0)?;
            log_suspect(&topic, &about(row, 3)?, row.get(1)?, moment(row.get(2)?));
        }
        Ok(())
    }

    /// Whether it is time to look for rows that are over.
    pub(super) fn is_to_be_purged(&self) -> bool {
        self.dead >= MOST_PURGED || self.ambient.monotonic().saturating_sub(self.purged) >= PURGE
    }

    /// Drops what was remembered long enough, a bounded number at a time.
    pub(super) fn purge(&mut self) -> rusqlite::Result<()> {
        self.transact()?;
        let monotonic = self.ambient.monotonic();
        // A clock that was set forward makes nothing older than the time that has passed.
        let (wall, since) = self.opened;
        let passed = TimeDelta::from_std(monotonic.saturating_sub(since)).unwrap_or_default();
        let now = self.ambient.now().min(wall + passed);
        let (done, dead) = ((now - REMEMBER_DONE).timestamp_millis(), (now - REMEMBER_DEAD).timestamp_millis());
        let dropped = self
            .connection
            .prepare_cached(
                "DELETE FROM job WHERE id IN (
                     SELECT id FROM job
                     WHERE state <> 'ready' AND changed < ?1 AND (state = 'done' OR changed < ?2) LIMIT ?3)",
            )?
            .execute(params![done, dead, MOST_PURGED])?;
        let gone = self.drop_gone((now - REMEMBER_GONE).timestamp_millis(), MOST_PURGED)?;
        let dropped = dropped.max(self.drop_oldest_dead()?).max(gone);
        if dropped < MOST_PURGED as usize {
            (self.purged, self.dead) = (monotonic, 0);
        }
        Ok(())
    }

    /// Of more dead letters than are kept, those go that were given up first.
    fn drop_oldest_dead(&self) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached(
                "DELETE FROM job WHERE id IN (
                     SELECT id FROM job WHERE state <> 'done' AND state <> 'ready'
                     ORDER BY changed DESC, id DESC LIMIT ?2 OFFSET ?1)",
            )?
            .execute([MOST_DEAD, MOST_PURGED])
    }

    /// Makes dead letters of messages for channels that are not among these. Gives their number by channel.
    pub(super) fn bury(&mut self, channels: &[String]) -> rusqlite::Result<Vec<(String, u64)>> {
        self.transact()?;
        let mut named = 0;
        let mut topics = self
            .connection
            .prepare_cached("SELECT topic, count(*) FROM job WHERE state = 'ready' AND topic <> 'look' GROUP BY 1")?;
        let rows = topics.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?;
        let all: Vec<(String, u64)> = rows.collect::<rusqlite::Result<_>>()?;
        drop(topics);
        let mut buried = Vec::new();
        for (topic, count) in all {
            let Some(channel) = Topic::channel_in(&topic) else { continue };
            if channels.contains(&channel) {
                continue;
            }
            let now = self.wall();
            self.name_buried(&topic, &mut named)?;
            self.connection
                .prepare_cached(
                    "DELETE FROM lane WHERE job IN (
                         SELECT id FROM job WHERE topic = ?1 AND state = 'ready' AND topic <> 'look')",
                )?
                .execute([&topic])?;
            self.connection
                .prepare_cached(
                    "UPDATE job SET state = 'dead', error = 'the channel was removed from the configuration',
                        changed = ?2, leased = 0, losses = 0
                     WHERE topic = ?1 AND state = 'ready'",
                )?
                .execute(params![topic, now])?;
            self.ready = self.ready.saturating_sub(count);
            self.count_dead(count);
            match buried.iter_mut().find(|(known, _)| *known == channel) {
                Some((_, messages)) => *messages += count,
                None => buried.push((channel, count)),
            }
        }
        self.leases.stale();
        Ok(buried)
    }

    /// Names messages of a topic that are about to become dead letters.
    fn name_buried(&self, topic: &str, named: &mut u32) -> rusqlite::Result<()> {
        let mut letters = self.connection.prepare_cached(
            "SELECT topic, format, payload FROM job WHERE topic = ?1 AND state = 'ready' ORDER BY id LIMIT ?2",
        )?;
        let mut rows = letters.query(params![topic, MOST_NAMED.saturating_sub(*named)])?;
        while let Some(row) = rows.next()? {
            *named += 1;
            let job = about(row, 1)?;
            tracing::warn!(
                topic,
                job,
                "this message is not sent, as its channel was removed, and is kept as a dead letter"
            );
        }
        Ok(())
    }

    pub(super) fn depth(&mut self) -> rusqlite::Result<Depth> {
        let mut depth = Depth { leased: self.leases.held(), ..Depth::default() };
        let mut statement = self.connection.prepare_cached(
            "SELECT topic, state, count(*), min(created) FROM job WHERE state <> 'done' GROUP BY 1, 2",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (topic, state): (String, String) = (row.get(0)?, row.get(1)?);
            let count = count(row, 2)?;
            if state == "ready" {
                let created = moment(row.get(3)?);
                if Topic::named(&topic).is_none_or(|topic| topic.is_taken()) {
                    depth.oldest = Some(depth.oldest.map_or(created, |oldest| oldest.min(created)));
                }
                depth.ready.push((topic, count));
            } else if let Some((_, dead)) = depth.dead.iter_mut().find(|(known, _)| *known == topic) {
                *dead += count;
            } else {
                depth.dead.push((topic, count));
            }
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT topic, count(*) FROM job WHERE losses > 0 AND losses >= ?1 GROUP BY topic")?;
        let suspect = statement.query_map([MOST_LOSSES], |row| Ok((row.get(0)?, count(row, 1)?)))?;
        depth.suspect = suspect.collect::<rusqlite::Result<_>>()?;
        Ok(depth)
    }
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// What the job of a row is about, whose topic, format and payload stand in these columns.
fn about(stored: &rusqlite::Row<'_>, format: usize) -> rusqlite::Result<String> {
    let (topic, payload): (String, String) = (stored.get("topic")?, stored.get(format + 1)?);
    let job = row::read(&topic, stored.get(format)?, &payload);
    Ok(job.map_or_else(|error| error.to_string(), |job| row::about(&job)))
}
