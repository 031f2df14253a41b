//! What a workload's annotations ask for, under what the operator forces, above what it inherits.
//!
//! Order, strongest first: the operator's environment, `image-watcher/<name>.<container>`, `image-watcher/<name>`, the
//! annotation of the Namespace, a rule of the operator's file, the built-in value: [`Origin`] is that order, and the only
//! place that has it. What is not understood is an error of that workload alone: it is left as it is, as a setting that is
//! passed over would let more happen than its author wanted.

mod name;
mod origin;
mod parts;
mod problem;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use name::{Meaning, Setting, nearest_setting};
pub use name::{is_state, keeps_value};
pub use origin::written;
pub use parts::parts_of_one;
pub use problem::{Problem, Problems, ValueError};
use values::{Values, excerpt, known_channels, list, skipped_otherwise};

use super::group::Membership;
use super::policy::{KnownSince, Mode, Order, Policy, Strategy, Track};
use super::reference::Tag;
use super::release_url::ReleaseUrl;
use super::remembered::{is_cut, is_left_out};
use super::votes::Quorum;
use super::window::Windows;
use super::workload::{MOST_CONTAINERS, Origin, Said, Workload, everything_said, first_eight, said};

/// What the operator forces on every workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// `IMAGE_WATCHER_MODE`.
    pub mode: Option<Mode>,
    /// `IMAGE_WATCHER_STRATEGY`.
    pub strategy: Option<Strategy>,
}

/// What the operator sets for all workloads, and their own settings are read under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// What overrides each annotation.
    pub forced: Forced,
    /// The names of the channels that there are; `None` where that is not known, and any name may be one.
    pub channels: Option<Arc<[String]>>,
}

/// What all settings of a workload that decide anything come to, so that two moments can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of everything that is written and has a say in what is applied: also what is not understood, as that keeps a
    /// workload from being changed.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        Self::of_those(workload, |_| true)
    }

    /// The same of what is written on the workload itself: that goes back with it, where somebody sets it back, and what it
    /// inherits does not.
    #[must_use]
    pub fn of_its_own(workload: &Workload) -> Self {
        Self::of_those(workload, |said| !is_inherited(said.origin))
    }

    /// The same without the versions that are skipped: who edits those, by a link, by a command or by hand, says nothing of the
    /// other settings.
    #[must_use]
    pub fn without_skips(workload: &Workload) -> Self {
        Self::of_those(workload, |said| !is_inherited(said.origin) && !name::skips(said.name))
    }

    fn of_those(workload: &Workload, counts: impl Fn(&Said<'_>) -> bool + Clone) -> Self {
        let mut hash = Sha256::new();
        let names = everything_said(workload).filter(|said| name::decides(said.name) && counts(said));
        let template = workload.template_names.iter().map(|name| (&**name, "on the pod template", None));
        let inherited = |origin| is_inherited(origin).then_some(Origin::as_str(origin));
        let names = names.map(|said| (said.name, said.value.trim(), inherited(said.origin)));
        for (name, value, of) in names.chain(template) {
            for part in [name, value].into_iter().chain(of) {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        Self(first_eight(hash))
    }

    /// As it is stored.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// One that was stored.
    #[must_use]
    pub fn stored(number: u64) -> Self {
        Self(number)
    }
}

/// Whether it is written elsewhere than on the workload.
fn is_inherited(origin: Origin) -> bool {
    matches!(origin, Origin::Namespace | Origin::Rule)
}

/// What holds for one container.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Apply, ask or nothing.
    pub mode: Mode,
    /// Who says so.
    pub mode_from: Origin,
    /// Versions, or what the running tag points to.
    pub track: Track,
    /// What narrows the candidates.
    pub policy: Policy,
    /// When updates may be applied; `None` is always.
    pub window: Option<Windows>,
    /// Whether updates are applied without a person's word although a tool would undo them.
    pub patch_owned: bool,
    /// Names of channels; `None` is all of them.
    pub notify: Option<Vec<String>>,
    /// Whether an update whose rollout failed is undone by itself, where that is said.
    pub rollback: Option<bool>,
    /// The group that it goes to one version with.
    pub group: Option<Membership>,
    /// How many different people have to approve an update.
    pub approvals: Quorum,
    /// Where release notes are, with `${tag}` or `${version}` in it; one that can't be read is none, see [`flaw`].
    pub release_url: Option<ReleaseUrl>,
}

impl Settings {
    /// Reads what holds for `container`.
    ///
    /// # Errors
    /// [`Problems`] with everything of the workload that is not understood, whichever container it is about.
    pub fn read(workload: &Workload, container: &str, bounds: &Bounds) -> Result<Self, Problems> {
        let (mut values, mut problems) = (Values::default(), Vec::new());
        for said in everything_said(workload) {
            problems
                .extend(values.take(workload, container, said, bounds).err().map(|problem| problem.of(said.origin)));
        }
        problems.extend(orders_of_nothing(workload));
        problems.extend(steps_of_no_versions(workload));
        problems.extend(groups_of_no_versions(workload));
        problems.extend(workload.template_names.iter().map(|name| Problem::OnPodTemplate { name: excerpt(name) }));
        if workload.containers.len() > MOST_CONTAINERS {
            problems.push(Problem::TooManyContainers);
        }
        let mode_from = Origin::of_mode(workload, container, bounds.forced);
        let settings = values.settings(bounds.forced, mode_from);
        // What our own record says is of no matter where nothing is decided.
        if !settings.is_disabled() && workload.annotations.iter().any(|(_, value)| is_left_out(value)) {
            problems.push(Problem::TooMuch);
        }
        Problems::of(problems).map_or(Ok(settings), Err)
    }

    /// The mode that the operator forces on all containers, if they do.
    #[must_use]
    pub fn forced_mode(&self) -> Option<Mode> {
        (self.mode_from == Origin::Operator).then_some(self.mode)
    }

    /// Until when nothing may be applied, if it may not be now.
    #[must_use]
    pub fn closed_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.window.as_ref().and_then(|windows| windows.closed_until(now))
    }

    /// Whether the container is to be left alone: nothing is asked, written or undone, whatever was agreed on before.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.mode == Mode::Disabled
    }

    /// Whether an update whose rollout failed is undone by itself.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        !self.is_disabled() && self.rollback.unwrap_or(self.mode == Mode::AutoUpdate)
    }

    /// The same, where it is known since when which versions are: without it every version begins to wait now.
    #[must_use]
    pub fn knowing(mut self, known: &KnownSince) -> Self {
        self.policy.cooldown = self.policy.cooldown.map(|cooldown| cooldown.knowing(known.clone()));
        self
    }
}

/// The names of all annotations that are read for a container, without their prefix.
pub fn names(container: &str) -> impl Iterator<Item = String> {
    let both = move |setting: Setting| [setting.as_str().to_owned(), format!("{}.{container}", setting.as_str())];
    Setting::ALL.into_iter().flat_map(both)
}

/// What is wrong with the settings of a workload, if anything is.
#[must_use]
pub fn problems(workload: &Workload, bounds: &Bounds) -> Option<Problems> {
    let first = workload.containers.first().map(|container| &*container.name).unwrap_or_default();
    Settings::read(workload, first, bounds).err()
}

/// What is wrong with the settings of a container and is no reason to leave it alone: updates go on without it.
#[must_use]
pub fn flaw(workload: &Workload, container: &str) -> Option<Problem> {
    flaw_of_skip(workload, container).or_else(|| flaw_of_url(workload, container))
}

/// Tries a setting that the operator writes for workloads in general.
///
/// # Errors
/// What is wrong with its name or value.
pub fn tried(name: &str, value: &str, channels: Option<&[String]>) -> Result<(), Problem> {
    let (Meaning::Setting(setting), None) = name::read(name) else {
        return Err(Problem::UnknownName { name: excerpt(name), nearest: nearest_setting(name) });
    };
    if let (Setting::Notify, Some(known)) = (setting, channels) {
        known_channels(name, value, known)?;
    }
    let wrong = |value| Problem::Value { name: excerpt(name), value };
    if setting == Setting::ReleaseUrl {
        ReleaseUrl::parse(value).map_err(|error| wrong(error.into()))?;
    }
    Values::default().put(setting, None, value).map_err(wrong)
}

/// The setting of this word that holds for a container, and what it says.
fn strongest<'w>(workload: &'w Workload, word: &str, container: &str) -> Option<(String, &'w str)> {
    said(workload, word, container).map(|said| (said.name.to_owned(), said.value))
}

/// What is wrong with tags to skip that no workload names, for what runs: the same as of [`flaw`].
#[must_use]
pub fn flaw_of_skipped(skip: &[String], running: &Tag) -> Option<Problem> {
    let value = skipped_otherwise(&skip.join(","), running)?;
    Some(Problem::Value { name: Setting::Skip.as_str().to_owned(), value })
}

fn flaw_of_skip(workload: &Workload, container: &str) -> Option<Problem> {
    let (name, skip) = strongest(workload, "skip", container)?;
    let running = workload.container(container)?.1.reference()?.running_tag()?;
    Some(Problem::Value { name, value: skipped_otherwise(skip, &running)? })
}

fn flaw_of_url(workload: &Workload, container: &str) -> Option<Problem> {
    let (name, url) = strongest(workload, "release-url", container)?;
    if is_cut(url) {
        return Some(Problem::Value { name, value: ValueError::TooLong });
    }
    let wrong = ReleaseUrl::parse(url).err()?;
    Some(Problem::Value { name, value: wrong.into() })
}

/// The channels that a container's settings name, whatever else is wrong with them. `None` is all of them, also where none is
/// named.
#[must_use]
pub fn channels(workload: &Workload, container: &str) -> Option<Vec<String>> {
    said(workload, "notify", container).map(|said| list(said.value)).filter(|named| !named.is_empty())
}

/// Orders of tags without a pattern that says of which.
fn orders_of_nothing(workload: &Workload) -> impl Iterator<Item = Problem> {
    let any = everything_said(workload).any(|said| name::read(said.name).0 == Meaning::Setting(Setting::TagPolicy));
    let of_nothing = move |said: &Said<'_>| match name::read(said.name) {
        (Meaning::Setting(Setting::TagOrder), None) => !any,
        (Meaning::Setting(Setting::TagOrder), Some(container)) => {
            strongest(workload, "tag-policy", container).is_none()
        }
        _ => false,
    };
    let problem = |said: Said<'_>| {
        let problem = Problem::Value { name: excerpt(said.name), value: ValueError::OrderOfNothing };
        problem.of(said.origin)
    };
    everything_said(workload).filter(of_nothing).map(problem)
}

/// Steps of containers whose tags are in another order than that of versions, each setting once.
fn steps_of_no_versions(workload: &Workload) -> Vec<Problem> {
    let of = |container: &str| {
        let (name, _) = strongest(workload, "steps", container)?;
        let order = strongest(workload, "tag-order", container)?.1.parse().ok().filter(|it| *it != Order::Semver)?;
        Some(Problem::Value { name, value: ValueError::StepsOfNoVersions(order) })
    };
    let mut all: Vec<Problem> = workload.containers.iter().filter_map(|container| of(&container.name)).collect();
    all.dedup();
    all
}

/// Groups of containers that follow a tag, each setting once.
fn groups_of_no_versions(workload: &Workload) -> Vec<Problem> {
    let of = |container: &str| {
        let (name, _) = strongest(workload, "group", container)?;
        let track: Track = strongest(workload, "track", container)?.1.parse().ok()?;
        (track == Track::Digest).then_some(Problem::Value { name, value: ValueError::GroupOfNoVersions })
    };
    let mut all: Vec<Problem> = workload.containers.iter().filter_map(|container| of(&container.name)).collect();
    all.dedup();
    all
}
