//! What replicas tell one another of that is worth nothing later, as what a look came to. It is stored nowhere: who is away
//! misses it, and learns the same by the next.

use std::sync::Arc;

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
}

/// The other end: what is told here goes out, and what others tell comes in.
#[derive(Debug)]
pub(super) struct FarEnd {
    pub(super) telling: mpsc::Receiver<String>,
    heard: broadcast::Sender<Arc<str>>,
}

impl Replicas {
    pub(super) fn connected() -> (Self, FarEnd) {
        let (out, telling) = mpsc::channel(MOST_WAITING);
        let (heard, _) = broadcast::channel(MOST_WAITING);
        (Self(Some(Lines { out, heard: heard.clone() })), FarEnd { telling, heard })
    }

    /// Whether there may be any.
    #[must_use]
    pub fn are_possible(&self) -> bool {
        self.0.is_some()
    }

    /// Tells them, as far as they listen, and waits for nobody.
    pub fn tell(&self, text: String) {
        if let Some(lines) = &self.0
            && text.len() <= MOST_BYTES
        {
            // Too much waits, or the store has ended: nobody relies on being told.
            let _ = lines.out.try_send(text);
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
    let ((one, mut far), (other, mut beyond)) = (Replicas::connected(), Replicas::connected());
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
