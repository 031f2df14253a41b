//! How often the schedule has to look, by what is known of webhooks.

use std::time::Duration;

use super::Pushes;
use crate::domain::reference::Repository;
use crate::intake::poller::Pace;

/// A source that announced nothing for so long is not relied on.
const RELIED_ON: Duration = Duration::from_secs(7 * 24 * 3600);
/// A source that missed a push and announces nothing any more is not waited for any longer.
const EXPECTED: Duration = Duration::from_secs(24 * 3600);

impl Pushes {
    /// How often a repository is to be looked at, by what this process saw until `now`, a monotonic time.
    ///
    /// A source that missed a push is doubted for all that it covers, until it announces one again. It is relied on only for
    /// repositories that it, or another that covers them, was seen to announce.
    #[must_use]
    pub fn pace(&self, repository: &Repository, now: Duration) -> Pace {
        let state = self.lock();
        let is_within = |at: Option<Duration>, longest| at.is_some_and(|at| now.saturating_sub(at) < longest);
        let mut covering = state.sources.values().filter(|source| source.report.hosts.contains(repository.host()));
        if covering.clone().any(|source| is_within(source.missed_at, EXPECTED)) {
            return Pace::Shrunk;
        }
        let is_relied_on = covering.any(|source| is_within(source.announced_at, RELIED_ON));
        if is_relied_on && state.announced.contains_key(repository) { Pace::Stretched } else { Pace::Usual }
    }
}

#[cfg(test)]
mod tests {
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
        let paces = |hours| [&web, &api, &other].map(|repository| all.pace(repository, hour(hours)));
        let listed = |tags: &[&str], hours| drop(all.looked(&api, tags.iter().collect(), false, hour(hours)));
        assert_eq!(paces(0), [Pace::Usual; 3], "nothing is known at the start");
        all.announced("hub", &[&web], hour(1));
        assert_eq!(paces(2), [Pace::Stretched, Pace::Usual, Pace::Usual], "only what was announced before");
        listed(&["1"], 3);
        listed(&["1", "2"], 4);
        assert_eq!(paces(5), [Pace::Shrunk, Pace::Shrunk, Pace::Usual], "its webhook did not come");
        assert_eq!(paces(28), [Pace::Stretched, Pace::Usual, Pace::Usual], "a day later");
        listed(&["1", "2", "3"], 40);
        all.announced("hub", &[&api], hour(41));
        assert_eq!(paces(41), [Pace::Stretched, Pace::Stretched, Pace::Usual], "they come again");
        assert_eq!(paces(41 + 7 * 24), [Pace::Usual; 3], "nothing came for a week");
    }
}
