//! Messages for an operator: see [`crate::queue::Letters`].

use rusqlite::{OptionalExtension as _, params};

use super::store::Store;
use crate::domain::event::Job;
use crate::domain::trace::Trace;
use crate::queue::gathering::LEFT_OUT;
use crate::queue::row::moment;
use crate::queue::{Acted, Asked, Before, Letter, LetterState, Page, Topic, row};

/// What a letter is read from.
const COLUMNS: &str = "id, key, topic, state, format, payload, trace, attempts, error, not_before, created, changed";

/// A state in the file.
const STORED: [(&str, LetterState); 4] = [
    ("ready", LetterState::Waiting),
    ("ready", LetterState::Retried),
    ("dead", LetterState::Dead),
    ("parked", LetterState::Dead),
];

/// A letter with its row.
struct Found {
    row: i64,
    letter: Letter,
}

impl Found {
    /// Its place in a list.
    fn place(&self) -> (i64, i64) {
        (self.letter.created.timestamp_millis(), self.row)
    }

    /// The same in a list of those that arrived.
    fn arrival(&self) -> (i64, i64) {
        (self.letter.changed.timestamp_millis(), self.row)
    }
}

impl Store {
    /// See [`crate::queue::Letters::letters`].
    pub(super) fn letters(&self, asked: &Asked) -> rusqlite::Result<Page> {
        if asked.state == Some(LetterState::Delivered) {
            return self.delivered(asked);
        }
        let topics = match &asked.channel {
            Some(channel) => topics_of(channel).map(|it| it.name()).to_vec(),
            None => self.topics_of_messages()?,
        };
        let mut found = Vec::new();
        for topic in topics {
            for (stored, state) in STORED {
                if asked.state.is_none_or(|wanted| wanted == state) {
                    found.extend(self.newest_letters(&topic, (stored, state), asked)?);
                }
            }
        }
        found.sort_by_key(|found| std::cmp::Reverse(found.place()));
        Ok(page(found, asked.most, Found::place))
    }

    /// Those that arrived, the last that did first. Where a message went out together with others, that one counts.
    fn delivered(&self, asked: &Asked) -> rusqlite::Result<Page> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM job
             WHERE state <> 'ready' AND state = 'done' AND error IS NULL AND topic >= 'deliver:' AND topic < 'deliver;'
                 AND (?1 IS NULL OR topic = ?1) AND (changed, id) < (?2, ?3)
             ORDER BY changed DESC, id DESC LIMIT ?4"
        ))?;
        let topic = asked.channel.as_ref().map(|channel| Topic::Deliver(channel.clone()).name());
        let all = statement.query_map(params![topic, end(asked).created, end(asked).number, one_more(asked)], found)?;
        Ok(page(all.collect::<rusqlite::Result<_>>()?, asked.most, Found::arrival))
    }

    /// Each topic that has something, one step in the index a topic.
    fn topics_of_messages(&self) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "WITH RECURSIVE found(topic) AS (
                 SELECT min(topic) FROM job WHERE state <> 'done'
                 UNION ALL
                 SELECT (SELECT min(topic) FROM job WHERE state <> 'done' AND topic > found.topic) FROM found
                 WHERE found.topic IS NOT NULL)
             SELECT topic FROM found WHERE topic IS NOT NULL AND topic NOT IN ('look', 'press')",
        )?;
        statement.query_map([], |row| row.get(0))?.collect()
    }

    /// The newest of a topic in a state, one more than are asked for.
    fn newest_letters(
        &self,
        topic: &str,
        (stored, state): (&str, LetterState),
        asked: &Asked,
    ) -> rusqlite::Result<Vec<Found>> {
        let failed = match state {
            LetterState::Waiting => "AND error IS NULL",
            LetterState::Retried => "AND error IS NOT NULL",
            LetterState::Dead | LetterState::Delivered | LetterState::Done => "",
        };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM job
             WHERE topic = ?1 AND state = ?2 AND state <> 'done' AND (created, id) < (?3, ?4) {failed}
             ORDER BY created DESC, id DESC LIMIT ?5"
        ))?;
        let Before { created, number } = end(asked);
        statement.query_map(params![topic, stored, created, number, one_more(asked)], found)?.collect()
    }

    /// See [`crate::queue::Letters::letter`].
    pub(super) fn letter(&self, id: &str) -> rusqlite::Result<Option<Letter>> {
        Ok(self.find_letter(id)?.map(|found| found.letter))
    }

    fn find_letter(&self, id: &str) -> rusqlite::Result<Option<Found>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE key = ?1 AND topic <> 'look'");
        self.connection.prepare_cached(&sql)?.query_row([id], found).optional()
    }

    /// See [`crate::queue::Letters::send_again`]. Gives the topic that has something new.
    pub(super) fn send_again(&mut self, id: &str) -> rusqlite::Result<(Acted, Option<Topic>)> {
        let Some(Found { row, letter }) = self.find_letter(id)? else { return Ok((Acted::Unknown, None)) };
        match (letter.state, letter.job) {
            (LetterState::Dead, Some(job)) => {
                self.revive(row, &job)?;
                Ok((Acted::Done, Some(Topic::of(&job))))
            }
            (LetterState::Dead, None) => Ok((Acted::Unreadable, None)),
            (state, _) => Ok((Acted::NotDead(state), None)),
        }
    }

    /// The ids of a channel's dead letters, in the order in which they were stored.
    pub(super) fn dead_of(&self, channel: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT key FROM job WHERE topic = ?1 AND state = 'dead' AND state <> 'done' ORDER BY id",
        )?;
        let mut all = Vec::new();
        for topic in topics_of(channel) {
            let keys = statement.query_map([topic.name()], |row| row.get(0))?;
            all.extend(keys.collect::<rusqlite::Result<Vec<String>>>()?);
        }
        Ok(all)
    }

    /// A dead letter waits again, as old as if it were new. It is where it was among the messages of its lanes; if one of them
    /// is under way, it waits for that, as two at once would be in no order.
    fn revive(&mut self, row: i64, job: &Job) -> rusqlite::Result<()> {
        self.transact()?;
        let now = self.wall();
        self.connection
            .prepare_cached(
                "UPDATE job SET state = 'ready', attempts = 0, losses = 0, leased = 0, error = NULL, told = 0,
                    not_before = ?2, created = ?2, changed = ?2
                 WHERE id = ?1",
            )?
            .execute([row, now])?;
        self.ready += 1;
        if matches!(job, Job::Deliver(_)) {
            self.sent_again.insert(row);
        }
        self.enter_lanes(row, job)?;
        // Who was first of a lane may not be so any more.
        self.leases.stale();
        Ok(())
    }

    /// See [`crate::queue::Letters::hasten`].
    pub(super) fn hasten(&mut self, topic: &Topic) -> rusqlite::Result<u64> {
        self.transact()?;
        let now = self.wall();
        let hastened = self
            .connection
            .prepare_cached(
                "UPDATE job SET not_before = ?2
                 WHERE topic = ?1 AND state = 'ready' AND topic <> 'look' AND leased = 0
                     AND error IS NOT NULL AND not_before > ?2",
            )?
            .execute(params![topic.name(), now])?;
        // Who waits is read from the rows.
        self.leases.stale();
        Ok(u64::try_from(hastened).unwrap_or(u64::MAX))
    }

    /// See [`crate::queue::Letters::discard`].
    pub(super) fn discard(&mut self, id: &str) -> rusqlite::Result<Acted> {
        let Some(Found { row, letter }) = self.find_letter(id)? else { return Ok(Acted::Unknown) };
        if letter.state != LetterState::Dead {
            return Ok(Acted::NotDead(letter.state));
        }
        self.transact()?;
        let now = self.wall();
        self.connection
            .prepare_cached("UPDATE job SET state = 'done', error = coalesce(error, ''), changed = ?2 WHERE id = ?1")?
            .execute([row, now])?;
        Ok(Acted::Done)
    }

    /// See [`crate::queue::Letters::untold`].
    pub(super) fn untold(&self, most: usize) -> rusqlite::Result<Vec<Letter>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM job WHERE told = 0 AND state = 'dead' AND topic <> 'look' AND topic <> 'press' ORDER BY id LIMIT ?1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_map([i64::try_from(most).unwrap_or(i64::MAX)], found)?;
        found.map(|found| Ok(found?.letter)).collect()
    }

    /// See [`crate::queue::Letters::were_told`].
    pub(super) fn were_told(&mut self, ids: &[String]) -> rusqlite::Result<()> {
        self.transact()?;
        let mut told = self.connection.prepare_cached("UPDATE job SET told = 1 WHERE key = ?1 AND topic <> 'look'")?;
        ids.iter().try_for_each(|id| told.execute([id]).map(drop))
    }

    /// See [`crate::queue::Gathering::not_told`].
    pub(super) fn not_told(&mut self, ids: &[String]) -> rusqlite::Result<()> {
        self.transact()?;
        let mut left_out = self.connection.prepare_cached(
            "UPDATE job SET error = ?2
             WHERE key = ?1 AND state = 'done' AND (topic GLOB 'gather:*' OR topic GLOB 'deliver:*' AND error IS NOT NULL)",
        )?;
        ids.iter().try_for_each(|id| left_out.execute([id.as_str(), LEFT_OUT]).map(drop))
    }
}

/// Where the page before ended.
fn end(asked: &Asked) -> Before {
    asked.before.unwrap_or(Before { created: i64::MAX, number: i64::MAX })
}

fn one_more(asked: &Asked) -> i64 {
    i64::try_from(asked.most).unwrap_or(i64::MAX).saturating_add(1)
}

/// A page of these, which may be more than it takes.
fn page(mut found: Vec<Found>, most: usize, place: impl Fn(&Found) -> (i64, i64)) -> Page {
    let is_more = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| is_more).map(place);
    let next = last.map(|(created, number)| Before { created, number });
    Page { letters: found.into_iter().map(|found| found.letter).collect(), next }
}

/// What a channel's messages are stored as.
fn topics_of(channel: &str) -> [Topic; 2] {
    [Topic::Gather(channel.to_owned()), Topic::Deliver(channel.to_owned())]
}

/// Reads [`COLUMNS`].
fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    let (topic, state, payload): (String, String, String) = (row.get(2)?, row.get(3)?, row.get(5)?);
    let error: Option<String> = row.get(8)?;
    let state = match (state.as_str(), &error) {
        ("ready", None) => LetterState::Waiting,
        ("ready", Some(_)) => LetterState::Retried,
        ("done", None) => LetterState::Delivered,
        ("done", Some(_)) => LetterState::Done,
        _ => LetterState::Dead,
    };
    let is_owed = matches!(state, LetterState::Waiting | LetterState::Retried);
    let channel = Topic::channel_in(&topic).unwrap_or_else(|| topic.clone());
    let letter = Letter {
        id: row.get(1)?,
        channel,
        state,
        job: row::read(&topic, row.get(4)?, &payload).ok(),
        trace: Trace::parse(&row.get::<_, String>(6)?),
        attempts: row.get(7)?,
        error: error.filter(|error| !error.is_empty()),
        next: if is_owed { Some(moment(row.get(9)?)) } else { None },
        created: moment(row.get(10)?),
        changed: moment(row.get(11)?),
    };
    Ok(Found { row: row.get(0)?, letter })
}
