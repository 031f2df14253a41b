//! How watch streams stand: each, and all of a kind together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::labels::{ResourceLabel, WatchLabels};

/// The watch streams. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    /// Whether every stream of a kind is up.
    pub(super) up: Family<ResourceLabel, Gauge>,
    /// Whether one is.
    pub(super) each: Family<WatchLabels, Gauge>,
    states: Arc<Mutex<BTreeMap<(String, String), bool>>>,
}

impl Watches {
    /// A stream is up or down; `None` where there is none any more.
    pub(super) fn tell(&self, namespace: &str, resource: &str, up: Option<bool>) {
        let key = (resource.to_owned(), namespace.to_owned());
        let label = WatchLabels { namespace: namespace.to_owned(), resource: resource.to_owned() };
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(up) = up {
            states.insert(key, up);
            self.each.get_or_create(&label).set(i64::from(up));
        } else {
            states.remove(&key);
            self.each.remove(&label);
        }
        let mut all = states.iter().filter(|((of, _), _)| of == resource).map(|(_, up)| *up).peekable();
        let label = ResourceLabel { resource: resource.to_owned() };
        if all.peek().is_some() {
            self.up.get_or_create(&label).set(i64::from(all.all(|up| up)));
        } else {
            self.up.remove(&label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_watched_when_it_is_everywhere() {
        let watches = Watches::default();
        let up = || watches.up.get(&ResourceLabel { resource: "pods".into() }).map(|gauge| gauge.get());
        assert_eq!(up(), None);
        watches.tell("shop", "pods", Some(true));
        watches.tell("blog", "pods", Some(false));
        watches.tell("blog", "cronjobs", Some(true));
        assert_eq!(up(), Some(0));
        watches.tell("blog", "pods", Some(true));
        assert_eq!(up(), Some(1));
        watches.tell("blog", "pods", None);
        assert_eq!(up(), Some(1), "of those that there are");
        watches.tell("shop", "pods", None);
        assert_eq!(up(), None);
    }
}
