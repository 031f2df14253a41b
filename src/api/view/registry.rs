//! How sources of webhooks and registries do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::Time;
use crate::intake::SourceReport;
use crate::intake::poller::Standing;
use crate::registry::{NO_ANSWER, PASSED_OVER, RegistryReport};

/// How the schedule does, which finds what no webhook told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PollView {
    /// When looks were queued last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// When the next cycle begins; nothing where there is no schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
    /// How many seconds are between two of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
}

/// Looks that found so many pushes in a row before a source told of them: it is taken for silent.
const SILENT_AFTER: u64 = 3;

/// How a source of webhooks does, in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceHealth {
    /// What it sent last was refused.
    Refusing,
    /// Looks find what it should have told.
    Silent,
    /// Nothing came yet.
    #[default]
    New,
    /// It sends, and is heard.
    Heard,
}

/// How a registry does, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RegistryHealth {
    /// It did not answer, or refused.
    Failing,
    /// It is asked sparingly.
    Sparing,
    /// It was not asked yet.
    New,
    /// It answers.
    Fine,
}

/// How one source of webhooks does, since the start.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceView {
    /// Its name in the path.
    pub name: String,
    /// What it speaks.
    pub kind: String,
    /// How it does.
    pub health: SourceHealth,
    /// When a delivery was last answered with success.
    #[serde(serialize_with = "precise")]
    pub last_accepted: Option<Time>,
    /// When one was last refused.
    #[serde(serialize_with = "precise")]
    pub last_refused: Option<Time>,
    /// What became of it, a word of `counts`.
    pub last_refused_as: Option<String>,
    /// Why.
    pub last_refusal: Option<String>,
    /// Deliveries by what became of them.
    pub counts: BTreeMap<String, u64>,
    /// Events that could not be used, of deliveries that were taken.
    pub passed_over: u64,
    /// Pushes that a look found before it.
    pub missed: u64,
    /// The same since it announced one last.
    pub missed_in_a_row: u64,
    /// The registries that it covers, configured or learned.
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    pub hosts: BTreeSet<String>,
}

/// To less than a second: which of two came last is of interest.
#[expect(clippy::ref_option, reason = "serde calls it")]
fn precise<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    time.as_ref().map(|time| time.0).serialize(serializer)
}

/// How one registry does.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RegistryView {
    /// As image references write it.
    pub host: String,
    /// How it does.
    pub health: RegistryHealth,
    /// How many of its repositories watched workloads run.
    pub repositories: usize,
    /// When a question to it ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_asked: Option<Time>,
    /// How that ended: `ok`, or the word for the failure that metrics use; `passed_over` where a mirror has not what was asked
    /// for, or only a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<String>,
    /// When it last answered 429, as it is asked too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_throttled: Option<Time>,
    /// The smallest budget of those that it told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetView>,
    /// The operator's own ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<BudgetView>,
    /// Until when it is not asked, with the credential that waits longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Time>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// What a registry, or the operator, allows.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BudgetView {
    /// How many requests are left.
    pub left: u64,
    /// Of how many.
    pub limit: u64,
    /// In how many seconds.
    pub window_seconds: u64,
    /// When the registry said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Time>,
}

impl SourceHealth {
    /// Whether somebody has to look after it.
    #[must_use]
    pub fn wants_mending(self) -> bool {
        matches!(self, Self::Refusing | Self::Silent)
    }
}

impl RegistryHealth {
    /// Whether somebody has to look after it.
    #[must_use]
    pub fn wants_mending(self) -> bool {
        self == Self::Failing
    }

    fn of(last_outcome: Option<&str>, waits_for: Option<&str>) -> Self {
        match last_outcome {
            _ if waits_for == Some(NO_ANSWER) => Self::Failing,
            _ if waits_for.is_some() => Self::Sparing,
            None => Self::New,
            Some("ok" | PASSED_OVER) => Self::Fine,
            Some(_) => Self::Failing,
        }
    }
}

impl SourceView {
    /// The same with how it does, which follows from the rest.
    #[must_use]
    pub fn judged(self) -> Self {
        let health = if self.missed_in_a_row >= SILENT_AFTER {
            SourceHealth::Silent
        } else if self.last_refused > self.last_accepted {
            SourceHealth::Refusing
        } else if self.last_accepted.is_none() {
            SourceHealth::New
        } else {
            SourceHealth::Heard
        };
        Self { health, ..self }
    }
}

impl From<SourceReport> for SourceView {
    fn from(report: SourceReport) -> Self {
        let view = Self {
            name: report.name,
            kind: report.kind.to_owned(),
            health: SourceHealth::New,
            last_accepted: report.last_accepted.map(Time),
            last_refused: report.last_refused.map(Time),
            last_refused_as: report.last_refused_as.map(str::to_owned),
            last_refusal: report.last_refusal.map(Cow::into_owned),
            counts: report.counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect(),
            passed_over: report.passed_over,
            missed: report.missed,
            missed_in_a_row: report.missed_in_a_row,
            hosts: report.hosts,
        };
        view.judged()
    }
}

impl From<Standing> for PollView {
    fn from(poll: Standing) -> Self {
        Self {
            last: poll.last.map(Time),
            next: poll.next.map(Time),
            every_seconds: poll.interval.and_then(|interval| interval.num_seconds().try_into().ok()),
        }
    }
}

impl RegistryView {
    /// The same with how it does, which follows from the rest.
    #[must_use]
    pub fn judged(self) -> Self {
        let health = RegistryHealth::of(self.last_outcome.as_deref(), self.waits_for.as_deref());
        Self { health, ..self }
    }
}

impl From<RegistryReport> for RegistryView {
    fn from(report: RegistryReport) -> Self {
        let budget = report.budget.map(|it| BudgetView {
            left: it.left,
            limit: it.limit,
            window_seconds: it.window_seconds,
            told: Some(Time(it.told)),
        });
        let ceiling = report.ceiling.map(|it| BudgetView {
            left: it.left.into(),
            limit: it.limit.into(),
            window_seconds: it.window_seconds.into(),
            told: None,
        });
        Self {
            host: report.host,
            health: RegistryHealth::of(report.last_outcome, report.waits_for),
            repositories: report.repositories,
            last_asked: report.last_asked.map(Time),
            last_outcome: report.last_outcome.map(str::to_owned),
            last_throttled: report.last_throttled.map(Time),
            budget,
            ceiling,
            waits_until: report.waits_until.map(Time),
            waits_for: report.waits_for.map(str::to_owned),
        }
    }
}
