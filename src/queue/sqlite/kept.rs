//! What is kept beside the jobs; see [`crate::queue::Kept`].

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::growth::MOST_KEPT;
use super::store::Store;
use crate::queue::kept::{FOUND_AGAIN, OF_PROJECTS};

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
    pub(super) fn recall(&self, key: &str) -> rusqlite::Result<Option<String>> {
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
        if self.kept.by(bytes) {
            self.connection.prepare_cached(&BOUND)?.execute([now, self.kept.bound()]).map(drop)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use rusqlite::StatementStatus;

    use super::*;
    use crate::ambient::Ambient;

    /// With 5,000 images of which something is known, all that is kept was read for each that became known: 9 ms of the one thread
    /// that all wait for.
    #[test]
    fn not_all_that_is_kept_is_read_for_each_that_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), Ambient::system()).unwrap();
        let until = store.ambient.now() + TimeDelta::hours(1);
        for n in 0..500 {
            store.keep(&format!("labels:{n}"), &"x".repeat(600), until).unwrap();
        }
        let bound = store.connection.prepare_cached(&BOUND).unwrap();
        let runs = bound.get_status(StatementStatus::Run);
        assert!((1..=3).contains(&runs), "{runs}");
    }

    #[test]
    fn what_is_recalled_begins_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Ambient::system()).unwrap();
        assert_eq!(store.recall("labels:1").unwrap(), None);
        assert!(!store.has_begun());
    }
}
