//! Which annotations there are: a closed list, so that a misspelt one is noticed.

/// A setting of this version. Its name, with or without `.<container>`, makes a workload a watched one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Mode,
    Strategy,
    ReleaseUrl,
    Include,
    Exclude,
    Prerelease,
    Track,
    TagPolicy,
    TagOrder,
    Steps,
    Window,
    PatchOwned,
    Skip,
    Notify,
    Cooldown,
    Rollback,
    Group,
    Approvals,
}

impl Setting {
    pub(super) const ALL: [Self; 18] = [
        Self::Mode,
        Self::Strategy,
        Self::ReleaseUrl,
        Self::Include,
        Self::Exclude,
        Self::Prerelease,
        Self::Track,
        Self::TagPolicy,
        Self::TagOrder,
        Self::Steps,
        Self::Window,
        Self::PatchOwned,
        Self::Skip,
        Self::Notify,
        Self::Cooldown,
        Self::Rollback,
        Self::Group,
        Self::Approvals,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Strategy => "strategy",
            Self::ReleaseUrl => "release-url",
            Self::Include => "include",
            Self::Exclude => "exclude",
            Self::Prerelease => "prerelease",
            Self::Track => "track",
            Self::TagPolicy => "tag-policy",
            Self::TagOrder => "tag-order",
            Self::Steps => "steps",
            Self::Window => "window",
            Self::PatchOwned => "patch-owned",
            Self::Skip => "skip",
            Self::Notify => "notify",
            Self::Cooldown => "cooldown",
            Self::Rollback => "rollback",
            Self::Group => "group",
            Self::Approvals => "approvals",
        }
    }
}

/// Our own record, for any container, and what a command asks of us: neither makes a workload a watched one.
const STATE: [&str; 15] = [
    "current-version",
    "previous-version",
    "last-updated",
    "last-updated-version",
    "last-notified",
    "last-notified-version",
    "token-update",
    "proposal",
    "history",
    "known-since",
    "tracked-digest",
    "error",
    "held",
    "record",
    "request",
];

/// What an annotation of ours is, by its name without the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Setting(Setting),
    State,
    Unknown,
}

/// A name in its two parts, and what it means: `mode.web` is the mode of the container `web`.
pub(super) fn read(name: &str) -> (Meaning, Option<&str>) {
    let (word, container) = name.split_once('.').map_or((name, None), |(word, container)| (word, Some(container)));
    let setting = Setting::ALL.into_iter().find(|setting| setting.as_str() == word);
    let meaning = match setting {
        Some(setting) => Meaning::Setting(setting),
        None if STATE.contains(&word) => Meaning::State,
        None => Meaning::Unknown,
    };
    (meaning, container)
}

/// Whether an annotation, named without its prefix, is our own record. Any other makes a workload a watched one: also
/// one that means nothing, so that whoever wrote it is told.
#[must_use]
pub fn is_state(name: &str) -> bool {
    read(name).0 == Meaning::State
}

/// Whether an annotation, named without its prefix, has a say in what is applied, be it because it is not understood.
pub(super) fn decides(name: &str) -> bool {
    !matches!(read(name).0, Meaning::State | Meaning::Setting(Setting::Notify | Setting::ReleaseUrl))
}

/// Whether an annotation, named without its prefix, names versions that are never applied.
pub(super) fn skips(name: &str) -> bool {
    read(name).0 == Meaning::Setting(Setting::Skip)
}

/// Whether the value of an annotation, named without its prefix, is read by anybody: of any other the name is enough to
/// tell its author that it means nothing.
#[must_use]
pub fn keeps_value(name: &str, is_container: impl Fn(&str) -> bool) -> bool {
    let (meaning, container) = read(name);
    matches!(meaning, Meaning::Setting(_) | Meaning::State) && container.is_none_or(is_container)
}

/// The setting that an unknown name may stand for, with its container.
pub(super) fn nearest_setting(name: &str) -> Option<String> {
    let word = name.split_once('.').map_or(name, |(word, _)| word);
    let nearest = nearest(word, Setting::ALL.into_iter().map(Setting::as_str))?;
    Some(format!("{nearest}{}", name.get(word.len()..).unwrap_or_default()))
}

/// The most like of some names, if it is so much like it that a slip of the fingers explains the difference.
pub(super) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word: String = word.chars().take(LONGEST_SLIP).flat_map(char::to_lowercase).collect();
    let most = (word.chars().count() / 3).clamp(1, 3);
    let near = names.map(|name| (strsim::osa_distance(&word, &name.to_lowercase()), name));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, name)| name)
}

/// No name is so long that more of it need be compared.
const LONGEST_SLIP: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_thing() {
        assert_eq!(read("mode"), (Meaning::Setting(Setting::Mode), None));
        assert_eq!(read("tag-order.web"), (Meaning::Setting(Setting::TagOrder), Some("web")));
        assert_eq!(read("mode.volume.model"), (Meaning::Setting(Setting::Mode), Some("volume.model")));
        assert_eq!(read("approvals.web"), (Meaning::Setting(Setting::Approvals), Some("web")));
        assert_eq!(read("held"), (Meaning::State, None));
        assert_eq!(read("stategy"), (Meaning::Unknown, None));
        assert_eq!(read("Mode"), (Meaning::Unknown, None));
        assert!(is_state("proposal.web") && !is_state("mode") && !is_state("rollback") && !is_state("mdoe"));
    }

    #[test]
    fn values_are_kept_of_known_names_of_containers_that_exist() {
        let is_web = |name: &str| name == "web";
        for name in ["mode", "mode.web", "history", "proposal.web", "tracked-digest"] {
            assert!(keeps_value(name, is_web), "{name}");
        }
        for name in ["stategy", "mode.mian", "mode.", "note", "", "web", "proposal.log", "approval"] {
            assert!(!keeps_value(name, is_web), "{name}");
        }
    }

    #[test]
    fn a_slip_of_the_fingers_is_recognised() {
        let cases = [
            ("stategy", Some("strategy")),
            ("mdoe.web", Some("mode.web")),
            ("Mode", Some("mode")),
            ("tagpolicy", Some("tag-policy")),
            ("release_url", Some("release-url")),
            ("prereleases", Some("prerelease")),
            ("colour", None),
            ("mdoe.volume.model", Some("mode.volume.model")),
            ("modee", Some("mode")),
            ("trackss", Some("track")),
            ("tr", None),
            ("", None),
            ("x", None),
        ];
        for (given, expected) in cases {
            assert_eq!(nearest_setting(given).as_deref(), expected, "{given:?}");
        }
        assert_eq!(nearest("mian", ["main", "log"].into_iter()), Some("main"));
        assert_eq!(nearest("webb", ["wexx", "web", "webx"].into_iter()), Some("web"), "the most like");
        assert_eq!(nearest("container-of-web", ["kontayner-fo-wbe", "c"].into_iter()), None);
        assert_eq!(nearest("container-of-web", ["cntainer-of-wb", "c"].into_iter()), Some("cntainer-of-wb"));
        assert_eq!(nearest(&"m".repeat(100_000), ["main"].into_iter()), None);
    }
}
