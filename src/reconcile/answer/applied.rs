//! What an answer wrote, and how that stands: by the same judge as everywhere else.

use crate::domain::approval::ApprovalId;
use crate::domain::history::{Entry, Outcome};
use crate::domain::record::{Record, Update};
use crate::domain::rollout::Rollout;
use crate::domain::view::{Stands, Unfinished};
use crate::domain::workload::Workload;

/// An update or a way back that a person answered for.
#[derive(Clone, Debug)]
pub struct Applied {
    /// As the history has it; how it ended says [`Applied::outcome`].
    pub entry: Entry,
    /// How its rollout stands, as long as that has not come to a good end and is known.
    pub rollout: Option<Stands>,
}

impl Applied {
    /// What the answer to this question wrote in a container.
    pub(super) fn of(
        entry: Entry,
        (workload, container): (&Workload, &str),
        record: &Record,
        approval: &ApprovalId,
    ) -> Self {
        let ledger = record.known(container);
        let is_its = |update: &Update| update.question.as_ref().is_some_and(|terms| terms.id == *approval);
        let is_under_way = entry.outcome == Outcome::RollingOut && ledger.update.as_ref().is_some_and(is_its);
        let unfinished = is_under_way.then(|| Unfinished::of(workload, container, ledger)).flatten();
        Self { entry, rollout: unfinished.map(|it| it.stands) }
    }

    /// The same a moment after it was written: until its controller has looked, what the rollout before waits for is what this
    /// one waits for.
    pub(super) fn after(self, before: &Rollout) -> Self {
        match (&self.rollout, before) {
            (Some(Stands::UnderWay), Rollout::Waiting(waits)) if !waits.has_new_pods() => {
                Self { rollout: Some(Stands::Waits(*waits)), ..self }
            }
            _ => self,
        }
    }

    /// How it ended, or that it has not: what the cluster gave up has failed before the history says so.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (&self.rollout, self.entry.outcome) {
            (Some(Stands::Failed), Outcome::RollingOut) => Outcome::Failed,
            (_, outcome) => outcome,
        }
    }

    /// Whether it came to nothing good, or comes to nothing as things stand.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.outcome() == Outcome::Failed || self.rollout.as_ref().is_some_and(Stands::is_stuck)
    }
}

impl From<Entry> for Applied {
    fn from(entry: Entry) -> Self {
        Self { entry, rollout: None }
    }
}
