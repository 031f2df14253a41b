//! What replicas tell one another of that is worth nothing later, as what a look came to. It is stored nowhere: who is away
//! misses it, and learns the same by the next.
//!
//! A message is the word of its kind, a line's end, and JSON that whoever listens to that kind reads. So what cannot be read is
//! never something that was meant for somebody else, and whoever listens counts it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc};

use crate::telemetry::metrics::Metrics;

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
    heard: Heard,
    alive: LiveCount,
}

/// What a message is about. Each listens to the kinds that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsKind {
    /// What a look came to.
    Look,
    /// Which link keys a replica has.
    Keys,
    /// A registry asks to wait.
    Wait,
    /// Somebody says that a channel works again.
    Channel,
    /// A link was wrong.
    Guess,
}

impl NewsKind {
    pub(super) const ALL: [Self; 5] = [Self::Look, Self::Keys, Self::Wait, Self::Channel, Self::Guess];

    fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Keys => "keys",
            Self::Wait => "wait",
            Self::Channel => "channel",
            Self::Guess => "guess",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What comes in, by its kind.
#[derive(Clone, Debug)]
struct Heard {
    looks: broadcast::Sender<Arc<str>>,
    keys: broadcast::Sender<Arc<str>>,
    waits: broadcast::Sender<Arc<str>>,
    channels: broadcast::Sender<Arc<str>>,
    guesses: broadcast::Sender<Arc<str>>,
}

impl Heard {
    fn new() -> Self {
        let line = || broadcast::channel(MOST_WAITING).0;
        Self { looks: line(), keys: line(), waits: line(), channels: line(), guesses: line() }
    }

    fn of(&self, kind: NewsKind) -> &broadcast::Sender<Arc<str>> {
        match kind {
            NewsKind::Look => &self.looks,
            NewsKind::Keys => &self.keys,
            NewsKind::Wait => &self.waits,
            NewsKind::Channel => &self.channels,
            NewsKind::Guess => &self.guesses,
        }
    }
}

/// How many replicas live, this one among them.
#[derive(Clone, Debug)]
pub(super) struct LiveCount(Arc<AtomicU32>);

impl LiveCount {
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
    heard: Heard,
}

impl Replicas {
    pub(super) fn connected() -> (Self, FarEnd, LiveCount) {
        let (out, telling) = mpsc::channel(MOST_WAITING);
        let heard = Heard::new();
        let alive = LiveCount(Arc::new(AtomicU32::new(1)));
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

    /// Tells them something of a kind, as JSON, as far as they listen, and waits for nobody.
    #[must_use = "what is not told is to be counted"]
    pub fn tell(&self, kind: NewsKind, news: &str) -> Telling {
        let Some(lines) = &self.0 else { return Telling::Told };
        let text = format!("{}\n{news}", kind.as_str());
        if text.len() > MOST_BYTES {
            return Telling::TooLong;
        }
        match lines.out.try_send(text) {
            Err(TrySendError::Full(_)) => Telling::TooMuch,
            // When the store has ended, so does the process.
            Ok(()) | Err(TrySendError::Closed(_)) => Telling::Told,
        }
    }

    /// Tells them something of a kind where there may be any, and counts whether it was told.
    pub fn tell_counted(&self, kind: NewsKind, news: &impl Serialize, metrics: &Metrics) {
        if self.are_possible()
            && let Ok(news) = serde_json::to_string(news)
        {
            metrics.replica_news(self.tell(kind, &news).as_str(), 1);
        }
    }

    /// What they tell of a kind from now on, as JSON; nothing where there are none. Whoever listens counts what it can't read:
    /// another version of this program may have written it.
    #[must_use]
    pub fn hear(&self, kind: NewsKind) -> Option<broadcast::Receiver<Arc<str>>> {
        self.0.as_ref().map(|lines| lines.heard.of(kind).subscribe())
    }
}

impl FarEnd {
    /// Another replica told this. A kind that is not known here is one that a newer version has.
    pub(super) fn hears(&self, text: &str) {
        if let Some((kind, news)) = text.split_once('\n')
            && let Some(kind) = NewsKind::parse(kind)
        {
            // Nobody may listen yet.
            let _ = self.heard.of(kind).send(news.into());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two processes that tell each other, for as long as what is between them runs.
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

    #[test]
    fn what_is_not_told_is_said_to_whoever_tells() {
        let (replicas, _far, alive) = Replicas::connected();
        let tell = |news: &str| replicas.tell(NewsKind::Look, news);
        assert_eq!(tell(&"x".repeat(MOST_BYTES)), Telling::TooLong);
        for _ in 0..MOST_WAITING {
            assert_eq!(tell("x"), Telling::Told);
        }
        assert_eq!(tell("x"), Telling::TooMuch);
        assert_eq!(Replicas::default().tell(NewsKind::Look, "x"), Telling::Told, "there is nobody");
        assert_eq!((replicas.number().get(), Replicas::default().number().get()), (1, 1));
        alive.are(3);
        assert_eq!(replicas.number().get(), 3);
        alive.are(0);
        assert_eq!(replicas.number().get(), 1, "this one");
    }

    #[test]
    fn each_listens_to_its_own_kind() {
        let (replicas, far, _) = Replicas::connected();
        let mut heard = NewsKind::ALL.map(|kind| replicas.hear(kind).expect("there may be others"));
        for kind in NewsKind::ALL {
            assert_eq!(NewsKind::parse(kind.as_str()), Some(kind));
            far.hears(&format!("{}\nof {kind:?}\nalone", kind.as_str()));
        }
        far.hears("newer\n{}");
        far.hears("{}");
        for (kind, heard) in NewsKind::ALL.into_iter().zip(&mut heard) {
            assert_eq!(heard.try_recv().as_deref(), Ok(&*format!("of {kind:?}\nalone")));
            assert!(heard.try_recv().is_err(), "{kind:?}");
        }
    }
}
