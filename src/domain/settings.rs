//! What a workload's annotations ask for, under what the operator forces, above what it inherits.
//!
//! Order, strongest first: the operator's environment, `image-watcher/<name>.<container>`, `image-watcher/<name>`, the
//! annotation of the Namespace, a rule of the operator's file, the built-in value: [`Origin`] is that order, and the only
//! place that has it. What is not understood is an error of that workload alone: it is left as it is, as a setting that is
//! passed over would let more happen than its author wanted.

mod name;
mod origin;
mod problem;
#[cfg(test)]
mod snapshots;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use name::{Meaning, Setting, nearest, nearest_setting};
pub use name::{is_state, keeps_value};
pub use origin::{Origin, Said, everything_said, said};
pub use problem::{Problem, Problems, ValueError};

use super::group::Membership;
use super::policy::{
    self, Cooldown, KnownSince, Matching, Mode, Order, Pattern, Policy, Selection, Steps, Strategy, Track,
};
use super::reference::{Digest, Tag};
use super::release_url::ReleaseUrl;
use super::remembered::{is_cut, is_left_out};
use super::votes::Quorum;
use super::window::Windows;
use super::workload::{MOST_CONTAINERS, Rank, Workload, first_eight};

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
        Self::of_those(workload, |origin| !matches!(origin, Origin::Namespace | Origin::Rule))
    }

    fn of_those(workload: &Workload, counts: impl Fn(Origin) -> bool + Clone) -> Self {
        let mut hash = Sha256::new();
        let names = everything_said(workload).filter(|said| name::decides(said.name) && counts(said.origin));
        let template = workload.template_names.iter().map(|name| (&**name, "on the pod template", None));
        let inherited = |origin| matches!(origin, Origin::Namespace | Origin::Rule).then_some(Origin::as_str(origin));
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

/// The channels that a container's settings name, whatever else is wrong with them.
#[must_use]
pub fn channels(workload: &Workload, container: &str) -> Option<Vec<String>> {
    said(workload, "notify", container).map(|said| list(said.value))
}

/// What the annotations say for one container.
#[derive(Default)]
struct Values {
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
    fn take(&mut self, workload: &Workload, container: &str, said: Said<'_>, bounds: &Bounds) -> Result<(), Problem> {
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
        self.put(setting, rank, value).map_err(|value| Problem::Value { name: excerpt(name), value })
    }

    fn put(&mut self, setting: Setting, scope: Option<Rank>, value: &str) -> Result<(), ValueError> {
        match setting {
            Setting::Mode => self.mode.put(scope, value.parse()?),
            Setting::Strategy => self.strategy.put(scope, value.parse()?),
            Setting::ReleaseUrl => self.release_url.put(scope, ReleaseUrl::parse(value).ok()),
            Setting::Include => self.include.put(scope, Pattern::regex(value)?),
            Setting::Exclude => self.exclude.put(scope, Pattern::regex(value)?),
            Setting::Prerelease => self.prerelease.put(scope, flag(value)?),
            Setting::Track => self.track.put(scope, value.parse()?),
            Setting::TagPolicy => self.tag_policy.put(scope, Matching::labelled(value)?),
            Setting::TagOrder => self.tag_order.put(scope, value.parse()?),
            Setting::Steps => self.steps.put(scope, value.parse()?),
            Setting::Window => self.window.put(scope, value.parse()?),
            Setting::PatchOwned => self.patch_owned.put(scope, flag(value)?),
            Setting::Skip => self.skip.put(scope, skipped(value)?),
            Setting::Notify => self.notify.put(scope, list(value)),
            Setting::Cooldown => self.cooldown.put(scope, policy::duration(value)?),
            Setting::Rollback => self.rollback.put(scope, flag(value)?),
            Setting::Group => self.group.put(scope, value.parse()?),
            Setting::Approvals => self.approvals.put(scope, value.parse()?),
        }
        Ok(())
    }

    /// What they come to, under what is forced.
    fn settings(self, forced: Forced, mode_from: Origin) -> Settings {
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
                unreleased: Vec::new(),
                unfit: Vec::new(),
            },
            window: self.window.strongest(),
            patch_owned: self.patch_owned.strongest().unwrap_or(false),
            notify: self.notify.strongest(),
            rollback: self.rollback.strongest(),
            group: self.group.strongest(),
            approvals: self.approvals.strongest().unwrap_or_default(),
            release_url: self.release_url.strongest().flatten(),
        }
    }
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

/// How many channels an error names.
const MOST_NAMED: usize = 8;

fn known_channels(name: &str, value: &str, known: &[String]) -> Result<(), Problem> {
    match list(value).into_iter().find(|channel| !known.contains(channel)) {
        Some(channel) => Err(Problem::UnknownChannel {
            name: excerpt(name),
            channel: excerpt(&channel),
            known: known.iter().take(MOST_NAMED).cloned().collect(),
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

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Tags, and manifests of tags that are followed. What is neither would rule nothing out.
fn skipped(value: &str) -> Result<Vec<String>, ValueError> {
    let is_one = |item: &String| match item.split_once('@') {
        Some((tag, digest)) => Tag::parse(tag).is_ok() && Digest::parse(digest).is_ok(),
        None => Tag::parse(item).is_ok(),
    };
    let all = list(value);
    match all.iter().find(|item| !is_one(item)) {
        Some(other) => Err(ValueError::Skip(excerpt(other))),
        None => Ok(all),
    }
}

/// An entry of a list of what is not wanted that is written with a leading v, and what runs without, or the other way round.
fn skipped_otherwise(value: &str, running: &Tag) -> Option<ValueError> {
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
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::super::workload::tests::workload;
    use super::*;

    fn bounds(forced: Forced) -> Bounds {
        Bounds { forced, channels: Some(["email".to_owned(), "oncall".to_owned()].into()) }
    }

    fn read(annotations: &[(&str, &str)], forced: Forced) -> Result<Settings, Problems> {
        Settings::read(&workload(&[("web", "web:1.0.0")], annotations), "web", &bounds(forced))
    }

    #[test]
    fn the_stronger_word_wins() {
        let all = [("mode", "DISABLED"), ("mode.web", "auto_update"), ("strategy", "PATCH")];
        let own = read(&all, Forced::default()).unwrap();
        assert_eq!((own.mode, own.policy.strategy), (Mode::AutoUpdate, Strategy::Patch));
        let forced = read(&all, Forced { mode: Some(Mode::Notification), strategy: Some(Strategy::Minor) }).unwrap();
        assert_eq!((forced.mode, forced.policy.strategy), (Mode::Notification, Strategy::Minor));
        let nothing = read(&[], Forced::default()).unwrap();
        assert_eq!((nothing.mode, nothing.policy.strategy), (Mode::Notification, Strategy::All));
    }

    #[test]
    fn what_is_skipped_is_a_version_or_what_a_tag_points_to() {
        use super::super::reference::Digest;
        let skips = |value: &str| read(&[("skip", value)], Forced::default()).map(|it| it.policy.skip);
        let digest = Digest::of(b"one");
        let both = format!("latest@{digest}, 1.2.3");
        assert_eq!(skips(&both).unwrap(), [format!("latest@{digest}"), "1.2.3".to_owned()]);
        for bad in [".x", "latest@", "latest@sha256:1", &format!("@{digest}"), &format!("a@b@{digest}")] {
            let told = skips(&format!("1.2.3,{bad},-y")).unwrap_err().to_string();
            let shown: String = bad.chars().take(64).collect();
            assert!(told.contains(&format!("{shown:?}")) && !told.contains("-y"), "the first of them: {told}");
        }
        let flaw = |running: &str, skip: &str| {
            let image = format!("web:{running}");
            flaw(&workload(&[("web", &image)], &[("skip", skip)]), "web").map(|flaw| flaw.to_string())
        };
        for (running, skip, meant) in [
            ("1.2.3", "1.3.0,v1.4.0", Some("1.4.0")),
            ("v1.2.3", "v1.3.0,1.4.0", Some("v1.4.0")),
            ("1.2.3", "1.3.0,vx,latest", None),
            ("v1.2.3", "v1.3.0,latest", None),
            ("vx", "1.3.0", None),
            ("latest", "v1.3.0", None),
            ("latest", "1.3.0", None),
        ] {
            let told = flaw(running, skip);
            assert_eq!(told.is_some(), meant.is_some(), "{running} {skip}: {told:?}");
            assert!(meant.is_none_or(|meant| told.unwrap_or_default().contains(meant)), "{running} {skip}");
        }
    }

    #[test]
    fn what_failed_goes_back_by_itself_where_it_was_applied_by_itself_or_that_is_said() {
        let goes_back = |mode: &str, rollback: Option<&str>| {
            let said = rollback.map(|value| ("rollback", value));
            let all: Vec<_> = [("mode", mode)].into_iter().chain(said).collect();
            read(&all, Forced::default()).unwrap().goes_back()
        };
        assert!(goes_back("AUTO_UPDATE", None) && !goes_back("NOTIFICATION", None) && !goes_back("DISABLED", None));
        assert!(goes_back("NOTIFICATION", Some(" True ")) && !goes_back("AUTO_UPDATE", Some("false")));
        assert!(!goes_back("DISABLED", Some("true")), "what is left alone is left alone");
    }

    #[test]
    fn a_fingerprint_changes_with_all_that_decides() {
        let of = |annotations: &[(&str, &str)]| Fingerprint::of(&workload(&[("web", "web:1.0.0")], annotations));
        let first = of(&[("mode", "AUTO_UPDATE"), ("skip", "1.2.3")]);
        assert_eq!(first.number(), 4_602_257_517_893_452_348, "records keep it");
        assert_eq!(first, Fingerprint::stored(first.number()));
        assert_eq!(first, of(&[("mode", " AUTO_UPDATE "), ("skip", "1.2.3")]));
        for more in ["notify", "release-url", "history", "proposal.web"] {
            assert_eq!(first, of(&[("mode", "AUTO_UPDATE"), ("skip", "1.2.3"), (more, "x")]), "{more}");
        }
        for other in [
            &[("mode", "AUTO_UPDATE")][..],
            &[("mode", "AUTO_UPDATE"), ("skip", "1.2.4")],
            &[("mode", "AUTO_UPDATE"), ("skip.web", "1.2.3")],
            &[("mode", "AUTO_UPDATE"), ("skip", "1.2.3"), ("stategy", "PATCH")],
            &[("mode", "AUTO_UPDATEs"), ("kip", "1.2.3")],
        ] {
            assert_ne!(first, of(other), "{other:?}");
        }
        let on_template = Workload {
            template_names: ["mode".into()].into(),
            ..workload(&[("web", "web:1.0.0")], &[("mode", "AUTO_UPDATE"), ("skip", "1.2.3")])
        };
        assert_ne!(first, Fingerprint::of(&on_template));
    }

    #[test]
    fn a_group_is_of_versions() {
        let two = |annotations: &[(&str, &str)]| {
            let workload = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
            Settings::read(&workload, "web", &bounds(Forced::default())).err().map(|it| it.to_string())
        };
        let told = two(&[("group", "shop"), ("track", "digest")]).unwrap();
        assert_eq!(told.matches("image-watcher/group").count(), 1, "each setting once: {told}");
        assert!(two(&[("group.web", "shop"), ("track.log", "digest")]).is_none());
        assert!(two(&[("group", "shop"), ("track", "version")]).is_none());
        assert!(two(&[("steps", "minor"), ("tag-policy", "glob:*"), ("tag-order", "semver")]).is_none());
    }

    #[test]
    fn channels_are_named_by_a_container_or_by_all() {
        let of = |annotations: &[(&str, &str)]| channels(&workload(&[("web", "web:1.0.0")], annotations), "web");
        assert_eq!(of(&[("notify", "email"), ("notify.web", "oncall, x")]).unwrap(), ["oncall", "x"]);
        assert_eq!((of(&[("notify", "email")]), of(&[])), (Some(vec!["email".to_owned()]), None));
        let unknown = read(&[("notify", "email,slack,pager")], Forced::default()).unwrap_err().to_string();
        assert!(unknown.contains("slack") && !unknown.contains("pager"), "the first of them: {unknown}");
    }

    #[test]
    fn what_cannot_be_read_names_itself() {
        let cases = [
            ("strategy", "PACTH", r#"image-watcher/strategy: "PACTH" is none of ALL, MAJOR, MINOR, PATCH"#),
            ("mode.web", "yes", r#"image-watcher/mode.web: "yes" is none of AUTO_UPDATE, NOTIFICATION, DISABLED"#),
            ("prerelease", "1", r#"image-watcher/prerelease: "1" is none of true, false"#),
            ("include", "(", "image-watcher/include: unclosed group"),
            (
                "cooldown",
                "a day",
                "image-watcher/cooldown: \"a day\" is no duration; write numbers with their units, as 30m, 24h, 7d or 1d12h, up to 365 days",
            ),
            (
                "tag-policy",
                "build-*",
                "image-watcher/tag-policy: write semver:, glob: or regex: before it, as in semver:>=1.2, <2 or glob:build-*",
            ),
            (
                "tag-order",
                "numeric",
                "image-watcher/tag-order: it orders what image-watcher/tag-policy matches, which is not set",
            ),
        ];
        for (name, value, expected) in cases {
            assert_eq!(read(&[(name, value)], Forced::default()).unwrap_err().to_string(), expected);
        }
        let long = read(&[("exclude", &"a".repeat(10_000))], Forced::default()).unwrap_err().to_string();
        assert_eq!(long, "image-watcher/exclude: a pattern has at most 1024 bytes, this one 10000");
        assert!(read(&[("include", "((a{100}){100}){100}")], Forced::default()).is_err(), "too large when compiled");
        let lists = read(&[("skip", " 1.2.3, ,1.2.4"), ("notify.web", "email")], Forced::default()).unwrap();
        assert_eq!(lists.policy.skip, ["1.2.3", "1.2.4"]);
        assert_eq!(lists.notify, Some(vec!["email".to_owned()]));
        assert_eq!(read(&[], Forced::default()).unwrap().notify, None);
        let url = read(&[("release-url", "https://example.com/v${tag}")], Forced::default()).unwrap().release_url;
        let tag = super::super::reference::Tag::parse("1.2.3").unwrap();
        assert_eq!(url.unwrap().for_tag(tag.as_str()), "https://example.com/v1.2.3");
        let known = r#"{"1.1.0":"2026-01-01T00:00:00Z"}"#;
        let waiting = read(&[("cooldown.web", "24h")], Forced::default()).unwrap();
        let waiting = waiting.knowing(&serde_json::from_str(known).unwrap());
        assert!(waiting.policy.cooldown.unwrap().known().since("1.1.0").is_some());
        assert!(read(&[("tag-policy", "glob:build-*")], Forced::default()).unwrap().policy.selection.is_some());
    }

    #[test]
    fn a_release_url_that_cannot_be_read_stops_nothing() {
        let broken =
            workload(&[("web", "web:1.0.0")], &[("release-url", "https://example.com/notes"), ("mode", "AUTO_UPDATE")]);
        let settings = Settings::read(&broken, "web", &Bounds::default()).unwrap();
        assert!(settings.release_url.is_none() && settings.mode == Mode::AutoUpdate);
        let told = flaw(&broken, "web").unwrap().to_string();
        assert!(told.starts_with("image-watcher/release-url: ${tag} or ${version} is missing"), "{told}");
        assert_eq!(flaw(&workload(&[("web", "web:1.0.0")], &[]), "web"), None);
    }

    #[test]
    fn everything_that_is_not_understood_is_told_at_once() {
        let mut both = workload(
            &[("web", "web:1.0.0"), ("log", "log:1.0.0")],
            &[
                ("approvals", "0"),
                ("history", "[]"),
                ("held.gone", "1.0.0"),
                ("mode", "AUTO_UPDATE"),
                ("mode.lgo", "DISABLED"),
                ("notify.log", "email, oncal"),
                ("stategy", "PATCH"),
                ("strategy.log", "PACTH"),
                ("tag-order.log", "numeric"),
                ("colour", "red"),
            ],
        );
        both.template_names = ["mode".into()].into();
        let expected = problems(&both, &bounds(Forced::default())).unwrap().to_string();
        for container in ["web", "log"] {
            let told = Settings::read(&both, container, &bounds(Forced::default())).unwrap_err();
            assert_eq!(told.to_string(), expected);
            assert_eq!(told.iter().count(), 8);
        }
        let elsewhere = problems(&both, &Bounds::default()).unwrap();
        assert_eq!(elsewhere.iter().count(), 7, "where channels are not known, any name may be one");
        assert_eq!(channels(&both, "log"), Some(vec!["email".to_owned(), "oncal".to_owned()]));
    }

    #[test]
    fn every_setting_of_a_container_has_two_names() {
        let names: Vec<String> = names("web").collect();
        assert_eq!(names.len(), 2 * Setting::ALL.len());
        assert!(names.iter().all(|name| matches!(name::read(name).0, Meaning::Setting(_))));
        assert!(names.contains(&"mode".to_owned()) && names.contains(&"cooldown.web".to_owned()));
    }

    #[test]
    fn an_order_needs_its_pattern() {
        let fits = |annotations: &[(&str, &str)]| {
            let both = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
            Settings::read(&both, "web", &Bounds::default()).is_ok()
        };
        assert!(fits(&[("tag-order", "numeric"), ("tag-policy.log", "glob:*")]));
        assert!(fits(&[("tag-order.web", "numeric"), ("tag-policy", "glob:*")]));
        assert!(!fits(&[("tag-order.web", "numeric"), ("tag-policy.log", "glob:*")]));
    }

    #[test]
    fn steps_are_of_versions() {
        let told = |annotations: &[(&str, &str)]| {
            let both = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], annotations);
            Settings::read(&both, "web", &Bounds::default()).map(|it| it.policy.steps).map_err(|it| it.to_string())
        };
        assert_eq!(told(&[("steps", "MAJOR")]), Ok(Some(Steps::Major)));
        assert_eq!(
            told(&[("steps", "major"), ("steps.web", "minor"), ("tag-policy", "semver:*")]),
            Ok(Some(Steps::Minor))
        );
        let numeric = [("steps", "major"), ("tag-policy", "glob:*"), ("tag-order", "numeric")];
        let expected = "image-watcher/steps: it is about versions, and image-watcher/tag-order is numeric; use tag-order semver, or remove it";
        assert_eq!(told(&numeric), Err(expected.to_owned()), "told once, whichever containers it is about");
        let other = [("steps.log", "major"), ("tag-policy.web", "glob:*"), ("tag-order.web", "numeric")];
        assert_eq!(told(&other), Ok(None));
    }

    #[test]
    fn what_is_told_is_bounded() {
        let names: Vec<String> = (0..300).map(|n| format!("n{n}{}", "x".repeat(200))).collect();
        let annotations: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let told = read(&annotations, Forced::default()).unwrap_err().to_string();
        assert!(told.len() < 1500 && told.ends_with("; and 290 more"), "{told}");
    }

    /// A workload with these annotations as they are remembered, and so many containers beside the first.
    fn remembered(annotations: &[(&str, &str)], more: usize) -> Workload {
        let names: Vec<String> = (0..more).map(|n| format!("c{n}")).collect();
        let others = names.iter().map(|name| (name.as_str(), "web:1.0.0"));
        let images: Vec<_> = [("web", "web:1.0.0")].into_iter().chain(others).collect();
        let annotations = super::super::kept::kept(annotations.to_vec());
        Workload { annotations, ..workload(&images, &[]) }
    }

    #[test]
    fn a_list_that_was_cut_is_no_list() {
        let long = "1.0.0,".repeat(1000);
        let error = problems(&remembered(&[("skip", &long)], 0), &Bounds::default()).unwrap().to_string();
        assert_eq!(error, "image-watcher/skip: a setting has at most 2048 bytes");
        let url = remembered(&[("release-url", &long)], 0);
        assert!(Settings::read(&url, "web", &Bounds::default()).is_ok());
        let flaw = flaw(&url, "web").unwrap().to_string();
        assert_eq!(flaw, "image-watcher/release-url: a setting has at most 2048 bytes");
    }

    #[test]
    fn who_writes_too_much_is_told_and_left_alone() {
        let names: Vec<String> = (0..20).map(|n| format!("proposal.c{n}")).collect();
        let long = "x".repeat(5000);
        let all = |mode| -> Vec<_> {
            let proposals = names.iter().map(|name| (name.as_str(), long.as_str()));
            proposals.chain([("mode", mode)]).collect()
        };
        let told = |mode, forced| {
            let bounds = Bounds { forced: Forced { mode: forced, strategy: None }, channels: None };
            problems(&remembered(&all(mode), 20), &bounds).map(|problems| problems.iter().cloned().collect::<Vec<_>>())
        };
        assert_eq!(told("AUTO_UPDATE", None), Some(vec![Problem::TooMuch]));
        assert_eq!(told("DISABLED", None), None, "nothing is decided of it");
        assert_eq!(told("DISABLED", Some(Mode::AutoUpdate)), Some(vec![Problem::TooMuch]));
        let many = |more| problems(&remembered(&[("mode", "DISABLED")], more), &Bounds::default());
        assert_eq!(many(49), None);
        assert_eq!(
            many(50).unwrap().to_string(),
            "at most 50 containers of a workload are watched, and this one has more"
        );
    }
}
