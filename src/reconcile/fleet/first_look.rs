//! Whether all of the cluster was looked at once, since the data folder is new.
//!
//! What a new install finds is told as one message, so whoever tells it waits for the end of the first look. It has ended
//! when all watches have been listed and no look has been under way for a moment; the looks of one start begin together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ambient::Ambient;
use crate::queue::Kept;
use crate::stop::Stop;
use crate::task::Task;

/// No look is under way for so long.
const QUIET: Duration = Duration::from_secs(2);
/// Under which its end is kept, and how often it is looked whether that came.
const KEY: &str = "first look";
const AGAIN: Duration = Duration::from_secs(1);

/// Whether all of the cluster was looked at once.
#[derive(Debug)]
pub struct FirstLook(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Looks that are under way.
    running: usize,
    /// Since when none is, on the monotonic clock; nothing before all watches have been listed.
    quiet_since: Option<Duration>,
    ended: Option<DateTime<Utc>>,
}

impl FirstLook {
    /// `ended` where an earlier process has seen its end.
    #[must_use]
    pub fn new(ended: Option<DateTime<Utc>>) -> Self {
        Self(Mutex::new(State { running: 0, quiet_since: None, ended }))
    }

    /// As the store remembers it.
    pub async fn recalled(queue: &impl Kept) -> Self {
        let ended = queue.recall(KEY).await;
        // Who wrote no moment wrote it long ago.
        Self::new(ended.map(|ended| ended.parse().unwrap_or(DateTime::UNIX_EPOCH)))
    }

    /// Has the store remember that it ended, when it does.
    #[must_use]
    pub fn remembering(self: Arc<Self>, queue: impl Kept, ambient: Ambient, stop: Stop) -> Task {
        Task::new("first look", async move { self.remember_end(&queue, &ambient, stop).await })
    }

    async fn remember_end(&self, queue: &impl Kept, ambient: &Ambient, mut stop: Stop) {
        let ended = loop {
            if let Some(ended) = self.ended(ambient.monotonic(), ambient.now()) {
                break ended;
            }
            tokio::select! {
                () = stop.raised() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        };
        queue.keep(KEY, ended.to_rfc3339(), ambient.now() + TimeDelta::days(3650)).await;
        stop.raised().await;
    }

    /// All watches have been listed.
    pub fn listed(&self, now: Duration) {
        let mut state = self.state();
        state.quiet_since.get_or_insert(now);
    }

    /// A look is under way until what this gives is dropped, however it ends.
    #[must_use]
    pub fn under_way(self: Arc<Self>, ambient: Ambient) -> UnderWay {
        self.begins();
        UnderWay { look: self, ambient }
    }

    fn begins(&self) {
        self.state().running += 1;
    }

    fn ends(&self, now: Duration) {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        if let Some(since) = &mut state.quiet_since {
            *since = now;
        }
    }

    /// When it was seen to have ended, if it has, at a moment of both clocks. It stays so.
    #[must_use]
    pub fn ended(&self, monotonic: Duration, wall: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut state = self.state();
        let is_quiet = state.quiet_since.is_some_and(|since| monotonic.saturating_sub(since) >= QUIET);
        if state.ended.is_none() && state.running == 0 && is_quiet {
            state.ended = Some(wall);
        }
        state.ended
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What is kept is whole after each change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look that is under way.
#[derive(Debug)]
pub struct UnderWay {
    look: Arc<FirstLook>,
    ambient: Ambient,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.look.ends(self.ambient.monotonic());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn wall(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn it_ends_when_all_is_listed_and_no_look_is_under_way() {
        let look = FirstLook::new(None);
        let ended = |seconds: u32| look.ended(at(seconds.into()), wall(seconds.into()));
        assert_eq!(ended(100), None, "nothing is listed");
        look.begins();
        look.listed(at(100));
        assert_eq!(ended(200), None, "a look is under way");
        look.ends(at(200));
        assert_eq!(ended(201), None, "the next may begin at once");
        look.begins();
        look.ends(at(202));
        assert_eq!((ended(203), ended(204)), (None, Some(wall(204))));
        look.begins();
        assert_eq!(ended(205), Some(wall(204)), "it stays so");
    }

    #[test]
    fn what_an_earlier_process_has_seen_is_over() {
        assert_eq!(FirstLook::new(Some(wall(-9))).ended(at(0), wall(0)), Some(wall(-9)));
    }
}
