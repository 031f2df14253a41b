//! Computes hashes of passwords by Argon2id, in memory that is asked for once.
//!
//! A hash takes tens of megabytes. What was given back would not come back: the allocator keeps it, and a guess after the other
//! made the process grow by one hash each. So there is one [`Buffer`] for all of them, and whoever computes has to be lent it.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::domain::password::{Cost, PasswordHash};
use crate::domain::secret::Secret;

/// What is wrong with the parameters of a hash; they were judged when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a password can't be computed: {0}")]
pub struct HashError(argon2::Error);

/// The memory in which hashes up to some cost are computed. It is asked for at the first of them, as where nobody signs in
/// by a password none is needed, and kept for all that follow.
pub(super) struct Buffer {
    blocks: Vec<Block>,
    /// What the costliest of them takes, in blocks of a KiB.
    most: usize,
}

impl Buffer {
    /// One for hashes that cost this at most.
    pub(super) fn up_to(costs: impl IntoIterator<Item = Cost>) -> Self {
        let most = costs.into_iter().map(blocks).max().unwrap_or_default();
        Self { blocks: Vec::new(), most }
    }

    /// The hash of a password, of so many bytes.
    pub(super) fn compute(
        &mut self,
        cost: Cost,
        salt: &[u8],
        password: &Secret,
        length: usize,
    ) -> Result<Vec<u8>, HashError> {
        let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(length)).map_err(HashError)?;
        // A hash may be changed while the service runs, and cost more than all that there were.
        let most = self.most.max(blocks(cost));
        if self.blocks.len() < most {
            self.blocks.reserve_exact(most - self.blocks.len());
            self.blocks.resize(most, Block::new());
        }
        let mut hash = vec![0; length];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let password = password.expose().as_bytes();
        argon.hash_password_into_with_memory(password, salt, &mut hash, &mut self.blocks).map_err(HashError)?;
        Ok(hash)
    }
}

/// The blocks that a hash takes: a KiB each.
fn blocks(cost: Cost) -> usize {
    usize::try_from(cost.memory).unwrap_or(usize::MAX)
}

/// The one buffer, and who may use it now: whoever is lent it computes, all others wait in order of arrival.
#[derive(Clone)]
pub(super) struct Lent(Arc<Mutex<Buffer>>);

impl Lent {
    pub(super) fn new(buffer: Buffer) -> Self {
        Self(Arc::new(Mutex::new(buffer)))
    }

    /// Waits for the turn, which is the buffer.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<Buffer> {
        Arc::clone(&self.0).lock_owned().await
    }
}

/// The hash of a password, with the usual cost.
///
/// # Errors
/// [`HashError`], which does not happen with the usual cost.
pub fn hash_password(password: &Secret, salt: [u8; 16]) -> Result<PasswordHash, HashError> {
    let hash = Buffer::up_to([Cost::USUAL]).compute(Cost::USUAL, &salt, password, 32)?;
    Ok(PasswordHash { cost: Cost::USUAL, salt: salt.to_vec(), hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Cost = Cost { memory: 7 * 1024, passes: 5, lanes: 1 };

    #[test]
    fn however_many_guesses_there_are_they_are_computed_in_the_same_memory() {
        let mut buffer = Buffer::up_to([SMALL, Cost::USUAL, SMALL]);
        assert_eq!(buffer.blocks.capacity(), 0, "where nobody signs in none is needed");
        let mut hash = |cost, guess: usize| {
            buffer.compute(cost, &[7; 16], &Secret::new(guess.to_string()), 32).unwrap();
            (buffer.blocks.as_ptr(), buffer.blocks.len(), buffer.blocks.capacity())
        };
        let first = hash(SMALL, 0);
        assert_eq!((first.1, first.2), (19 * 1024, 19 * 1024), "what the costliest takes, and no more");
        for guess in 1..6 {
            assert_eq!(hash(if guess % 2 == 0 { SMALL } else { Cost::USUAL }, guess), first);
        }
    }

    #[test]
    fn what_was_computed_before_in_the_memory_changes_nothing() {
        let password = Secret::new("correct horse".into());
        let fresh = |cost| Buffer::up_to([cost]).compute(cost, &[7; 16], &password, 32).unwrap();
        let mut buffer = Buffer::up_to([SMALL, Cost::USUAL]);
        for cost in [Cost::USUAL, SMALL, Cost::USUAL] {
            assert_eq!(buffer.compute(cost, &[7; 16], &password, 32).unwrap(), fresh(cost));
        }
        let more = Cost { memory: 20 * 1024, ..Cost::USUAL };
        assert_eq!(buffer.compute(more, &[7; 16], &password, 32).unwrap(), fresh(more), "a hash that was changed");
    }

    #[tokio::test]
    async fn the_memory_is_with_one_at_a_time() {
        let lent = Lent::new(Buffer::up_to([SMALL]));
        let turn = lent.turn().await;
        assert!(lent.0.try_lock().is_err());
        drop(turn);
        assert!(lent.0.try_lock().is_ok());
    }
}
