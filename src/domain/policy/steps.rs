//! Steps that are not jumped over (`image-watcher/steps`): of majors, or minors, the nearest above what runs goes first, and
//! the last version of each before anything beyond it.

use std::cmp::Ordering;

use super::{Steps, Verdict};
use crate::domain::tag::{Numbers, Version};

impl Steps {
    /// How many numbers of a version name its step.
    fn depth(self) -> usize {
        match self {
            Self::Major => 1,
            Self::Minor => 2,
        }
    }

    /// The order of the steps of two versions.
    #[must_use]
    pub fn compare(self, one: Numbers<'_>, another: Numbers<'_>) -> Ordering {
        one.iter().take(self.depth()).cmp(another.iter().take(self.depth()))
    }
}

/// The step that goes first: what lies beyond it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct NextStep<'q> {
    steps: Steps,
    numbers: Numbers<'q>,
    /// The tag that goes first.
    pub(super) first: &'q str,
}

impl<'q> NextStep<'q> {
    /// Whether a version lies beyond it.
    pub(super) fn is_before(&self, numbers: Numbers<'_>) -> bool {
        self.steps.compare(numbers, self.numbers).is_gt()
    }

    /// The same, where it is known what is gone to.
    pub(super) fn led_by(self, to: Option<&'q str>) -> Self {
        Self { first: to.unwrap_or(self.first), ..self }
    }

    /// What is said of a version that is newer and of the same kind: the same, or that it is behind this step.
    pub(super) fn verdict<'t, T>(&self, numbers: Numbers<'_>, verdict: Result<T, Verdict<'t>>) -> Result<T, Verdict<'t>>
    where
        'q: 't,
    {
        let could = matches!(
            verdict,
            Ok(_)
                | Err(Verdict::Cooldown { .. }
                    | Verdict::Missing
                    | Verdict::Withheld(_)
                    | Verdict::Unreleased(_)
                    | Verdict::Unfit(_))
        );
        if could && self.is_before(numbers) { Err(Verdict::BehindStep { first: self.first }) } else { verdict }
    }
}

/// Looks for the step that goes first, over versions in any order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'q> {
    steps: Steps,
    running: Numbers<'q>,
    nearest: Option<NextStep<'q>>,
}

impl<'q> Search<'q> {
    /// From what runs. A number of a build, or a build of a commit, has no steps.
    pub(super) fn from(steps: Option<Steps>, running: &Version<'q>) -> Option<Self> {
        let steps = steps.filter(|_| running.has_steps())?;
        Some(Self { steps, running: running.numbers(), nearest: None })
    }

    /// Whether a version with these numbers can be of no matter: it is older, or beyond what was found.
    pub(super) fn passes_over(&self, numbers: Numbers<'_>) -> bool {
        numbers < self.running || self.nearest.as_ref().is_some_and(|nearest| nearest.is_before(numbers))
    }

    /// Takes a newer version of the same kind, with what is found of it for itself.
    ///
    /// What waits or has no manifest yet holds up what is beyond its step. What `skip` names, or what will never start, is no
    /// reason to stay in the step that runs, and is one not to jump over a step of which nothing ran.
    pub(super) fn add<T>(&mut self, tag: &'q str, numbers: Numbers<'q>, verdict: &Result<T, Verdict<'_>>) {
        let holds_up = match verdict {
            Err(Verdict::Unfit(flaw)) if !flaw.may_pass() => self.steps.compare(numbers, self.running).is_gt(),
            Ok(_)
            | Err(
                Verdict::Cooldown { .. }
                | Verdict::Missing
                | Verdict::Withheld(_)
                | Verdict::Unreleased(_)
                | Verdict::Unfit(_),
            ) => true,
            Err(Verdict::Skipped) => self.steps.compare(numbers, self.running).is_gt(),
            Err(_) => false,
        };
        let goes_first = |nearest: &NextStep<'_>| {
            let order = self.steps.compare(numbers, nearest.numbers).reverse();
            order.then_with(|| numbers.cmp(&nearest.numbers)).then_with(|| tag.cmp(nearest.first)).is_gt()
        };
        if holds_up && self.nearest.as_ref().is_none_or(goes_first) {
            self.nearest = Some(NextStep { steps: self.steps, numbers, first: tag });
        }
    }

    /// What was found.
    pub(super) fn nearest(self) -> Option<NextStep<'q>> {
        self.nearest
    }
}
