//! What changed, as it changes: server-sent events.
//!
//! One task looks for all who listen, and only while somebody does: it compares what each workload comes to in short. The last events are kept, so that who was away for a moment misses nothing; who was away for longer is
//! told to read everything again.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::Api;
use super::census::Summary;
use super::view::Counts;
use crate::ambient::Ambient;
use crate::listener::Problem;
use crate::queue::QueueAdmin;
use crate::stop::Stop;

/// The most streams that are open at once.
const MOST_STREAMS: usize = 256;
/// So many events are kept for who comes back.
const MOST_KEPT: usize = 64;
/// So many workloads are named in one event.
const MOST_NAMED: usize = 100;
/// Between two looks at what changed.
const EVERY: Duration = Duration::from_secs(1);
/// Something is sent at least this often, so that nothing between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after so long, and whoever opens the next one is asked again who they are.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The events. Clones share them.
#[derive(Clone, Debug)]
pub struct Events(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Tells the ids of this process from those of another.
    boot: u32,
    kept: Mutex<VecDeque<(u64, Bytes)>>,
    latest: watch::Sender<u64>,
    streams: AtomicUsize,
    opened: Notify,
    stop: Stop,
}

/// What changed.
#[derive(Debug, Serialize)]
struct Changed {
    /// Which workloads, as `shop/deploy/web`.
    workloads: Vec<String>,
    /// How many more.
    more: usize,
    /// How many containers want what of people now.
    counts: Counts,
    /// Whether automatic updates are stopped.
    stopped: bool,
}

/// What was seen at the last look.
#[derive(Debug, Default)]
struct Known {
    workloads: Vec<Arc<Summary>>,
    stopped: bool,
}

impl Events {
    /// None so far; streams end when the process is to.
    #[must_use]
    pub fn new(ambient: &Ambient, stop: Stop) -> Self {
        let boot = u32::from_le_bytes(ambient.bytes());
        let (latest, streams, opened) = (watch::Sender::new(0), AtomicUsize::new(0), Notify::new());
        Self(Arc::new(Shared { boot, kept: Mutex::default(), latest, streams, opened, stop }))
    }

    /// Looks for what changed, while somebody listens.
    pub async fn run<Q: QueueAdmin>(self, api: Data<Api<Q>>) {
        let (mut stop, mut known) = (self.0.stop.clone(), Known::default());
        while !stop.is_raised() {
            let look = async {
                while self.0.streams.load(Ordering::Relaxed) == 0 {
                    self.0.opened.notified().await;
                }
                let stopped = api.sequencer.brake().await.stopped.is_some();
                if let Some(event) = known.compare(&api, stopped) {
                    self.tell(&event);
                }
                tokio::time::sleep(EVERY).await;
            };
            tokio::select! {
                () = stop.raised() => {}
                () = look => {}
            }
        }
    }

    fn tell(&self, event: &str) {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = kept.back().map_or(0, |(number, _)| *number) + 1;
        let frame = format!("id: {:x}-{number}\nevent: changed\ndata: {event}\n\n", self.0.boot);
        kept.push_back((number, Bytes::from(frame)));
        if kept.len() > MOST_KEPT {
            kept.pop_front();
        }
        self.0.latest.send_replace(number);
    }

    /// What was told after this event, and the number of the last.
    fn since(&self, last: u64) -> (Bytes, u64) {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = kept.back().map_or(0, |(number, _)| *number);
        let is_whole = kept.front().is_none_or(|(oldest, _)| last.saturating_add(1) >= *oldest) && last <= newest;
        if !is_whole {
            return (Bytes::from(format!("id: {:x}-{newest}\nevent: reset\ndata: {{}}\n\n", self.0.boot)), newest);
        }
        let missed: Vec<u8> =
            kept.iter().filter(|(number, _)| *number > last).flat_map(|(_, frame)| frame.to_vec()).collect();
        (Bytes::from(missed), newest)
    }

    /// The event that a reader had last, by its id: one of another process is none of ours.
    fn read(&self, id: Option<&str>) -> u64 {
        let newest = *self.0.latest.borrow();
        let Some(id) = id.filter(|id| !id.is_empty()) else { return newest };
        let number = id.split_once('-').filter(|(boot, _)| *boot == format!("{:x}", self.0.boot));
        number.and_then(|(_, number)| number.parse().ok()).unwrap_or(u64::MAX)
    }

    fn open(&self) -> Option<Place> {
        let taken = self
            .0
            .streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| (open < MOST_STREAMS).then_some(open + 1));
        taken.ok()?;
        self.0.opened.notify_one();
        Some(Place(self.clone()))
    }

    /// The frames of a stream, until it has lasted long enough or the process is to end.
    fn frames(&self, place: Place, last: u64) -> impl stream::Stream<Item = Result<Bytes, actix_web::Error>> + use<> {
        let (latest, stop) = (self.0.latest.subscribe(), self.0.stop.clone());
        let ends = tokio::time::Instant::now() + LONGEST;
        let begun = Bytes::from_static(b"retry: 3000\n\n");
        let reader = Reader { place, last, latest, stop, ends };
        stream::unfold((Some(begun), reader), |(begun, mut reader)| async move {
            let frame = match begun {
                Some(begun) => begun,
                None => reader.next().await?,
            };
            Some((Ok(frame), (None, reader)))
        })
    }
}

/// Whoever listens.
struct Reader {
    place: Place,
    /// The last event that they had.
    last: u64,
    latest: watch::Receiver<u64>,
    stop: Stop,
    ends: tokio::time::Instant,
}

impl Reader {
    /// What is sent next, or that this is the end.
    async fn next(&mut self) -> Option<Bytes> {
        let Self { place, last, latest, stop, ends } = self;
        let (mut frame, mut newest) = place.0.since(*last);
        if frame.is_empty() {
            tokio::select! {
                () = stop.raised() => return None,
                () = tokio::time::sleep_until(*ends) => return None,
                () = tokio::time::sleep(HEARTBEAT) => return Some(Bytes::from_static(b":\n\n")),
                changed = latest.wait_for(|newest| *newest > *last) => drop(changed.ok()?),
            }
            (frame, newest) = place.0.since(*last);
        }
        *last = newest;
        Some(frame)
    }
}

/// One of the streams that may be open. Dropped, it is closed.
#[derive(Debug)]
struct Place(Events);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Known {
    /// What is another than at the last look, as it is told.
    fn compare<Q>(&mut self, api: &Api<Q>, stopped: bool) -> Option<String> {
        let all = api.summaries(&api.moment());
        let counts: Counts = all.iter().map(|summary| summary.counts()).sum();
        let is_first = self.workloads.is_empty();
        let before = std::mem::take(&mut self.workloads);
        let mut before: HashMap<&str, &Arc<Summary>> = before.iter().map(|it| (&*it.workload.id.uid, it)).collect();
        let is_another = |summary: &&Arc<Summary>| {
            let known = before.remove(&*summary.workload.id.uid);
            known.is_none_or(|known| known.number != summary.number)
        };
        let mut changed: Vec<&Arc<Summary>> = all.iter().filter(is_another).collect();
        changed.extend(before.into_values());
        let was_stopped = std::mem::replace(&mut self.stopped, stopped);
        let said = (!changed.is_empty() || was_stopped != stopped).then(|| {
            let named = if is_first { 0 } else { changed.len().min(MOST_NAMED) };
            let names = changed.iter().take(named).map(|summary| summary.workload.id.to_string());
            let (workloads, more) = (names.collect(), changed.len() - named);
            serde_json::to_string(&Changed { workloads, more, counts, stopped }).ok()
        });
        self.workloads = all;
        said.flatten()
    }
}

/// `GET /api/v1/events`
pub(super) async fn events<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some(place) = api.events.open() else {
        return Err(Problem::later("as many streams of events are open as may be; read the lists instead"));
    };
    let id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let frames = api.events.frames(place, api.events.read(id));
    let mut answer = HttpResponse::Ok();
    // A proxy that gathers what comes would keep it back.
    answer.insert_header((CACHE_CONTROL, "no-store")).insert_header(("x-accel-buffering", "no"));
    Ok(answer.content_type("text/event-stream").streaming(frames))
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    fn events() -> (crate::stop::Raise, Events) {
        let (raise, stop) = Stop::new();
        (raise, Events::new(&Ambient::system(), stop))
    }

    fn text(bytes: &Bytes) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn who_comes_back_misses_nothing_or_is_told_to_read_everything_again() {
        let (raise, events) = events();
        for number in 0..3 {
            events.tell(&number.to_string());
        }
        let id = |number: u64| format!("{:x}-{number}", events.0.boot);
        let from = events.read(Some(&id(1)));
        let mut frames = Box::pin(events.frames(events.open().unwrap(), from));
        assert_eq!(text(&frames.next().await.unwrap().unwrap()), "retry: 3000\n\n");
        let missed = text(&frames.next().await.unwrap().unwrap());
        assert!(
            missed.contains(&format!("id: {}\n", id(2)))
                && missed.ends_with(&format!("id: {}\nevent: changed\ndata: 2\n\n", id(3))),
            "{missed}"
        );
        events.tell("3");
        assert!(text(&frames.next().await.unwrap().unwrap()).contains("data: 3\n"));
        raise.raise();
        assert!(frames.next().await.is_none(), "the process is to end");
        assert_eq!(events.read(None), 4, "who comes first needs nothing of before");
        for foreign in ["0-1", "x", "-", &format!("{:x}-99", events.0.boot)] {
            let (told, last) = events.since(events.read(Some(foreign)));
            assert!(text(&told).contains("event: reset") && last == 4, "{foreign}");
        }
        for number in 0..2 * MOST_KEPT {
            events.tell(&number.to_string());
        }
        assert!(text(&events.since(1).0).contains("event: reset"), "that is too long ago");
        assert_eq!(events.0.kept.lock().unwrap().len(), MOST_KEPT);
    }

    #[test]
    fn so_many_streams_are_open_and_one_that_ends_makes_room() {
        let (_raise, events) = events();
        let mut open: Vec<Place> = std::iter::from_fn(|| events.open()).collect();
        assert_eq!(open.len(), MOST_STREAMS);
        open.pop();
        assert!(events.open().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_beats_and_ends_so_that_it_is_asked_again_who_listens() {
        let (_raise, events) = events();
        let frames: Vec<String> =
            events.frames(events.open().unwrap(), 0).map(|frame| text(&frame.unwrap())).collect().await;
        assert!(frames.len() > 50 && frames.iter().skip(1).all(|frame| frame == ":\n\n"), "{frames:?}");
        assert_eq!(events.0.streams.load(Ordering::Relaxed), 0);
    }
}
