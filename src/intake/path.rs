//! Where a delivery goes, as somebody typed it: slashes too many are none, and what stands before the path at the public
//! address may stand before it here. What reaches no source is counted, and told once a minute.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use prometheus_client::metrics::counter::Counter;

use crate::ambient::Ambient;
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::metrics::{Metrics, One};

/// Misses are told no more often than this.
const BETWEEN: Duration = Duration::from_secs(60);
/// Whether any are left to be told is looked for this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Of so many of them the paths are told, the last ones.
const MOST_SHOWN: usize = 3;
/// A longer name is not told: it could be a secret in the wrong place.
const LONGEST_NAME: usize = 16;

/// The source's name, and the token if the path has one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'r> {
    pub(super) source: Cow<'r, str>,
    pub(super) token: Option<Cow<'r, str>>,
}

impl<'r> Address<'r> {
    /// Reads what is left of a path behind `/webhooks`: one or two parts, each percent-encoded UTF-8.
    pub(super) fn read(rest: &'r str) -> Option<Self> {
        Self::of(parts_of(rest))
    }

    /// Takes the parts behind `/webhooks`.
    pub(super) fn of(mut parts: impl Iterator<Item = &'r str>) -> Option<Self> {
        let decoded = |part: &'r str| percent_decode_str(part).decode_utf8().ok();
        let source = decoded(parts.next()?)?;
        let token = match parts.next() {
            Some(token) => Some(decoded(token)?),
            None => None,
        };
        parts.next().is_none().then_some(Self { source, token })
    }
}

/// What stands between slashes.
fn parts_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// The parts behind `/webhooks` of a whole path, which may have `base` before it; none when it is another path.
pub(super) fn behind_webhooks<'p>(path: &'p str, base: &str) -> Option<impl Iterator<Item = &'p str> + use<'p>> {
    let depth = parts_of(base).count();
    let based = parts_of(path).take(depth).eq(parts_of(base));
    let mut parts = parts_of(path).skip(if based { depth } else { 0 });
    (parts.next() == Some("webhooks")).then_some(parts)
}

/// Why a request reached no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// It has too few parts, or too many.
    Path,
    /// No source has this name.
    Source,
    /// No route of ours fits.
    Route,
}

/// Counts and tells what reaches no source.
pub struct Misses {
    path: Counter,
    source: Counter,
    route: Counter,
    /// The names of the sources that are open, for whoever reads what is told.
    open: String,
    gathered: Mutex<Gathered>,
}

/// What is to be told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Gathered {
    /// When something was told last.
    told: Option<Duration>,
    misses: u64,
    paths: Vec<String>,
}

impl std::fmt::Debug for Misses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Misses({})", self.open)
    }
}

impl Misses {
    /// None so far, where these sources are open.
    pub(super) fn new<'n>(open: impl Iterator<Item = &'n str>, metrics: &Metrics) -> Self {
        let of = |reason: &str| metrics.webhook_misses.get_or_create(&One { result: reason.to_owned() }).clone();
        let mut open: Vec<&str> = open.collect();
        open.sort_unstable();
        let (open, gathered) = (open.join(", "), Mutex::default());
        Self { path: of("path"), source: of("source"), route: of("route"), open, gathered }
    }

    /// Counts one at `now`, a monotonic time. The first is told at once, what follows together.
    pub(super) fn one(&self, miss: Miss, path: &str, now: Duration) {
        match miss {
            Miss::Path => self.path.inc(),
            Miss::Source => self.source.inc(),
            Miss::Route => self.route.inc(),
        };
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.misses += 1;
        let path = shown(path);
        if !gathered.paths.contains(&path) {
            if gathered.paths.len() >= MOST_SHOWN {
                gathered.paths.remove(0);
            }
            gathered.paths.push(path);
        }
        drop(gathered);
        self.tell(now);
    }

    /// Tells of those that nobody was told of, if it is time for that.
    fn tell(&self, now: Duration) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = gathered.told.is_some_and(|at| now.saturating_sub(at) < BETWEEN);
        if gathered.misses == 0 || is_recent {
            return;
        }
        let Gathered { misses, paths, .. } =
            std::mem::replace(&mut *gathered, Gathered { told: Some(now), ..Gathered::default() });
        drop(gathered);
        tracing::warn!(
            misses,
            paths = paths.join(" "),
            open = self.open,
            "webhooks came for a path that no source has, which is /webhooks/ and its name; compare the URL at the \
             registry with the sources that are open"
        );
    }

    /// Tells of what is left when its minute ends.
    #[must_use]
    pub fn telling(self: Arc<Self>, ambient: Ambient, stop: Stop) -> Task {
        Task::new("misses", async move { self.keep_telling(&ambient, stop).await })
    }

    async fn keep_telling(&self, ambient: &Ambient, mut stop: Stop) {
        while !stop.is_raised() {
            tokio::select! {
                () = stop.raised() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => self.tell(ambient.monotonic()),
            }
        }
    }
}

/// As much of a path as may be told: the rest could be a secret in the wrong place.
fn shown(path: &str) -> String {
    let harmless = |part: &&str| {
        part.len() <= LONGEST_NAME && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut shown = String::new();
    for part in parts_of(path).take(2) {
        shown.push('/');
        shown.push_str(Some(part).filter(harmless).unwrap_or("…"));
    }
    if parts_of(path).nth(2).is_some() {
        shown.push_str("/…");
    }
    if shown.is_empty() { "/".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tests::Log;

    #[test]
    fn an_address_is_a_source_and_perhaps_a_token() {
        let read = |rest| Address::read(rest).map(|address| (address.source, address.token));
        assert_eq!(read("/hub"), Some(("hub".into(), None)));
        assert_eq!(read("/h%75b/t%2F%20+"), Some(("hub".into(), Some("t/ +".into()))));
        for slashes in ["/hub/", "//hub", "/hub//", "hub"] {
            assert_eq!(read(slashes), Some(("hub".into(), None)), "{slashes}");
        }
        assert_eq!(read("//hub//t/"), Some(("hub".into(), Some("t".into()))));
        for nothing in ["", "/", "//", "/hub/t/u", "/%ff", "/hub/%ff"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_path_of_webhooks_is_found_behind_the_base_path_too() {
        let found = |path: &'static str, base| {
            behind_webhooks(path, base).map(|parts| Address::of(parts).map(|address| address.source.into_owned()))
        };
        let hub = Some(Some("hub".to_owned()));
        for path in ["/webhooks/hub", "//webhooks/hub/", "/iw/webhooks/hub", "/iw//webhooks//hub"] {
            assert_eq!(found(path, "/iw"), hub, "{path}");
        }
        assert_eq!(found("/a/b/webhooks/hub", "/a/b/"), hub);
        assert_eq!((found("/webhooks", ""), found("/iw/webhooks/", "/iw")), (Some(None), Some(None)));
        for other in ["/", "/iw", "/iw/a/webhooks", "/other/webhooks/hub", "/webhook/hub"] {
            assert_eq!(found(other, "/iw"), None, "{other}");
        }
        assert_eq!(found("/iw/webhooks/hub", ""), None);
    }

    #[test]
    fn misses_are_counted_each_and_told_together_when_their_minute_ends() {
        let (log, metrics) = (Log::begin(), Metrics::new());
        let misses = Misses::new(["hub", "quay"].into_iter(), &metrics);
        let seconds = Duration::from_secs;
        misses.one(Miss::Source, "/webhooks/hubb", seconds(0));
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(["misses=1", "/webhooks/hubb", "hub, quay"].iter().all(|part| lines[0].contains(part)), "{lines:?}");
        for path in ["/webhook/github", "/webhook/github", "/", "/hooks/github", "/a/b/c"] {
            misses.one(Miss::Route, path, seconds(1));
        }
        misses.one(Miss::Path, "/webhooks", seconds(59));
        misses.tell(seconds(59));
        assert_eq!(log.lines().len(), 1);
        // Nothing more comes.
        misses.tell(seconds(60));
        misses.tell(seconds(200));
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(["misses=6", "/hooks/github /a/b/… /webhooks"].iter().all(|part| lines[1].contains(part)), "{lines:?}");
        for (result, count) in [("source", 1), ("route", 5), ("path", 1)] {
            let line = format!(r#"webhook_misses_total{{result="{result}"}} {count}"#);
            assert!(metrics.text().contains(&line), "{}", metrics.text());
        }
    }

    #[test]
    fn of_a_path_no_more_is_told_than_can_be_no_secret() {
        for (path, expected) in [
            ("/", "/"),
            ("/webhook/github", "/webhook/github"),
            ("//webhook//github/", "/webhook/github"),
            ("/webhook/github/s3cret", "/webhook/github/…"),
            ("/webhook/c2VjcmV0LXRva2Vuc", "/webhook/…"),
            ("/hook%0a/x", "/…/x"),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
    }
}
