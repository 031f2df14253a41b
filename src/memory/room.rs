//! Memory for answers that are under way: a little for each, and a lane for the few that need more.
//!
//! ```text
//! each list      64 KiB of  2 MiB ─► up to 4 MiB, of 8 MiB
//! each token     64 KiB of  1 MiB
//! each manifest  64 KiB of  1 MiB ─► up to 1 MiB, of 2 MiB
//! each answer of a forge
//!                64 KiB of  1 MiB ─► up to 8 MiB, of 8 MiB: one list at a time
//! ```
//!
//! Whoever finds none free waits in order of arrival. Nobody can wait for ever: from left to right and from top to bottom,
//! who holds something waits only for what comes after it.

use super::{ByteBudget, Reservation};

/// What each answer may hold without asking for more.
pub const SMALL: usize = 64 * 1024;

/// Room for answers of one kind. Clones share it.
#[derive(Clone, Debug)]
pub struct Rooms {
    small: ByteBudget,
    large: ByteBudget,
    largest: usize,
}

/// What one answer may hold.
#[derive(Debug)]
pub struct Room {
    rooms: Rooms,
    largest: usize,
    _small: Reservation,
    large: Option<Reservation>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// No answer of this kind may be so large: this many bytes.
    TooLarge(usize),
    /// The process ends.
    Closed,
}

impl Rooms {
    /// Room for `at_once` answers, of which `large` bytes may be held by those of more than [`SMALL`] bytes, each
    /// `largest`.
    #[must_use]
    pub fn new(at_once: u32, largest: usize, large: u32) -> Self {
        let small = at_once.saturating_mul(u32::try_from(SMALL).unwrap_or(u32::MAX));
        Self { small: ByteBudget::new(small), large: ByteBudget::new(large), largest }
    }

    /// Waits for room for one more answer.
    ///
    /// # Errors
    /// [`NoRoom::Closed`] when the process ends.
    pub async fn enter(&self) -> Result<Room, NoRoom> {
        self.enter_for(self.largest).await
    }

    /// Waits for room for one more answer, which may have at most `largest` bytes.
    ///
    /// # Errors
    /// [`NoRoom::Closed`] when the process ends.
    pub async fn enter_for(&self, largest: usize) -> Result<Room, NoRoom> {
        let small = self.small.reserve(SMALL).await.ok_or(NoRoom::Closed)?;
        Ok(Room { rooms: self.clone(), largest: largest.min(self.largest), _small: small, large: None })
    }
}

impl Room {
    /// Waits until `bytes` may be held.
    ///
    /// # Errors
    /// [`NoRoom`] when there never will be room for so many.
    pub async fn hold(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if bytes > self.largest {
            return Err(NoRoom::TooLarge(self.largest));
        }
        if bytes <= SMALL {
            return Ok(());
        }
        if self.large.is_none() {
            self.large = Some(self.rooms.large.reserve(self.largest).await.ok_or(NoRoom::Closed)?);
        }
        Ok(())
    }

    /// The most that it may hold.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// Gives back what is beyond `bytes`: no more is to come.
    pub fn settle(&mut self, bytes: usize) {
        if bytes <= SMALL {
            self.large = None;
        } else if let Some(large) = &mut self.large {
            large.shrink_to(bytes);
        }
    }
}

/// A body, and the room that it takes for as long as it is held.
#[derive(Debug)]
pub struct Body {
    /// What was sent.
    pub bytes: Vec<u8>,
    _room: Room,
}

impl Body {
    /// A body that came whole; what it does not need of its room is given back.
    #[must_use]
    pub fn new(bytes: Vec<u8>, mut room: Room) -> Self {
        room.settle(bytes.len());
        Self { bytes, _room: room }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    const LARGEST: usize = 1024 * 1024;

    #[tokio::test]
    async fn a_small_answer_waits_for_no_large_one() {
        let rooms = Rooms::new(4, LARGEST, 1024 * 1024);
        let mut large = rooms.enter().await.unwrap();
        large.hold(LARGEST).await.unwrap();
        let mut waiting = rooms.enter().await.unwrap();
        let mut waits = std::pin::pin!(waiting.hold(SMALL + 1));
        assert_eq!(waits.as_mut().now_or_never(), None, "the lane is taken");
        let mut small = rooms.enter().await.unwrap();
        small.hold(SMALL).await.unwrap();
        assert_eq!(small.hold(LARGEST + 1).await, Err(NoRoom::TooLarge(LARGEST)));
        large.settle(SMALL);
        assert_eq!(waits.await, Ok(()));
        assert_eq!(rooms.large.free(), 0);
    }

    #[tokio::test]
    async fn what_is_not_needed_is_given_back() {
        let rooms = Rooms::new(2, LARGEST, 2 * 1024 * 1024);
        let mut room = rooms.enter().await.unwrap();
        room.hold(SMALL + 1).await.unwrap();
        room.settle(100_000);
        assert_eq!(rooms.large.free(), 2 * LARGEST - 100_000);
        drop(room);
        assert_eq!((rooms.large.free(), rooms.small.free()), (2 * LARGEST, 2 * SMALL));
    }

    /// Forty who each want all they may have: none waits for ever, and none fails.
    #[tokio::test]
    async fn whoever_waits_is_served() {
        let rooms = Rooms::new(3, LARGEST, 1024 * 1024);
        let all = (0..40).map(|_| {
            let rooms = rooms.clone();
            async move {
                let mut room = rooms.enter().await?;
                tokio::task::yield_now().await;
                room.hold(LARGEST).await?;
                tokio::task::yield_now().await;
                Ok::<_, NoRoom>(())
            }
        });
        assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    }
}
