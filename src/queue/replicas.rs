//! What replicas tell one another of that is worth nothing later, as what a look came to. It is stored nowhere: who is away
//! misses it, and learns the same by the next.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc};

/// The most that waits to be told, and to be heard by each who listens; what comes then is lost.
const MOST_WAITING: usize = 1024;
/// The most bytes that are told at once: well below what NATS takes.
const MOST_BYTES: usize = 64 * 1024;

/// The other replicas; nobody where the queue is a file.
#[derive(Clone, Debug, Default)]
pub struct Replicas(Option<Lines>);

#[derive(Clone, Debug)]
struct Lines {
    out: mpsc::Sender<String>,
    heard: broadcast::Sender<Arc<str>>,
    alive: Alive,
}

/// How many replicas live, this one among them.
#[derive(Clone, Debug)]
pub(super) struct Alive(Arc<AtomicU32>);

impl Alive {
    /// So many were heard lately.
    pub(super) fn are(&self, number: usize) {
        self.0.store(u32::try_from(number).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

/// What became of something that others were to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It goes out, or there is nobody to be told.
    Told,
    /// It is longer than what is told at once.
    TooLong,
    /// Too much waits to go out.
    TooMuch,
}

impl Telling {
    /// A word for numbers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::TooLong => "too_long",
            Self::TooMuch => "too_much",
        }
    }
}

/// The other end: what is told here goes out, and what others tell comes in.
#[derive(Debug)]
pub(super) struct FarEnd {
    pub(super) telling: mpsc::Receiver<String>,
    heard: broadcast::Sender<Arc<str>>,
}

impl Replicas {
    pub(super) fn connected() -> (Self, FarEnd, Alive) {
        let (out, telling) = mpsc::channel(MOST_WAITING);
        let (heard, _) = broadcast::channel(MOST_WAITING);
        let alive = Alive(Arc::new(AtomicU32::new(1)));
        let lines = Lines { out, heard: heard.clone(), alive: alive.clone() };
        (Self(Some(lines)), FarEnd { telling, heard }, alive)
    }

    /// How many live, this one among them, as far as they were heard in the last 15 seconds.
    #[must_use]
    pub fn number(&self) -> NonZeroU32 {
        let number = self.0.as_ref().map_or(1, |lines| lines.alive.0.load(Ordering::Relaxed));
        NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
    }

    /// Whether there may be any.
    #[must_use]
    pub fn are_possible(&self) -> bool {
        self.0.is_some()
    }

    /// Tells them, as far as they listen, and waits for nobody.
    #[must_use = "what is not told is to be counted"]
    pub fn tell(&self, text: String) -> Telling {
        let Some(lines) = &self.0 else { return Telling::Told };
        if text.len() > MOST_BYTES {
            return Telling::TooLong;
        }
        match lines.out.try_send(text) {
            Err(TrySendError::Full(_)) => Telling::TooMuch,
            // When the store has ended, so does the process.
            Ok(()) | Err(TrySendError::Closed(_)) => Telling::Told,
        }
    }

    /// What they tell from now on; nothing where there are none.
    #[must_use]
    pub fn hear(&self) -> Option<broadcast::Receiver<Arc<str>>> {
        self.0.as_ref().map(|lines| lines.heard.subscribe())
    }
}

impl FarEnd {
    /// Another replica told this.
    pub(super) fn hears(&self, text: &str) {
        // Nobody may listen yet.
        let _ = self.heard.send(text.into());
    }
}

/// Two processes that tell each other, for as long as what is between them runs.
#[cfg(test)]
pub(crate) fn pair() -> (Replicas, Replicas, impl Future<Output = ()>) {
    let ((one, mut far, alive), (other, mut beyond, also)) = (Replicas::connected(), Replicas::connected());
    for each in [alive, also] {
        each.are(2);
    }
    let between = async move {
        loop {
            tokio::select! {
                Some(text) = far.telling.recv() => beyond.hears(&text),
                Some(text) = beyond.telling.recv() => far.hears(&text),
                else => return,
            }
        }
    };
    (one, other, between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_said_to_whoever_tells() {
        let (replicas, _far, alive) = Replicas::connected();
        assert_eq!(replicas.tell("x".repeat(MOST_BYTES + 1)), Telling::TooLong);
        for _ in 0..MOST_WAITING {
            assert_eq!(replicas.tell("x".into()), Telling::Told);
        }
        assert_eq!(replicas.tell("x".into()), Telling::TooMuch);
        assert_eq!(Replicas::default().tell("x".into()), Telling::Told, "there is nobody");
        assert_eq!((replicas.number().get(), Replicas::default().number().get()), (1, 1));
        alive.are(3);
        assert_eq!(replicas.number().get(), 3);
        alive.are(0);
        assert_eq!(replicas.number().get(), 1, "this one");
    }
}
