//! Bytes that strangers and tenants make the process hold are reserved before they are held.
//!
//! One budget for request bodies, others for answers of registries and of forges: however many connections or looks there are, what they
//! hold together is bounded. Whoever finds a budget used up waits for it, or refuses with 503.

pub mod room;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of bytes that may be held at one time. Clones share it.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    bytes: Arc<Semaphore>,
    total: u32,
}

/// Bytes of a budget; they are given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    permit: OwnedSemaphorePermit,
}

impl ByteBudget {
    /// A budget of `total` bytes.
    #[must_use]
    pub fn new(total: u32) -> Self {
        Self { bytes: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Bytes that nobody holds.
    #[must_use]
    pub fn free(&self) -> usize {
        self.bytes.available_permits()
    }

    /// Reserves `bytes` now, or not at all.
    #[must_use]
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let bytes = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).ok()?;
        Some(Reservation { permit })
    }

    /// Waits, in order of arrival, until `bytes` are free. More than the whole budget is reserved as the whole budget.
    ///
    /// Whoever waits must hold nothing of the same budget: two who each wait for the other's bytes would wait for ever.
    pub async fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let bytes = u32::try_from(bytes).unwrap_or(self.total).min(self.total);
        let permit = Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok()?;
        Some(Reservation { permit })
    }
}

impl Reservation {
    /// How many bytes it stands for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Takes over the bytes of another reservation of the same budget.
    pub fn merge(&mut self, other: Self) {
        self.permit.merge(other.permit);
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.permit.num_permits().saturating_sub(bytes);
        drop(self.permit.split(surplus));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_given_back() {
        let budget = ByteBudget::new(10);
        let mut first = budget.try_reserve(6).unwrap();
        assert!(budget.try_reserve(5).is_none(), "more than is free");
        first.merge(budget.try_reserve(4).unwrap());
        assert_eq!((first.bytes(), budget.free()), (10, 0));
        first.shrink_to(3);
        assert_eq!((first.bytes(), budget.free()), (3, 7));
        drop(first);
        assert_eq!(budget.free(), 10);
        assert!(budget.try_reserve(usize::MAX).is_none());
    }

    #[tokio::test]
    async fn more_than_there_is_waits_for_all_of_it() {
        let budget = ByteBudget::new(10);
        let held = budget.try_reserve(1).unwrap();
        let mut whole = std::pin::pin!(budget.reserve(1000));
        let early = tokio::select! {
            biased;
            _ = &mut whole => true,
            () = std::future::ready(()) => false,
        };
        assert!(!early, "one byte is missing");
        drop(held);
        assert_eq!(whole.await.unwrap().bytes(), 10);
    }
}
