//! A value that may be changed while others use it, as a secret that is rotated.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A value that clones share: who has one has the newest.
pub struct Rotating<T>(Arc<RwLock<Arc<T>>>);

impl<T> Rotating<T> {
    /// The value as it is now.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the value that another has now, for all that share this one.
    pub fn take_over(&self, other: &Self) {
        let value = other.get();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl<T> From<T> for Rotating<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }
}

impl<T> Clone for Rotating<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_share_it_have_the_newest() {
        let (first, second) = (Rotating::from("old"), Rotating::from("new"));
        let shared = first.clone();
        first.take_over(&second);
        assert_eq!((*shared.get(), *second.get()), ("new", "new"));
        first.take_over(&first.clone());
        assert_eq!(format!("{shared:?}"), "\"new\"");
    }
}
