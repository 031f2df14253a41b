//! How sources of webhooks and registries do.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::Time;
use crate::registry::RegistryReport;

/// How one source of webhooks does, since the start.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceView {
    /// Its name in the path.
    pub name: String,
    /// What it speaks.
    pub kind: String,
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
    /// How many of its repositories watched workloads run.
    pub repositories: usize,
    /// When a question to it ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_asked: Option<Time>,
    /// How that ended: `ok`, or the word for the failure that metrics use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<String>,
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
            repositories: report.repositories,
            last_asked: report.last_asked.map(Time),
            last_outcome: report.last_outcome.map(str::to_owned),
            budget,
            ceiling,
            waits_until: report.waits_until.map(Time),
            waits_for: report.waits_for.map(str::to_owned),
        }
    }
}
