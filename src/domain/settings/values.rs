//! The values that are said for one container, and which of them hold.

use chrono::TimeDelta;

use super::name::{self, Meaning, Setting, nearest, nearest_setting};
use super::{Bounds, Forced, Problem, Settings, ValueError};
use crate::domain::group::Membership;
use crate::domain::policy::{
    self, Cooldown, KnownSince, Matching, Mode, Order, Pattern, Policy, Selection, Steps, Strategy, Track,
};
use crate::domain::reference::{Digest, Tag};
use crate::domain::release_url::ReleaseUrl;
use crate::domain::remembered::is_cut;
use crate::domain::votes::Quorum;
use crate::domain::window::Windows;
use crate::domain::workload::{Origin, Rank, Said, Workload};

/// What the annotations say for one container.
#[derive(Default)]
pub(super) struct Values {
    mode: Scoped<Mode>,
    strategy: Scoped<Strategy>,
    release_url: Scoped<Option<ReleaseUrl>>,
    include: Scoped<Pattern>,
    exclude: Scoped<Pattern>,
    prerelease: Scoped<bool>,
    track: Scoped<Track>,
    tag_policy: Scoped<Matching>,
    tag_order: Scoped<Order>,
    steps: Scoped<Steps>,
    window: Scoped<Windows>,
    patch_owned: Scoped<bool>,
    skip: Scoped<Vec<String>>,
    notify: Scoped<Vec<String>>,
    cooldown: Scoped<TimeDelta>,
    rollback: Scoped<bool>,
    group: Scoped<Membership>,
    approvals: Scoped<Quorum>,
    /// What the operator says of approvals: a workload asks for no fewer.
    fewest_approvals: Scoped<Quorum>,
}

/// The strongest of the values that were said.
struct Scoped<T>(Option<(Rank, T)>);

impl<T> Default for Scoped<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Scoped<T> {
    fn strongest(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }

    /// One without a rank is for another container: it has to be a value all the same.
    fn put(&mut self, rank: Option<Rank>, value: T) {
        if let Some(rank) = rank
            && self.0.as_ref().is_none_or(|(known, _)| rank < *known)
        {
            self.0 = Some((rank, value));
        }
    }
}

impl Values {
    /// Takes what is said, if it is a setting.
    pub(super) fn take(
        &mut self,
        workload: &Workload,
        container: &str,
        said: Said<'_>,
        bounds: &Bounds,
    ) -> Result<(), Problem> {
        let Said { name, value, .. } = said;
        let (meaning, suffix) = name::read(name);
        let setting = match meaning {
            Meaning::Setting(setting) => setting,
            Meaning::State => return Ok(()),
            Meaning::Unknown => {
                return Err(Problem::UnknownName { name: excerpt(name), nearest: nearest_setting(name) });
            }
        };
        let rank = match suffix {
            Some(_) if said.origin == Origin::Namespace => return Err(Problem::OfAContainer { name: excerpt(name) }),
            Some(suffix) if suffix != container && workload.container(suffix).is_some() => None,
            None => Some(said.rank()),
            Some(suffix) if suffix == container => Some(said.rank()),
            Some(suffix) => {
                let names = workload.containers.iter().map(|container| &*container.name);
                let nearest = nearest(suffix, names).map(str::to_owned);
                return Err(Problem::UnknownContainer { name: excerpt(name), container: excerpt(suffix), nearest });
            }
        };
        // A setting that was cut must not be taken for none. Only a release URL does no harm.
        if is_cut(value) && setting != Setting::ReleaseUrl {
            return Err(Problem::Value { name: excerpt(name), value: ValueError::TooLong });
        }
        if let (Setting::Notify, Some(known)) = (setting, &bounds.channels) {
            known_channels(name, value, known)?;
        }
        let wrong = |value| Problem::Value { name: excerpt(name), value };
        if (setting, said.origin.is_operators()) == (Setting::Approvals, true) {
            self.fewest_approvals.put(rank, value.parse().map_err(|error| wrong(ValueError::from(error)))?);
        }
        self.put(setting, rank, value).map_err(wrong)
    }

    pub(super) fn put(&mut self, setting: Setting, scope: Option<Rank>, value: &str) -> Result<(), ValueError> {
        match setting {
            Setting::Mode => self.mode.put(scope, value.parse()?),
            Setting::Strategy => self.strategy.put(scope, value.parse()?),
            Setting::ReleaseUrl => self.release_url.put(scope, ReleaseUrl::parse(value).ok()),
            Setting::Include => self.include.put(scope, Pattern::regex(some(value)?)?),
            Setting::Exclude => self.exclude.put(scope, Pattern::regex(some(value)?)?),
            Setting::Prerelease => self.prerelease.put(scope, flag(value)?),
            Setting::Track => self.track.put(scope, value.parse()?),
            Setting::TagPolicy => self.tag_policy.put(scope, Matching::labelled(value)?),
            Setting::TagOrder => self.tag_order.put(scope, value.parse()?),
            Setting::Steps => self.steps.put(scope, value.parse()?),
            Setting::Window => self.window.put(scope, value.parse()?),
            Setting::PatchOwned => self.patch_owned.put(scope, flag(value)?),
            Setting::Skip => self.skip.put(scope, skipped(value)?),
            Setting::Notify => self.notify.put(scope, some_of(list(value))?),
            Setting::Cooldown => self.cooldown.put(scope, policy::duration(value)?),
            Setting::Rollback => self.rollback.put(scope, flag(value)?),
            Setting::Group => self.group.put(scope, value.parse()?),
            Setting::Approvals => self.approvals.put(scope, value.parse()?),
        }
        Ok(())
    }

    /// What they come to, under what is forced.
    pub(super) fn settings(self, forced: Forced, mode_from: Origin) -> Settings {
        let order = self.tag_order.strongest().unwrap_or(Order::Semver);
        Settings {
            mode: forced.mode.or(self.mode.strongest()).unwrap_or(Mode::Notification),
            mode_from,
            track: self.track.strongest().unwrap_or(Track::Version),
            policy: Policy {
                strategy: forced.strategy.or(self.strategy.strongest()).unwrap_or(Strategy::All),
                forced: forced.strategy,
                steps: self.steps.strongest(),
                prerelease: self.prerelease.strongest().unwrap_or(false),
                include: self.include.strongest(),
                exclude: self.exclude.strongest(),
                selection: self.tag_policy.strongest().map(|pattern| Selection::new(pattern, order)),
                skip: self.skip.strongest().unwrap_or_default(),
                cooldown: self.cooldown.strongest().map(|length| Cooldown::new(length, KnownSince::default())),
                missing: Vec::new(),
                withheld: Vec::new(),
                unreleased: Vec::new(),
                unfit: Vec::new(),
            },
            window: self.window.strongest(),
            patch_owned: self.patch_owned.strongest().unwrap_or(false),
            notify: self.notify.strongest(),
            rollback: self.rollback.strongest(),
            group: self.group.strongest(),
            approvals: self.approvals.strongest().max(self.fewest_approvals.strongest()).unwrap_or_default(),
            release_url: self.release_url.strongest().flatten(),
        }
    }
}

/// How many channels an error names.
const MOST_NAMED: usize = 8;

pub(super) fn known_channels(name: &str, value: &str, known: &[String]) -> Result<(), Problem> {
    match list(value).into_iter().find(|channel| !known.contains(channel)) {
        Some(channel) => Err(Problem::UnknownChannel {
            name: excerpt(name),
            channel: excerpt(&channel),
            known: known.iter().take(MOST_NAMED).cloned().collect(),
            left_out: known.len().saturating_sub(MOST_NAMED),
        }),
        None => Ok(()),
    }
}

fn flag(value: &str) -> Result<bool, ValueError> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(ValueError::Flag(excerpt(other))),
    }
}

/// What is empty is no value of any setting: a pattern would mean everything or nothing, and no channel nobody, where whoever wrote
/// it may have meant what holds without it.
fn some(value: &str) -> Result<&str, ValueError> {
    if value.trim().is_empty() { Err(ValueError::Empty) } else { Ok(value) }
}

fn some_of(items: Vec<String>) -> Result<Vec<String>, ValueError> {
    if items.is_empty() { Err(ValueError::Empty) } else { Ok(items) }
}

pub(super) fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Tags, and manifests of tags that are followed. What is neither would rule nothing out.
fn skipped(value: &str) -> Result<Vec<String>, ValueError> {
    let is_one = |item: &String| match item.split_once('@') {
        Some((tag, digest)) => Tag::parse(tag).is_ok() && Digest::parse(digest).is_ok(),
        None => Tag::parse(item).is_ok(),
    };
    // An empty list rules nothing out.
    let all = list(value);
    match all.iter().find(|item| !is_one(item)) {
        Some(other) => Err(ValueError::Skip(excerpt(other))),
        None => Ok(all),
    }
}

/// An entry of a list of what is not wanted that is written with a leading v, and what runs without, or the other way round.
pub(super) fn skipped_otherwise(value: &str, running: &Tag) -> Option<ValueError> {
    let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let is_plain = is_number(running.as_str());
    let has_v = running.as_str().strip_prefix('v').is_some_and(is_number);
    let meant = |entry: &str| match entry.strip_prefix('v') {
        Some(rest) if is_plain && is_number(rest) => Some(rest.to_owned()),
        None if has_v && is_number(entry) => Some(format!("v{entry}")),
        _ => None,
    };
    let (entry, meant) = list(value).into_iter().find_map(|entry| Some((entry.clone(), meant(&entry)?)))?;
    let (entry, meant) = (excerpt(&entry), excerpt(&meant));
    Some(ValueError::SkipOfAnotherForm { entry, running: running.to_string(), meant })
}

/// The first characters of a text, for an error about it.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}
