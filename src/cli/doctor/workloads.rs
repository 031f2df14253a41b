//! Workloads whose annotations are not understood.

use super::{Check, Result};
use crate::domain::settings::{Bounds, Problems, problems};
use crate::domain::workload::Workload;

/// How many workloads are named whose settings are not understood.
const MOST_NAMED: usize = 50;

/// The workloads that are left alone, as their settings are not understood.
pub(super) fn checks(workloads: &[Workload], bounds: &Bounds) -> Vec<Check> {
    let hint = "mend the annotations; until then the workload is left alone";
    let wrong: Vec<(&Workload, Problems)> =
        workloads.iter().filter_map(|workload| Some((workload, problems(workload, bounds)?))).collect();
    if workloads.is_empty() {
        return Vec::new();
    }
    if wrong.is_empty() {
        return vec![Check::ok(format!("the settings of {} workloads are understood", workloads.len()))];
    }
    let mut checks: Vec<Check> = wrong
        .iter()
        .take(MOST_NAMED)
        .map(|(workload, problems)| {
            Check::but(format!("settings of {}", workload.id), Result::Fail, problems.to_string(), hint)
        })
        .collect();
    if let Some(more) = wrong.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        checks.push(Check::but("settings of other workloads", Result::Fail, format!("{more} more like these"), hint));
    }
    checks
}
