//! What changed, as it changes: server-sent events.
//!
//! One task looks for all who listen, and only while somebody does: it compares what each workload comes to in short. The
//! last events are kept, so that who was away for a moment misses nothing; who was away for longer is told to read everything
//! again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{Notify, oneshot, watch};

use super::Api;
use super::census::Summary;
use super::view::Counts;
use crate::access::Visitor;
use crate::ambient::Ambient;
use crate::queue::QueueAdmin;
use crate::stop::Stop;

/// The most streams that are open at once, of all and of one person; of more the oldest ends. Whoever reads on a page opens another
/// in a moment, as is not so after a refusal.
const MOST_STREAMS: usize = 200;
const MOST_OF_ONE: usize = 8;
/// Whoever asks from within the pod, who has no name: that may be several, and is no stranger.
const THE_POD: &str = "the pod";
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
    streams: Mutex<Streams>,
    opened: Notify,
    stop: Stop,
}

/// The streams that are open, by age: whose each is, and what ends it when it is dropped.
#[derive(Debug, Default)]
struct Streams {
    next: u64,
    open: BTreeMap<u64, (String, oneshot::Sender<()>)>,
}

impl Streams {
    fn make_room(&mut self, who: &str) {
        let own: Vec<u64> = self.open.iter().filter(|(_, (of, _))| of == who).map(|(number, _)| *number).collect();
        let of_one = own.first().filter(|_| who != THE_POD && own.len() >= MOST_OF_ONE);
        let of_all = self.open.keys().next().filter(|_| self.open.len() >= MOST_STREAMS);
        if let Some(number) = of_one.or(of_all).copied() {
            self.open.remove(&number);
        }
    }
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
        let (latest, streams, opened) = (watch::Sender::new(0), Mutex::default(), Notify::new());
        Self(Arc::new(Shared { boot, kept: Mutex::default(), latest, streams, opened, stop }))
    }

    /// Looks for what changed, while somebody listens.
    pub async fn run<Q: QueueAdmin>(self, api: Data<Api<Q>>) {
        let (mut stop, mut known) = (self.0.stop.clone(), Known::default());
        while !stop.is_raised() {
            let look = async {
                while self.streams().open.is_empty() {
                    self.0.opened.notified().await;
                }
                let stopped = api.sequencer.brake().await.stopped.is_some();
                if let Some(event) = known.compare(&api, stopped).await {
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

    /// A stream of somebody.
    fn open(&self, who: &str) -> Place {
        let (sender, ended) = oneshot::channel();
        let number = {
            let mut streams = self.streams();
            streams.make_room(who);
            let number = streams.next;
            streams.next += 1;
            streams.open.insert(number, (who.to_owned(), sender));
            number
        };
        self.0.opened.notify_one();
        Place { events: self.clone(), number, ended }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (mut frame, mut newest) = place.events.since(*last);
        if frame.is_empty() {
            tokio::select! {
                () = stop.raised() => return None,
                // Nothing is sent: the other end is dropped.
                _ = &mut place.ended => return None,
                () = tokio::time::sleep_until(*ends) => return None,
                () = tokio::time::sleep(HEARTBEAT) => return Some(Bytes::from_static(b":\n\n")),
                changed = latest.wait_for(|newest| *newest > *last) => drop(changed.ok()?),
            }
            (frame, newest) = place.events.since(*last);
        }
        *last = newest;
        Some(frame)
    }
}

/// One of the streams that may be open. Dropped, it is closed.
#[derive(Debug)]
struct Place {
    events: Events,
    number: u64,
    /// Resolves when it has to make room.
    ended: oneshot::Receiver<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.events.streams().open.remove(&self.number);
    }
}

impl Known {
    /// What is another than at the last look, as it is told.
    async fn compare<Q>(&mut self, api: &Api<Q>, stopped: bool) -> Option<String> {
        let all = api.summaries(&api.moment().await);
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
pub(super) async fn events<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> HttpResponse {
    let place = api.events.open(&visitor.map_or_else(|| THE_POD.to_owned(), |visitor| visitor.credential()));
    let id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let frames = api.events.frames(place, api.events.read(id));
    let mut answer = HttpResponse::Ok();
    // A proxy that gathers what comes would keep it back.
    answer.insert_header((CACHE_CONTROL, "no-store")).insert_header(("x-accel-buffering", "no"));
    answer.content_type("text/event-stream").streaming(frames)
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
        let mut frames = Box::pin(events.frames(events.open("alice"), from));
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

    fn has_ended(place: &mut Place) -> bool {
        matches!(place.ended.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    #[test]
    fn one_person_has_some_streams_and_all_together_no_more_than_may_be_open() {
        let (_raise, events) = events();
        let mut bob = events.open("bob");
        let mut alices: Vec<Place> = (0..50).map(|_| events.open("alice")).collect();
        assert!(!has_ended(&mut bob), "nobody's streams end another's");
        let ended: Vec<bool> = alices.iter_mut().map(has_ended).collect();
        assert!(ended[..50 - MOST_OF_ONE].iter().all(|ended| *ended), "the oldest");
        assert!(!ended[50 - MOST_OF_ONE..].iter().any(|ended| *ended), "{ended:?}");
        drop(alices);
        let mut all: Vec<Place> = (0..300).map(|number| events.open(&format!("person{number}"))).collect();
        assert_eq!(all.iter_mut().map(has_ended).filter(|ended| !ended).count(), MOST_STREAMS);
        assert!(has_ended(&mut bob) && !has_ended(&mut all[299]), "whoever comes anew gets one");
        drop((all, bob));
        let mut pod: Vec<Place> = (0..2 * MOST_OF_ONE).map(|_| events.open(THE_POD)).collect();
        assert!(!pod.iter_mut().any(has_ended), "the pod itself is no one person");
        drop(pod);
        assert!(events.streams().open.is_empty());
    }

    #[tokio::test]
    async fn two_hundred_are_open_at_once_and_each_gets_a_change_and_one_more_ends_the_oldest() {
        let (_raise, events) = events();
        let open = |number: usize| Box::pin(events.frames(events.open(&format!("person{number}")), 0));
        let mut all: Vec<_> = (0..MOST_STREAMS).map(open).collect();
        for frames in &mut all {
            assert_eq!(text(&frames.next().await.unwrap().unwrap()), "retry: 3000\n\n");
        }
        events.tell("1");
        for (number, frames) in all.iter_mut().enumerate() {
            assert!(text(&frames.next().await.unwrap().unwrap()).contains("data: 1\n"), "{number}");
        }
        let mut more = open(MOST_STREAMS);
        assert!(more.next().await.is_some() && all[0].next().await.is_none(), "the oldest ends, as others do");
        events.tell("2");
        for frames in all.iter_mut().skip(1) {
            assert!(text(&frames.next().await.unwrap().unwrap()).contains("data: 2\n"));
        }
        assert_eq!(events.streams().open.len(), MOST_STREAMS);
    }

    #[tokio::test]
    async fn a_stream_that_makes_room_ends_as_others_do() {
        let (_raise, events) = events();
        let mut first = Box::pin(events.frames(events.open("alice"), 0));
        assert!(first.next().await.is_some());
        let _more: Vec<Place> = (0..MOST_OF_ONE).map(|_| events.open("alice")).collect();
        assert!(first.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_beats_and_ends_so_that_it_is_asked_again_who_listens() {
        let (_raise, events) = events();
        let frames: Vec<String> =
            events.frames(events.open("alice"), 0).map(|frame| text(&frame.unwrap())).collect().await;
        assert!(frames.len() > 50 && frames.iter().skip(1).all(|frame| frame == ":\n\n"), "{frames:?}");
        assert!(events.streams().open.is_empty());
    }
}
