//! Whether the process is alive: what everything else waits for has to answer now and then.
//!
//! One task runs through the runtime that all work runs on, and asks the queue's writer. Probes read when each answered
//! last, so they cost nothing and are answered whatever hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ambient::Ambient;
use crate::queue::QueueAdmin;
use crate::stop::Stop;

/// Between two beats.
const INTERVAL: Duration = Duration::from_secs(5);
/// A part that has not answered for so long hangs; a slow disk may take some of it.
const SILENCE: Duration = Duration::from_secs(30);

/// What has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The threads that all tasks run on.
    Runtime,
    /// The thread that owns the queue's file.
    QueueWriter,
}

impl Part {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runtime => "the runtime",
            Self::QueueWriter => "the queue's writer",
        }
    }
}

/// When each part answered last. Clones share it.
#[derive(Clone, Debug)]
pub struct Pulse {
    ambient: Ambient,
    runtime: Arc<AtomicU64>,
    writer: Arc<AtomicU64>,
}

impl Pulse {
    /// All parts answer now.
    pub fn new(ambient: Ambient) -> Self {
        let pulse = Self { ambient, runtime: Arc::default(), writer: Arc::default() };
        pulse.beat(Part::Runtime);
        pulse.beat(Part::QueueWriter);
        pulse
    }

    /// Beats until the process is to end.
    pub async fn run<Q: QueueAdmin>(self, queue: Q, mut stop: Stop) {
        while !stop.is_raised() {
            self.beat(Part::Runtime);
            let ask = async {
                if tokio::time::timeout(INTERVAL, queue.ping()).await.is_ok() {
                    self.beat(Part::QueueWriter);
                }
                tokio::time::sleep(INTERVAL).await;
            };
            tokio::select! {
                () = stop.raised() => {}
                () = ask => {}
            }
        }
    }

    /// The part that has been silent for too long.
    pub fn silent(&self) -> Option<Part> {
        self.beats().into_iter().find(|(_, ago)| *ago > SILENCE).map(|(part, _)| part)
    }

    /// How long ago each part answered last.
    pub fn beats(&self) -> [(Part, Duration); 2] {
        let now = self.ambient.monotonic();
        [Part::Runtime, Part::QueueWriter].map(|part| {
            let last = Duration::from_millis(self.of(part).load(Ordering::Relaxed));
            (part, now.saturating_sub(last))
        })
    }

    /// Each part in a line, with the age of its last answer.
    pub fn lines(&self) -> String {
        let line = |(part, ago): (Part, Duration)| {
            let sign = if ago > SILENCE { '-' } else { '+' };
            format!("[{sign}]{}: answered {} s ago\n", part.as_str(), ago.as_secs())
        };
        self.beats().map(line).concat()
    }

    fn beat(&self, part: Part) {
        let now = u64::try_from(self.ambient.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.of(part).store(now, Ordering::Relaxed);
    }

    fn of(&self, part: Part) -> &AtomicU64 {
        match part {
            Part::Runtime => &self.runtime,
            Part::QueueWriter => &self.writer,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::ambient::Clock;
    use crate::queue::sqlite::SqliteQueue;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Arc<Hand> {
        fn now(&self) -> DateTime<Utc> {
            DateTime::default()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn a_part_that_does_not_answer_is_named() {
        let hand = Arc::new(Hand::default());
        let pulse = Pulse::new(Ambient::system().at(Arc::new(Arc::clone(&hand))));
        hand.0.store(SILENCE.as_secs(), Ordering::Relaxed);
        assert_eq!(pulse.silent(), None);
        pulse.beat(Part::Runtime);
        hand.0.store(SILENCE.as_secs() + 1, Ordering::Relaxed);
        assert_eq!(pulse.silent(), Some(Part::QueueWriter));
        pulse.beat(Part::QueueWriter);
        assert_eq!(pulse.silent(), None);
        hand.0.store(3 * SILENCE.as_secs(), Ordering::Relaxed);
        assert_eq!(pulse.silent(), Some(Part::Runtime), "nothing goes on without it");
    }

    #[tokio::test]
    async fn the_writer_of_a_queue_answers() {
        let folder = tempfile::tempdir().unwrap();
        let (hand, (raise, stop)) = (Arc::new(Hand::default()), Stop::new());
        let ambient = Ambient::system().at(Arc::new(Arc::clone(&hand)));
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let pulse = Pulse::new(ambient);
        hand.0.store(10 * SILENCE.as_secs(), Ordering::Relaxed);
        assert!(pulse.silent().is_some());
        let answered = async {
            while pulse.silent().is_some() {
                tokio::task::yield_now().await;
            }
            raise.raise();
        };
        tokio::join!(pulse.clone().run(queue, stop), answered);
    }
}
