//! The newest records of workloads, beside the jobs; see [`crate::queue::Records`].

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, params};

use super::store::Store;
use crate::domain::fleet::Brake;
use crate::domain::settings::Fingerprint;
use crate::domain::workload::ObjectName;
use crate::queue::{AnswerWrite, Answering, Remembered, Sightings, Written, WrittenOn};

/// One that is asked for or seen counts as used again once in this time.
const USED_AGAIN: i64 = 24 * 3600 * 1000;

/// A generation is never negative; what is, is a resource version.
fn written_on(stored: i64) -> WrittenOn {
    if stored < 0 { WrittenOn::Version(stored.unsigned_abs() - 1) } else { WrittenOn::Generation(stored) }
}

fn stored(on: WrittenOn) -> i64 {
    match on {
        WrittenOn::Generation(generation) => generation,
        WrittenOn::Version(version) => !i64::try_from(version).unwrap_or(i64::MAX),
    }
}

fn place(stored: Option<String>) -> Option<ObjectName> {
    ObjectName::read(&stored?)
}

/// What [`written`] reads.
pub(super) const WRITTEN: &str =
    "sequence, record, history, answering, answering_on, used, settings, answering_of, place";

/// Reads [`WRITTEN`].
pub(super) fn written(row: &rusqlite::Row<'_>) -> rusqlite::Result<Written> {
    Ok(Written {
        sequence: number(row.get(0)?),
        record: row.get(1)?,
        history: row.get(2)?,
        settings: row.get::<_, Option<i64>>(6)?.map(|stored| Fingerprint::stored(stored.cast_unsigned())),
        answering: Some(Answering {
            sequence: number(row.get(3)?),
            on: written_on(row.get(4)?),
            container: row.get::<_, String>(7)?.into(),
        })
        .filter(|answering| answering.sequence > 0),
        of: place(row.get(8)?),
    })
}

impl Store {
    /// See [`crate::queue::Records::newest`].
    pub(super) fn newest(&mut self, uid: &str) -> rusqlite::Result<Option<Written>> {
        let read = |row: &rusqlite::Row<'_>| Ok((written(row)?, row.get::<_, i64>(5)?));
        let found = self
            .connection
            .prepare_cached(&format!("SELECT {WRITTEN} FROM record WHERE uid = ?1"))?
            .query_row([uid], read)
            .optional()?;
        let Some((written, used)) = found else { return Ok(None) };
        let now = self.wall();
        if used < now - USED_AGAIN {
            self.transact()?;
            self.connection.prepare_cached("UPDATE record SET used = ?2 WHERE uid = ?1")?.execute(params![uid, now])?;
        }
        Ok(Some(written))
    }

    /// See [`crate::queue::Records::workloads`].
    pub(super) fn workloads(&self) -> rusqlite::Result<Vec<Remembered>> {
        let all = "SELECT uid, sequence, CASE WHEN gone IS NULL THEN place END FROM record";
        let read = |row: &rusqlite::Row<'_>| {
            let (uid, sequence) = (row.get::<_, String>(0)?.into(), number(row.get(1)?));
            Ok(Remembered { uid, sequence, of: place(row.get(2)?) })
        };
        self.connection.prepare_cached(all)?.query_map([], read)?.collect()
    }

    /// See [`crate::queue::Records::remember`].
    pub(super) fn remember_record(&mut self, uid: &str, written: &Written) -> rusqlite::Result<()> {
        self.transact()?;
        let Written { sequence, record, history, settings, of, .. } = written;
        let settings = settings.map(|settings| settings.number().cast_signed());
        let place = of.as_ref().map(ToString::to_string);
        self.connection
            .prepare_cached(
                "INSERT INTO record (uid, sequence, record, history, used, settings, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (uid) DO UPDATE
                 SET sequence = ?2, record = ?3, history = ?4, used = ?5, settings = ?6, place = coalesce(?7, place),
                     answering = CASE WHEN answering > ?2 THEN answering ELSE 0 END
                 WHERE sequence <= ?2",
            )?
            .execute(params![uid, signed(*sequence), record, history, self.wall(), settings, place])?;
        if self.records.by(1) { self.drop_longest_unused() } else { Ok(()) }
    }

    /// Drops those beyond the bound.
    fn drop_longest_unused(&self) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "DELETE FROM record WHERE uid IN (SELECT uid FROM record ORDER BY used DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([self.records.bound()])
            .map(drop)
    }

    /// See [`crate::queue::Records::seen`].
    pub(super) fn seen(&mut self, seen: &Sightings) -> rusqlite::Result<()> {
        self.transact()?;
        let now = self.wall();
        let again = "UPDATE record SET used = ?2, gone = NULL, place = ?4
                     WHERE uid = ?1 AND (used < ?3 OR gone IS NOT NULL OR place IS NULL)";
        let mut again = self.connection.prepare_cached(again)?;
        for id in &seen.watched {
            again.execute(params![id.uid, now, now - USED_AGAIN, ObjectName::of(id).to_string()])?;
        }
        let mut gone = self.connection.prepare_cached("UPDATE record SET gone = ?2 WHERE uid = ?1 AND gone IS NULL")?;
        for uid in &seen.deleted {
            gone.execute(params![uid, now])?;
        }
        Ok(())
    }

    /// Drops what is remembered of workloads that were deleted before then, at most so much. Gives how many that were.
    pub(super) fn drop_gone(&self, before: i64, most: u32) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached("DELETE FROM record WHERE uid IN (SELECT uid FROM record WHERE gone < ?1 LIMIT ?2)")?
            .execute(params![before, most])
    }

    /// See [`crate::queue::Records::answering`].
    pub(super) fn answering(&mut self, uid: &str, write: AnswerWrite) -> rusqlite::Result<()> {
        self.transact()?;
        let Answering { sequence, on, container } = match write {
            AnswerWrite::Begins(answering) => answering,
            AnswerWrite::Failed(sequence) => {
                return self
                    .connection
                    .prepare_cached("UPDATE record SET answering = 0 WHERE uid = ?1 AND answering = ?2")?
                    .execute(params![uid, signed(sequence)])
                    .map(drop);
            }
        };
        self.connection
            .prepare_cached(
                "INSERT INTO record (uid, answering, answering_on, used, answering_of) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (uid) DO UPDATE SET answering = ?2, answering_on = ?3, answering_of = ?5",
            )?
            .execute(params![uid, signed(sequence), stored(on), self.wall(), &*container])
            .map(drop)
    }

    /// See [`crate::queue::Records::brake`].
    pub(super) fn brake(&mut self) -> rusqlite::Result<Brake> {
        let found: Option<String> = self
            .connection
            .prepare_cached("SELECT state FROM brake WHERE id = 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let read = |state: String| {
            serde_json::from_str(&state)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
        };
        found.map(read).transpose().map(Option::unwrap_or_default)
    }

    /// See [`crate::queue::Records::remember_brake`].
    pub(super) fn remember_brake(&mut self, brake: &Brake) -> rusqlite::Result<()> {
        self.transact()?;
        let state =
            serde_json::to_string(brake).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO brake (id, state) VALUES (1, ?1)")?
            .execute([state])
            .map(drop)
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
