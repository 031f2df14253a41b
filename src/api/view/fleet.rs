//! All workloads, or those of them that somebody asks for.

use serde::Serialize;

use super::{ContainerView, WorkloadView};
use crate::domain::policy::Mode;
use crate::domain::tag::Level;
use crate::domain::view::Attention;

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
    /// With this text, in small letters, in namespace, name, container or image, whatever the case of those.
    pub text: Option<String>,
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

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// How many containers want what, of all that fit but for `states`.
    pub counts: Counts,
    /// The workloads that fit, by namespace, kind and name.
    pub workloads: Vec<WorkloadView>,
    /// All namespaces that there are workloads in.
    pub namespaces: Vec<String>,
    /// All registries that they run from.
    pub registries: Vec<String>,
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
    #[must_use]
    pub fn fits(&self, workload: &WorkloadView, container: &ContainerView) -> bool {
        let is_one = |all: &[String], one: &str| all.is_empty() || all.iter().any(|it| it == one);
        let host = container.running.as_ref().map(|running| running.host.as_str()).unwrap_or_default();
        let level = container.available.as_ref().and_then(|available| available.level);
        let mode = container.mode.as_deref();
        is_one(&self.namespaces, &workload.namespace)
            && is_one(&self.registries, host)
            && (self.levels.is_empty() || level.is_some_and(|level| self.levels.contains(&level)))
            && (self.modes.is_empty() || self.modes.iter().any(|it| Some(it.as_str()) == mode))
            && self.text.as_deref().is_none_or(|text| has(workload, container, text))
    }

    /// Whether what it wants of people is asked for.
    #[must_use]
    pub fn wants(&self, attention: Attention) -> bool {
        self.states.is_empty() || self.states.contains(&attention)
    }
}

fn has(workload: &WorkloadView, container: &ContainerView, text: &str) -> bool {
    let name = format!("{}/{}/{}", workload.namespace, workload.kind, workload.name);
    [&name, &container.name, &container.image].into_iter().any(|it| it.to_lowercase().contains(text))
}

impl Fleet {
    /// The containers that fit, each with its workload: those that a person has to do most about first, if that is asked for.
    #[must_use]
    pub fn rows(&self, filter: &Filter) -> Vec<(&WorkloadView, &ContainerView)> {
        let mut rows = Vec::new();
        for workload in &self.workloads {
            let fit = workload.containers.iter().filter(|it| filter.fits(workload, it) && filter.wants(it.state));
            rows.extend(fit.map(|container| (workload, container)));
        }
        rows.sort_by_key(|(_, container)| container.state);
        rows
    }
}
