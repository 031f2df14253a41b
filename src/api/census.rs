//! The numbers that follow from what stands on workloads: counted when somebody reads the metrics.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::Api;
use crate::cluster::annotations;
use crate::domain::approval::Allows;
use crate::domain::history::Outcome;
use crate::domain::policy::{Mode, step};
use crate::domain::record::{Ledger, Stands};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::workload::Workload;
use crate::queue::QueueAdmin;
use crate::telemetry::metrics::{AvailableLabels, Metrics, QUESTIONS, StateLabel, WorkloadLabels};

/// The mode of a workload whose settings can't be read.
const UNKNOWN: &str = "unknown";

/// What each workload comes to, as it was written last: a workload that stays as it is is read once. As many as are watched.
#[derive(Clone, Debug)]
pub struct Census {
    known: Arc<Mutex<HashMap<Box<str>, Known>>>,
    /// Whether each container for which there is something newer has a series of its own.
    per_workload: bool,
}

#[derive(Clone, Debug)]
struct Known {
    version: u64,
    facts: Arc<Facts>,
}

/// What of a workload does not hang on the time of day.
#[derive(Debug)]
struct Facts {
    mode: &'static str,
    /// What it would be if there were no question.
    rest: &'static str,
    questions: Vec<Asked>,
    /// Container and level.
    available: Vec<(Box<str>, &'static str)>,
    images_gone: usize,
}

/// A question that was not answered.
#[derive(Debug)]
struct Asked {
    at: DateTime<Utc>,
    expires: DateTime<Utc>,
    snoozed: Option<DateTime<Utc>>,
}

impl Asked {
    fn state(&self, now: DateTime<Utc>) -> &'static str {
        match self.snoozed {
            Some(until) if now < until => "snoozed",
            _ if now < self.expires => "open",
            _ => "expired",
        }
    }
}

impl Facts {
    fn state(&self, now: DateTime<Utc>) -> &'static str {
        let states = || self.questions.iter().map(|asked| asked.state(now));
        if self.mode == Mode::Disabled.as_str() {
            "ignored"
        } else if states().any(|state| state != "snoozed") {
            "needs_person"
        } else if states().next().is_some() && self.rest == "up_to_date" {
            "waiting"
        } else {
            self.rest
        }
    }
}

impl Census {
    /// Nothing is known.
    #[must_use]
    pub fn new(per_workload: bool) -> Self {
        Self { known: Arc::default(), per_workload }
    }

    fn show(&self, metrics: &Metrics, all: &[(Arc<Workload>, Arc<Facts>)], now: DateTime<Utc>) {
        metrics.workloads.clear();
        metrics.update_available.clear();
        let (mut questions, mut oldest, mut gone) = ([0_i64; QUESTIONS.len()], now, 0);
        for (workload, facts) in all {
            let (kind, mode, state) = (workload.id.kind.as_str().into(), facts.mode.into(), facts.state(now).into());
            metrics.workloads.get_or_create(&WorkloadLabels { kind, mode, state }).inc();
            for asked in &facts.questions {
                let state = asked.state(now);
                if let Some(at) = QUESTIONS.iter().position(|known| *known == state) {
                    questions.get_mut(at).into_iter().for_each(|count| *count += 1);
                }
                if state != "snoozed" {
                    oldest = oldest.min(asked.at);
                }
            }
            gone += facts.images_gone;
            if self.per_workload {
                available(metrics, workload, facts);
            }
        }
        for (state, count) in QUESTIONS.into_iter().zip(questions) {
            metrics.approvals.get_or_create(&StateLabel { state: state.into() }).set(count);
        }
        metrics.approval_oldest.set((now - oldest).num_seconds());
        metrics.images_gone.set(i64::try_from(gone).unwrap_or(i64::MAX));
    }
}

fn available(metrics: &Metrics, workload: &Workload, facts: &Facts) {
    for (container, level) in &facts.available {
        let labels = AvailableLabels {
            namespace: workload.id.namespace.to_string(),
            kind: workload.id.kind.as_str().into(),
            name: workload.id.name.to_string(),
            container: container.to_string(),
            level: (*level).into(),
        };
        metrics.update_available.get_or_create(&labels).set(1);
    }
}

impl<Q: QueueAdmin> Api<Q> {
    /// Counts all workloads.
    pub(super) fn count_workloads(&self) {
        let mut known = self.census.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now_known = HashMap::with_capacity(known.len());
        let mut all = Vec::new();
        for workload in self.index.all() {
            let version = workload.resource_version;
            let before = known.remove(&workload.id.uid).filter(|known| known.version == version);
            let known = before.unwrap_or_else(|| Known { version, facts: Arc::new(self.facts(&workload)) });
            let facts = Arc::clone(&known.facts);
            now_known.insert(workload.id.uid.clone(), known);
            all.push((workload, facts));
        }
        *known = now_known;
        drop(known);
        self.census.show(&self.metrics, &all, self.ambient.now());
    }

    fn facts(&self, workload: &Workload) -> Facts {
        let (record, _) = self.record(workload);
        let mut facts = Facts {
            mode: UNKNOWN,
            rest: "up_to_date",
            questions: Vec::new(),
            available: Vec::new(),
            images_gone: annotations::images_gone(workload),
        };
        let mut most = 0;
        for container in &workload.containers {
            let (ledger, settings) =
                (record.known(&container.name), Settings::read(workload, &container.name, &self.bounds).ok());
            if facts.mode == UNKNOWN || facts.mode == Mode::Disabled.as_str() {
                facts.mode = settings.as_ref().map_or(facts.mode, |settings| settings.mode.as_str());
            }
            let (rank, rest) = rest(workload, &container.name, ledger, settings.as_ref());
            if rank > most {
                (most, facts.rest) = (rank, rest);
            }
            facts.questions.extend(asked(ledger));
            facts.available.extend(newer(ledger, settings.as_ref()).map(|level| (container.name.clone(), level)));
        }
        facts
    }
}

/// What is to be said of a container beside its question, and how much more than of others.
fn rest(workload: &Workload, name: &str, ledger: &Ledger, settings: Option<&Settings>) -> (u8, &'static str) {
    let outcome = ledger.update.as_ref().map(|update| update.outcome);
    if outcome == Some(Outcome::Failed) {
        (4, "failed")
    } else if settings.is_none() || workload.state("error", name).is_some() {
        (3, "cannot_tell")
    } else if outcome == Some(Outcome::RollingOut) {
        (2, "rolling_out")
    } else if ledger.held.is_some() || ledger.known_since.iter().next().is_some() {
        (1, "waiting")
    } else {
        (0, "up_to_date")
    }
}

fn asked(ledger: &Ledger) -> Option<Asked> {
    let question = ledger.question.as_ref().filter(|question| question.terms.allows != Allows::Back)?;
    let snoozed = match question.stands {
        Stands::Open => None,
        Stands::Snoozed(until) => Some(until),
        Stands::Closed(_) => return None,
    };
    Some(Asked { at: question.asked, expires: question.terms.expires(), snoozed })
}

/// How far the newest version is that is asked about, or waits to be.
fn newer(ledger: &Ledger, settings: Option<&Settings>) -> Option<&'static str> {
    if asked(ledger).is_some() {
        return ledger.question.as_ref().map(|question| question.level.as_str());
    }
    let (running, settings) = (ledger.runs.as_ref()?, settings?);
    let (waiting, ..) = ledger.known_since.iter().next()?;
    step(running.tag.as_str(), waiting, &settings.policy).map(Level::as_str)
}
