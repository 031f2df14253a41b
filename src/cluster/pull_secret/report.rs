//! What the log says of secrets that can't be used: once a namespace and hour.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::cache::MOST;
use super::outcome::NoUsers;

/// A namespace whose secrets can't be used is reported once in this time.
const QUIET: Duration = Duration::from_secs(3600);

/// What was reported.
#[derive(Default)]
pub(super) struct Reports {
    /// Namespaces, until when they are not reported again.
    namespaces: Mutex<HashMap<Box<str>, Duration>>,
    /// Whether it was reported that service accounts can't be looked at.
    accounts: AtomicBool,
}

impl Reports {
    /// Service accounts may not be looked at.
    pub(super) fn accounts(&self, namespace: &str) {
        if !self.accounts.swap(true, Ordering::Relaxed) {
            tracing::info!(
                namespace,
                "ServiceAccounts may not be looked at: what pods pull with that name no imagePullSecrets is not known, and \
                 their registries are asked without it, as the user that registries of the file names for the host, or as nobody; rbac.pullSecrets of the chart or deploy/pull-secrets allows it, and other namespaces are not reported"
            );
        }
    }

    /// A secret of this namespace gave no users.
    pub(super) fn secret(&self, namespace: &str, without: &NoUsers, now: Duration) {
        let (problem, effect) = match without {
            NoUsers::Nobody(nobody) => {
                (nobody.to_string(), "a pull secret can't be used, so the registry is asked without it")
            }
            NoUsers::Broken(broken) => (
                format!("{}: {}", broken.secret, broken.why),
                "a pull secret is broken, so no node can pull with it or those beside it",
            ),
            NoUsers::Unknown(_) => return,
        };
        if self.is_due(namespace, now) {
            tracing::warn!(namespace, problem, "{effect}; more of this namespace are not reported");
        } else {
            tracing::debug!(namespace, problem, "{effect}");
        }
    }

    /// Whether a namespace is to be reported now; if so, it was.
    fn is_due(&self, namespace: &str, now: Duration) -> bool {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.retain(|_, until| *until > now);
        if namespaces.len() >= MOST || namespaces.contains_key(namespace) {
            return false;
        }
        namespaces.insert(namespace.into(), now + QUIET);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_reported_once_an_hour() {
        let (reports, now) = (Reports::default(), Duration::ZERO);
        assert!(reports.is_due("shop", now) && !reports.is_due("shop", now) && reports.is_due("blog", now));
        assert!(reports.is_due("shop", now + QUIET * 2));
    }
}
