//! What is known of each registry: when it was asked last, what came of it, and what is left of its budget.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::breaker::{LastFailure, NO_ANSWER};
use super::ceiling::routine_step;
use super::client::HttpRegistry;
use super::hosts::Place;
use super::seen::Ended;
use crate::domain::reference::Repository;

/// One registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryReport {
    /// As image references write it.
    pub host: String,
    /// How many of its repositories watched workloads run.
    pub repositories: usize,
    /// When a question to it ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_asked: Option<DateTime<Utc>>,
    /// How that ended: `ok`, [`super::PASSED_OVER`] of a mirror, or the word for the failure that metrics use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<&'static str>,
    /// When it last answered 429, as it is asked too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_throttled: Option<DateTime<Utc>>,
    /// The smallest budget of those that it told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetReport>,
    /// The operator's own ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<CeilingReport>,
    /// Until when it is not asked, with the credential that waits longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<&'static str>,
}

/// What a registry said that it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// How many requests are left.
    pub left: u64,
    /// Of how many.
    pub limit: u64,
    /// In how many seconds.
    pub window_seconds: u64,
    /// When it said so.
    pub told: DateTime<Utc>,
}

/// What the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CeilingReport {
    /// How many requests are left in this minute.
    pub left: u32,
    /// Of how many.
    pub limit: u32,
    /// In how many seconds.
    pub window_seconds: u32,
}

impl HttpRegistry {
    /// How long a look of the schedule at this registry is put off, if it is: webhooks go before it. One that is not is taken
    /// to begin.
    #[must_use]
    pub fn put_off(&self, host: &str) -> Option<std::time::Duration> {
        let now = self.ambient.now();
        let of_ceiling = self.wire.ceiling(host).map(|(Place(at), most)| {
            let monotonic = self.ambient.monotonic();
            let room = self.wire.ceilings().routine(at, most, monotonic);
            let wait = room.map(|room| TimeDelta::from_std(room.saturating_sub(monotonic)).unwrap_or_default());
            (wait.map(|wait| now + wait), TimeDelta::from_std(routine_step(most)).unwrap_or_default())
        });
        let turn = self.budgets.turn(host, of_ceiling.unwrap_or_default(), now);
        if let (None, Some((Place(at), _))) = (turn, self.wire.ceiling(host)) {
            self.wire.ceilings().begin_routine(at, self.ambient.monotonic());
        }
        (turn? - now).to_std().ok()
    }

    /// Every registry that is named, run from, or was asked lately, in order.
    #[must_use]
    pub fn report(&self, watched: &[Repository]) -> Vec<RegistryReport> {
        let mut hosts: BTreeMap<&str, usize> = self.wire.hosts().all().iter().map(|host| (host.name(), 0)).collect();
        for repository in watched {
            *hosts.entry(repository.host()).or_default() += 1;
        }
        let seen = self.seen.all();
        for host in seen.keys() {
            hosts.entry(host).or_default();
        }
        hosts.into_iter().map(|(host, repositories)| self.report_of(host, repositories, seen.get(host))).collect()
    }

    fn report_of(&self, host: &str, repositories: usize, seen: Option<&Ended>) -> RegistryReport {
        let (told, spares) = self.budgets.of(host, self.ambient.now());
        let alone = self.wire.left_alone_until(host);
        let alone = alone.map(|(until, last)| (until, last.as_ref().map_or(NO_ANSWER, LastFailure::as_str)));
        let waits = spares.map(|(until, why)| (until, why.as_str())).into_iter().chain(alone).max();
        let ceiling = self.wire.ceiling(host).map(|(Place(at), most)| CeilingReport {
            left: self.wire.ceilings().left(at, most, self.ambient.monotonic()),
            limit: most.get(),
            window_seconds: 60,
        });
        RegistryReport {
            host: host.to_owned(),
            repositories,
            last_asked: seen.map(|ended| ended.at),
            last_outcome: seen.map(|ended| ended.word),
            last_throttled: seen.and_then(|ended| ended.throttled),
            budget: told.map(|told| BudgetReport {
                left: told.left,
                limit: told.limit,
                window_seconds: told.window,
                told: told.at,
            }),
            ceiling,
            waits_until: waits.map(|(until, _)| until),
            waits_for: waits.map(|(_, why)| why),
        }
    }
}
