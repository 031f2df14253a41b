//! Who is signed in; see [`crate::queue::SignIns`].

use rusqlite::{OptionalExtension, params};

use super::store::Store;
use crate::queue::command::SignInCommand;
use crate::queue::reply::Reply;
use crate::queue::{QueueError, SignIn};

/// So many are remembered; beyond it the oldest go.
const MOST: i64 = 10_000;
/// So many of one person.
const MOST_OF_ONE: i64 = 20;

impl SignInCommand {
    /// Does it in the open transaction: who is to be told after the commit. What only reads is replied to at once.
    pub(super) fn execute(self, store: &mut Store) -> Result<Option<Reply<()>>, QueueError> {
        Ok(match self {
            Self::Find(id, reply) => reply.send_read(store.sign_in(&id)).map(|()| None)?,
            Self::Remember(sign_in, reply) => Some(reply.unless_failed(store.remember_sign_in(&sign_in))?.1),
            Self::Forget(id, reply) => Some(reply.unless_failed(store.forget_sign_in(&id))?.1),
        })
    }
}

impl Store {
    fn remember_sign_in(&mut self, sign_in: &SignIn) -> rusqlite::Result<()> {
        self.transact()?;
        let now = self.wall();
        let SignIn { id, person, what, until } = sign_in;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO sign_in (id, person, what, until) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, person, what, until.timestamp_millis()])?;
        self.connection
            .prepare_cached(
                "DELETE FROM sign_in WHERE until <= ?1
                 OR number IN (SELECT number FROM sign_in WHERE person = ?2 ORDER BY number DESC LIMIT -1 OFFSET ?3)
                 OR number IN (SELECT number FROM sign_in ORDER BY number DESC LIMIT -1 OFFSET ?4)",
            )?
            .execute(params![now, person, MOST_OF_ONE, MOST])
            .map(drop)
    }

    fn sign_in(&self, id: &[u8; 32]) -> rusqlite::Result<Option<String>> {
        let mut found = self.connection.prepare_cached("SELECT what FROM sign_in WHERE id = ?1 AND until > ?2")?;
        found.query_row(params![id, self.wall()], |row| row.get(0)).optional()
    }

    fn forget_sign_in(&mut self, id: &[u8; 32]) -> rusqlite::Result<()> {
        self.transact()?;
        self.connection.prepare_cached("DELETE FROM sign_in WHERE id = ?1")?.execute(params![id]).map(drop)
    }
}
