//! Tags that were announced, beside the jobs; see [`crate::queue::Announcements`].

use rusqlite::params;

use super::store::Store;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::queue::announced::{Announced, LOOKED_FOR, MOST_ANNOUNCED};
use crate::queue::row::moment;

impl Store {
    /// See [`crate::queue::Announcements::announce`]. What is over its time goes, and the oldest beyond the bound.
    pub(super) fn announce(&mut self, announced: &[Announced]) -> rusqlite::Result<()> {
        self.transact()?;
        let over = self.wall() - LOOKED_FOR.num_milliseconds();
        self.connection.prepare_cached("DELETE FROM announced WHERE at <= ?1")?.execute([over])?;
        for one in announced {
            let repository = one.repository.to_string();
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO announced (repository, tag, at, digest) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    repository,
                    one.tag.as_str(),
                    one.at.timestamp_millis(),
                    one.digest.as_ref().map(Digest::as_str)
                ])?;
            self.connection
                .prepare_cached(
                    "DELETE FROM announced WHERE repository = ?1 AND tag IN (
                         SELECT tag FROM announced WHERE repository = ?1 ORDER BY at DESC, tag LIMIT -1 OFFSET ?2)",
                )?
                .execute(params![repository, MOST_ANNOUNCED])?;
        }
        Ok(())
    }

    /// See [`crate::queue::Announcements::announced`].
    pub(super) fn announced(&self, repository: &Repository) -> rusqlite::Result<Vec<Announced>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT tag, at, digest FROM announced WHERE repository = ?1 ORDER BY tag")?;
        let rows = statement.query_map([repository.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let rows: Vec<(String, i64, Option<String>)> = rows.collect::<rusqlite::Result<_>>()?;
        let read = |(tag, at, digest): (String, i64, Option<String>)| {
            let digest = digest.and_then(|digest| Digest::parse(&digest).ok());
            Some(Announced { repository: repository.clone(), tag: Tag::parse(&tag).ok()?, digest, at: moment(at) })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// See [`crate::queue::Announcements::found`].
    pub(super) fn found(&mut self, announced: &[Announced]) -> rusqlite::Result<()> {
        self.transact()?;
        let mut statement =
            self.connection.prepare_cached("DELETE FROM announced WHERE repository = ?1 AND tag = ?2 AND at <= ?3")?;
        for one in announced {
            statement.execute(params![one.repository.to_string(), one.tag.as_str(), one.at.timestamp_millis()])?;
        }
        Ok(())
    }
}
