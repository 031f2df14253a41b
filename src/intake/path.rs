//! Where a delivery goes, as somebody typed it: slashes too many are none, and what stands before the path at the public
//! address may stand before it here. What reaches no source is counted, and told once a minute.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use prometheus_client::metrics::counter::Counter;

use crate::telemetry::metrics::{Metrics, One};

/// Misses are told no more often than this.
const BETWEEN: Duration = Duration::from_secs(60);
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
}

/// Counts what reaches no source.
pub(super) struct Misses {
    path: Counter,
    source: Counter,
    /// When it was last told, and how many there were since.
    told: Mutex<(Option<Duration>, u64)>,
}

impl Misses {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let of = |reason: &str| metrics.webhook_misses.get_or_create(&One { result: reason.to_owned() }).clone();
        Self { path: of("path"), source: of("source"), told: Mutex::default() }
    }

    /// Counts one at `now`, a monotonic time; gives how many are to be told of, if it is time for that.
    fn count(&self, miss: Miss, now: Duration) -> Option<u64> {
        match miss {
            Miss::Path => self.path.inc(),
            Miss::Source => self.source.inc(),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.1 += 1;
        if told.0.is_some_and(|at| now.saturating_sub(at) < BETWEEN) {
            return None;
        }
        told.0 = Some(now);
        Some(std::mem::take(&mut told.1))
    }

    /// Counts one, and tells of it now and then. `open` are the names of the sources.
    pub(super) fn tell<'n>(
        &self,
        miss: Miss,
        name: Option<&str>,
        open: impl Iterator<Item = &'n String>,
        now: Duration,
    ) {
        let Some(misses) = self.count(miss, now) else { return };
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let name = name.filter(|name| name.len() <= LONGEST_NAME && name.bytes().all(harmless));
        let mut open: Vec<&str> = open.map(String::as_str).collect();
        open.sort_unstable();
        let open = open.join(", ");
        tracing::warn!(
            misses,
            name,
            open,
            "webhooks came for a path that no source has; compare the URL at the registry with the sources that are open"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn misses_are_counted_each_and_told_once_a_minute() {
        let metrics = Metrics::new();
        let misses = Misses::new(&metrics);
        let at = |seconds| misses.count(Miss::Source, Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(59), at(60), at(61)], [Some(1), None, None, Some(3), None]);
        misses.count(Miss::Path, Duration::ZERO);
        for line in [r#"webhook_misses_total{result="source"} 5"#, r#"webhook_misses_total{result="path"} 1"#] {
            assert!(metrics.text().contains(line), "{}", metrics.text());
        }
    }
}
