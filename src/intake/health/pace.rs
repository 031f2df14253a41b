//! How often the schedule has to look, by what is known of webhooks.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Pushes, State};
use crate::ambient::Ambient;
use crate::domain::reference::Repository;
use crate::intake::poller::Pace;

/// A source that announced nothing for so long is not relied on.
const RELIED_ON: TimeDelta = TimeDelta::days(7);
/// A source that missed a push and announces nothing any more is not waited for any longer.
const EXPECTED: TimeDelta = TimeDelta::hours(24);

impl Pushes {
    /// How often repositories are to be looked at, for who follows the schedule.
    #[must_use]
    pub fn pacing(self: Arc<Self>, ambient: Ambient) -> Box<dyn Fn(&Repository) -> Pace + Send + Sync> {
        Box::new(move |repository| self.pace(repository, ambient.now()))
    }

    /// How often a repository is to be looked at, by what was seen until `now`.
    ///
    /// A source that missed a push is doubted for all that it covers, until it announces one again. It is relied on only for
    /// repositories that it, or another that covers them, was seen to announce.
    pub(super) fn pace(&self, repository: &Repository, now: DateTime<Utc>) -> Pace {
        let state = self.lock();
        // A clock that was set back makes nothing last longer.
        let is_within = |at: Option<DateTime<Utc>>, longest| at.is_some_and(|at| (now - at).abs() < longest);
        let mut covering = state.sources.values().filter(|source| source.covers(repository));
        if covering.clone().any(|source| is_within(source.missed_at, EXPECTED)) {
            return Pace::Shrunk;
        }
        let is_relied_on = covering.any(|source| is_within(source.announced_at, RELIED_ON));
        if is_relied_on && state.was_announced(repository) { Pace::Stretched } else { Pace::Usual }
    }
}

impl State {
    /// Whether webhooks tell of a repository, and none may have come in vain since it was looked at.
    fn was_announced(&self, repository: &Repository) -> bool {
        let is_up_to_date = || !self.was_away || self.looked.contains_key(repository);
        self.announced.contains_key(repository) || (self.told.knows(repository) && is_up_to_date())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::source::{Source, SourceKind};
    use crate::domain::secret::Secret;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn healthy_webhooks_stretch_and_a_missed_one_shrinks_until_the_next_comes_or_a_day_has_passed() {
        let hub = Source::usual("hub", SourceKind::DockerHub, Secret::new("s".into()));
        let all = Pushes::new(&[hub], &Metrics::new());
        let repository = |name: &str| Repository::parse(name).unwrap();
        let (web, api, other) = (repository("acme/web"), repository("acme/api"), repository("quay.io/acme/web"));
        let hour = |hours: u64| Duration::from_secs(hours * 3600);
        let now = |hours| DateTime::UNIX_EPOCH + hour(hours);
        let paces = |hours| [&web, &api, &other].map(|repository| all.pace(repository, now(hours)));
        let listed = |tags: &[&str], hours| {
            drop(all.looked(&api, tags.iter().collect(), false, hour(hours), now(hours)));
        };
        assert_eq!(paces(0), [Pace::Usual; 3], "nothing is known at the start");
        all.announced("hub", &[&web], hour(1), now(1));
        assert_eq!(paces(2), [Pace::Stretched, Pace::Usual, Pace::Usual], "only what was announced before");
        listed(&["1"], 3);
        listed(&["1", "2"], 4);
        assert_eq!(paces(5), [Pace::Shrunk, Pace::Shrunk, Pace::Usual], "its webhook did not come");
        assert_eq!(paces(28), [Pace::Stretched, Pace::Usual, Pace::Usual], "a day later");
        listed(&["1", "2", "3"], 40);
        all.announced("hub", &[&api], hour(41), now(41));
        assert_eq!(paces(41), [Pace::Stretched, Pace::Stretched, Pace::Usual], "they come again");
        assert_eq!(paces(41 + 7 * 24), [Pace::Usual; 3], "nothing came for a week");
    }

    #[test]
    fn what_no_webhook_can_tell_of_is_looked_at_as_usual() {
        let hub = Source::usual("hub", SourceKind::DockerHub, Secret::new("s".into()));
        let all = Pushes::new(&[hub], &Metrics::new());
        let [web, nginx] = ["acme/web", "nginx"].map(|name| Repository::parse(name).unwrap());
        let now = DateTime::UNIX_EPOCH;
        all.announced("hub", &[&web], Duration::ZERO, now);
        for (tag, own) in [("1", "1"), ("2", "1"), ("3", "1"), ("4", "2")] {
            drop(all.looked(&nginx, [tag].iter().collect(), false, Duration::from_secs(10), now));
            let paces = [&web, &nginx].map(|repository| all.pace(repository, now));
            assert_eq!(paces, [Pace::Stretched, Pace::Usual], "{tag}");
            drop(all.looked(&web, [own].iter().collect(), false, Duration::from_secs(10), now));
        }
        let paces = [&web, &nginx].map(|repository| all.pace(repository, now));
        assert_eq!(paces, [Pace::Shrunk, Pace::Usual], "its own it missed");
    }
}
