//! What is kept beside the jobs; see [`crate::queue::Kept`].

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::store::Store;
use crate::queue::kept::{FOUND_AGAIN, OF_PROJECTS};

/// What is kept beside the jobs of one kind, in bytes; one value has at most an eighth of it.
const MOST_KEPT: i64 = 16 * 1024 * 1024;

/// Deletes what is over its time, and what is older than the newest of its kind that fit together.
static BOUND: LazyLock<String> = LazyLock::new(|| {
    let found_again = FOUND_AGAIN.map(|prefix| format!("'{prefix}'")).join(", ");
    format!(
        "DELETE FROM kept WHERE until <= ?1 OR id IN (
             SELECT id FROM (SELECT id, sum(bytes) OVER (
                 PARTITION BY CASE WHEN substr(key, 1, instr(key, ':')) IN ({found_again}) THEN 1
                     WHEN substr(key, 1, instr(key, ':')) = '{OF_PROJECTS}' THEN 2 ELSE 3 END
                 ORDER BY id DESC) AS so_far FROM kept)
             WHERE so_far > ?2)"
    )
});

impl Store {
    /// See [`crate::queue::Kept::recall`].
    pub(super) fn recall(&mut self, key: &str) -> rusqlite::Result<Option<String>> {
        self.transact()?;
        let now = self.ambient.now().timestamp_millis();
        let mut statement = self.connection.prepare_cached("SELECT value FROM kept WHERE key = ?1 AND until > ?2")?;
        statement.query_row(params![key, now], |row| row.get(0)).optional()
    }

    /// See [`crate::queue::Kept::keep`].
    pub(super) fn keep(&mut self, key: &str, value: &str, until: DateTime<Utc>) -> rusqlite::Result<()> {
        self.transact()?;
        let now = self.ambient.now().timestamp_millis();
        let bytes = i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX);
        if bytes > MOST_KEPT / 8 {
            return Ok(());
        }
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO kept (key, bytes, until, value) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![key, bytes, until.timestamp_millis(), value])?;
        self.connection.prepare_cached(&BOUND)?.execute([now, MOST_KEPT]).map(drop)
    }
}
