//! A store that does not answer for a moment does not end a move: it is waited for, and people are told.

use std::fmt;
use std::time::Duration;

use crate::ambient::Ambient;
use crate::domain::retry::Backoff;
use crate::telemetry::chain;

/// For so long in all a store may give no answer to the same question.
const LONGEST: Duration = Duration::from_secs(60);

/// How a store that does not answer is waited for, and who is told.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    ambient: &'a Ambient,
    longest: Duration,
    tell: &'a (dyn Fn(&Again<'_>) + Sync),
}

impl fmt::Debug for Patience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("longest", &self.longest).finish_non_exhaustive()
    }
}

/// A store gave no answer, and is asked again. It is shown as one line for people.
pub struct Again<'a> {
    /// The store, for people.
    name: &'a str,
    /// Why.
    error: &'a (dyn std::error::Error + 'static),
    /// After which time.
    wait: Duration,
}

impl fmt::Display for Again<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} did not answer and is asked again in {} s: {}",
            self.name,
            self.wait.as_secs().max(1),
            chain(self.error)
        )
    }
}

impl<'a> Patience<'a> {
    /// A minute for each question.
    #[must_use]
    pub fn new(ambient: &'a Ambient, tell: &'a (dyn Fn(&Again<'_>) + Sync)) -> Self {
        Self { ambient, longest: LONGEST, tell }
    }

    /// Another time for each question.
    #[cfg(test)]
    pub(in crate::queue) fn of(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// Asks until there is an answer, or an error that no waiting mends. It must be something that may be asked twice.
    ///
    /// # Errors
    /// The last one, when the time is over.
    pub async fn asks<T, E: std::error::Error + 'static>(
        self,
        name: &str,
        passes: impl Fn(&E) -> bool,
        ask: impl AsyncFn() -> Result<T, E>,
    ) -> Result<T, E> {
        let (began, backoff) = (self.ambient.monotonic(), Backoff::seconds(1, 10, 2));
        let mut attempt = 1;
        loop {
            let error = match ask().await {
                Err(error) if passes(&error) => error,
                answered => return answered,
            };
            let now = self.ambient.now();
            let wait = (backoff.next(attempt, None, now, self.ambient.jitter()) - now).to_std().unwrap_or_default();
            if self.ambient.monotonic().saturating_sub(began) + wait > self.longest {
                return Err(error);
            }
            (self.tell)(&Again { name, error: &error, wait });
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}
