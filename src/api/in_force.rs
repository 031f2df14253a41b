//! Whether what runs is what the files of the configuration say.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::config::reload::{Reloaded, Taken};
use crate::telemetry::metrics::Metrics;

/// What of the configuration's files is not in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct NotInForce {
    /// Why the files can't be used as they are, by name and never by value: what was in force before stays so.
    pub refused: Vec<String>,
    /// Keys and files that are taken over by a restart alone.
    pub after_restart: Vec<String>,
}

impl NotInForce {
    /// Whether all of it is in force.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.refused.is_empty() && self.after_restart.is_empty()
    }
}

/// The same, as it was found last. Clones share it.
#[derive(Clone, Debug)]
pub struct InForce {
    found: Arc<watch::Sender<NotInForce>>,
    metrics: Metrics,
}

impl InForce {
    /// All of it is, as at the start.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        metrics.config_in_force.set(1);
        Self { found: Arc::new(watch::Sender::new(NotInForce::default())), metrics: metrics.clone() }
    }

    /// What is not.
    #[must_use]
    pub fn missing(&self) -> NotInForce {
        self.found.borrow().clone()
    }

    /// The files were looked at. Gives what of them is to be taken over, if anything is.
    #[must_use]
    pub fn looked_at(&self, reloaded: Reloaded, now: DateTime<Utc>) -> Option<Taken> {
        match reloaded {
            Reloaded::Same => None,
            Reloaded::Refused(error) => {
                self.metrics.config_refused.inc();
                self.refused(error.problems.iter().map(|it| format!("{}: {}", it.variable, it.problem)).collect());
                None
            }
            Reloaded::Taken(taken) => {
                let unopened: Vec<String> = taken.unopened.iter().map(ToString::to_string).collect();
                if unopened.is_empty() {
                    self.metrics.config_read.set(now.timestamp());
                } else {
                    self.metrics.config_refused.inc();
                }
                self.taken(taken.after_restart.clone(), unopened);
                Some(taken)
            }
        }
    }

    /// The files can't be used, for these reasons. What waits for a restart still does.
    fn refused(&self, refused: Vec<String>) {
        self.found.send_modify(|found| found.refused = refused);
        self.count();
    }

    /// The files can be used but for what is `refused`, and this of them waits for a restart.
    fn taken(&self, after_restart: Vec<String>, refused: Vec<String>) {
        self.found.send_replace(NotInForce { refused, after_restart });
        self.count();
    }

    fn count(&self) {
        self.metrics.config_in_force.set(i64::from(self.found.borrow().is_nothing()));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::config::reload::Unopened;
    use crate::domain::defaults::NamespaceFilter;

    #[test]
    fn what_is_not_in_force_is_known_until_it_is() {
        let metrics = Metrics::new();
        let in_force = InForce::new(&metrics);
        let number = || metrics.config_in_force.get();
        assert_eq!((in_force.missing(), number()), (NotInForce::default(), 1));
        in_force.taken(vec!["port".into()], Vec::new());
        in_force.refused(vec!["rules: wrong".into()]);
        let both = NotInForce { refused: vec!["rules: wrong".into()], after_restart: vec!["port".into()] };
        assert_eq!((in_force.missing(), number()), (both, 0));
        in_force.taken(vec!["port".into()], Vec::new());
        assert_eq!((in_force.missing().refused.len(), number()), (0, 0));
        in_force.taken(Vec::new(), Vec::new());
        assert_eq!((in_force.missing().is_nothing(), number()), (true, 1));
    }

    /// It was told as in force.
    #[test]
    fn a_secret_that_a_channel_does_not_open_by_is_not_in_force() {
        let metrics = Metrics::new();
        let in_force = InForce::new(&metrics);
        let look = |unopened| {
            let (now, after_restart, rules, watched) = (Vec::new(), Vec::new(), Vec::new(), NamespaceFilter::default());
            let taken = Taken { now, after_restart, rules, watched, channels: Vec::new(), unopened };
            let taken = in_force.looked_at(Reloaded::Taken(taken), DateTime::UNIX_EPOCH + TimeDelta::seconds(7));
            assert!(taken.is_some(), "what else was changed is taken over");
            (metrics.config_in_force.get(), metrics.config_refused.get(), metrics.config_read.get())
        };
        let before = metrics.config_read.get();
        let (channel, files, why) = ("app".into(), vec!["/slack".into()], "no TLS".into());
        assert_eq!(look(vec![Unopened { channel, files, why }]), (0, 1, before));
        assert_eq!(in_force.missing().refused, ["/slack: channel app can't be opened by it: no TLS"]);
        assert_eq!(look(Vec::new()), (1, 1, 7));
        assert!(in_force.missing().is_nothing());
    }
}
