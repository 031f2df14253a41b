//! All workloads, or those of them that somebody asks for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{ContainerView, WorkloadView};
use crate::api::in_short::InShort;
use crate::domain::policy::Mode;
use crate::domain::tag::Level;
use crate::domain::view::Attention;
use crate::domain::workload::{Container, Workload};

/// Which workloads are asked for: those with a container that fits all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these namespaces; in any, where there is none.
    pub namespaces: Vec<String>,
    /// That want one of these of people.
    pub states: Vec<Attention>,
    /// Whose version to go to is as far as one of these.
    pub levels: Vec<Level>,
    /// From one of these registries.
    pub registries: Vec<String>,
    /// In one of these modes.
    pub modes: Vec<Mode>,
    /// With this text in namespace, kind, name, container or image, whatever the case.
    pub text: Option<String>,
}

/// What waits to be approved.
#[derive(Clone, Debug, Default)]
pub struct Approvable {
    /// The first of it.
    pub rows: Vec<FleetRow>,
    /// How many more there are.
    pub more: usize,
    /// How many containers need a person for something else than an approval.
    pub others: usize,
}

/// How many containers want what of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Nothing goes on before a person decides or acts.
    pub needs_you: usize,
    /// An update failed, or can't be written.
    pub failed: usize,
    /// Whether there is anything newer is not known.
    pub cannot_tell: usize,
    /// It goes on by itself, later.
    pub waiting: usize,
    /// There is nothing newer that is allowed.
    pub up_to_date: usize,
    /// It is left alone.
    pub off: usize,
}

/// A page of workloads, by namespace, kind and name.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct WorkloadsView {
    /// `image-watcher/workloads/v1`
    pub schema: &'static str,
    /// The workloads.
    pub items: Vec<WorkloadView>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// One workload as an answer of its own.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct WorkloadDocument {
    /// `image-watcher/workload/v1`
    pub schema: &'static str,
    /// The workload.
    #[serde(flatten)]
    pub workload: WorkloadView,
}

/// How many containers want what of people, for status boards.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SummaryView {
    /// `image-watcher/summary/v1`
    pub schema: &'static str,
    /// How many want what.
    pub counts: Counts,
    /// Whether automatic updates are stopped everywhere.
    pub stopped: bool,
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How many rows a page has, one at least.
    pub size: usize,
    /// The page, from one; the last where there are fewer.
    pub page: usize,
}

/// A page of what was asked for.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// How many containers want what, of all.
    pub of_all: Counts,
    /// The same of those that fit, but for `states`.
    pub counts: Counts,
    /// What is next and what was last, of the same.
    pub moments: Moments,
    /// How many containers fit.
    pub all: usize,
    /// How many of those come before this page.
    pub first: usize,
    /// The containers of this page, those that a person has to do most about first.
    pub rows: Vec<FleetRow>,
    /// All namespaces that there are workloads in.
    pub namespaces: Vec<String>,
    /// All registries that they run from.
    pub registries: Vec<String>,
}

/// What is next and what was last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    /// When the first question of those that need a person ends.
    pub first_ends: Option<DateTime<Utc>>,
    /// When a workload with something that failed was changed last.
    pub failed_last: Option<DateTime<Utc>>,
    /// When something that waits goes on next.
    pub goes_on: Option<DateTime<Utc>>,
    /// When what is up to date was looked at last.
    pub looked_last: Option<DateTime<Utc>>,
}

/// A container of a workload.
#[derive(Clone, Debug)]
pub struct FleetRow {
    /// The workload.
    pub workload: Arc<WorkloadView>,
    /// Which of its containers.
    pub container: usize,
}

impl Paging {
    /// How many rows come before the page, of so many.
    #[must_use]
    pub fn first(self, all: usize) -> usize {
        (self.page.clamp(1, self.pages(all)) - 1) * self.size
    }

    /// How many pages so many rows have, one at least.
    #[must_use]
    pub fn pages(self, all: usize) -> usize {
        all.div_ceil(self.size.max(1)).max(1)
    }
}

impl FleetRow {
    /// The workload and its container.
    #[must_use]
    pub fn both(&self) -> Option<(&WorkloadView, &ContainerView)> {
        Some((&self.workload, self.workload.containers.get(self.container)?))
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            needs_you: sum.needs_you + one.needs_you,
            failed: sum.failed + one.failed,
            cannot_tell: sum.cannot_tell + one.cannot_tell,
            waiting: sum.waiting + one.waiting,
            up_to_date: sum.up_to_date + one.up_to_date,
            off: sum.off + one.off,
        })
    }
}

impl Counts {
    /// One more.
    pub fn add(&mut self, attention: Attention) {
        *match attention {
            Attention::NeedsYou => &mut self.needs_you,
            Attention::Failed => &mut self.failed,
            Attention::CannotTell => &mut self.cannot_tell,
            Attention::Waiting => &mut self.waiting,
            Attention::UpToDate => &mut self.up_to_date,
            Attention::Off => &mut self.off,
        } += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn all(&self) -> usize {
        Attention::ALL.iter().map(|state| self.of(*state)).sum()
    }

    /// How many want this.
    #[must_use]
    pub fn of(&self, attention: Attention) -> usize {
        match attention {
            Attention::NeedsYou => self.needs_you,
            Attention::Failed => self.failed,
            Attention::CannotTell => self.cannot_tell,
            Attention::Waiting => self.waiting,
            Attention::UpToDate => self.up_to_date,
            Attention::Off => self.off,
        }
    }
}

impl Filter {
    /// Whether a container fits, whatever it wants of people.
    pub(in crate::api) fn fits(&self, workload: &Workload, container: &Container, of: &InShort) -> bool {
        let has = |all: &[String], one: &str| all.is_empty() || all.iter().any(|it| it == one);
        has(&self.namespaces, &workload.id.namespace)
            && has(&self.registries, of.host.as_deref().unwrap_or_default())
            && (self.levels.is_empty() || of.level.is_some_and(|level| self.levels.contains(&level)))
            && (self.modes.is_empty() || of.mode.is_some_and(|mode| self.modes.contains(&mode)))
            && self.text.as_deref().is_none_or(|text| is_in(workload, container, text))
    }

    /// Whether a container fits, and what it wants of people is asked for.
    pub(in crate::api) fn asks_for(&self, workload: &Workload, container: &Container, of: &InShort) -> bool {
        self.wants(of.state) && self.fits(workload, container, of)
    }

    /// Whether what it wants of people is asked for.
    #[must_use]
    pub fn wants(&self, attention: Attention) -> bool {
        self.states.is_empty() || self.states.contains(&attention)
    }
}

fn is_in(workload: &Workload, container: &Container, text: &str) -> bool {
    let id = &workload.id;
    let name = format!("{}/{}/{}", id.namespace, id.kind.as_str(), id.name);
    let text = text.to_lowercase();
    [&*name, &container.name, &container.image].into_iter().any(|it| it.to_lowercase().contains(&text))
}
