//! The decision: what runs, what the registry has and what the workload allows → the tag to go to, with its reasons.
//!
//! Pure. A candidate is offered only when it is provably the same kind of thing as the running tag, and newer: a missed
//! update costs a notice, a wrong one an outage.

use std::fmt;

use super::reference::Tag;
use super::tag::{Level, Version};

/// What happens when there is something newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is applied.
    AutoUpdate,
    /// People are told and asked.
    Notification,
    /// Nothing is looked at.
    Disabled,
}

/// How far an update may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Anything newer.
    All,
    /// The same versions as [`Strategy::All`].
    Major,
    /// The first number stays.
    Minor,
    /// The first two numbers stay.
    Patch,
}

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// The highest allowed version.
    Version,
    /// The running tag, when it points to another manifest.
    Digest,
}

/// A word that stands for none of the values that exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is none of {}", allowed.join(", "))]
pub struct UnknownWord {
    given: String,
    allowed: &'static [&'static str],
}

/// `FromStr` and `Display` of an enum that is written as one upper- or lower-case word.
macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// The words, as documented.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The documented word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownWord;

            /// Any letter case is accepted, and space around the word.
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let word = text.trim();
                $(if word.eq_ignore_ascii_case($word) { return Ok(Self::$variant); })+
                Err(UnknownWord { given: word.chars().take(40).collect(), allowed: Self::WORDS })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Mode: AutoUpdate = "AUTO_UPDATE", Notification = "NOTIFICATION", Disabled = "DISABLED");
words!(Strategy: All = "ALL", Major = "MAJOR", Minor = "MINOR", Patch = "PATCH");
words!(Track: Version = "version", Digest = "digest");

impl Strategy {
    /// Whether an update of this size is allowed.
    #[must_use]
    pub fn allows(self, level: Level) -> bool {
        match self {
            Self::All | Self::Major => true,
            Self::Minor => level != Level::Major,
            Self::Patch => !matches!(level, Level::Major | Level::Minor),
        }
    }
}

/// What narrows the candidates.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How far.
    pub strategy: Strategy,
    /// Whether prereleases are candidates for a release.
    pub prerelease: bool,
    /// Only tags in which this is found, if it is set.
    pub include: Option<regex::Regex>,
    /// No tag in which this is found; it wins over `include`.
    pub exclude: Option<regex::Regex>,
    /// Tags never to propose.
    pub skip: Vec<String>,
}

impl Policy {
    /// Everything that a strategy allows.
    #[must_use]
    pub fn of(strategy: Strategy) -> Self {
        Self { strategy, prerelease: false, include: None, exclude: None, skip: Vec::new() }
    }
}

/// Why a candidate is taken or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It could be taken; the highest of these is.
    Eligible(Level),
    /// It carries no version.
    NotAVersion,
    /// It is another variant than the running one.
    OtherFamily,
    /// It is the running one, or older.
    NotNewer,
    /// It is a prerelease, and releases are followed.
    Prerelease,
    /// The strategy doesn't go so far.
    AboveStrategy(Level),
    /// `image-watcher/exclude` names it, or `image-watcher/include` does not.
    Excluded,
    /// `image-watcher/skip` names it.
    Skipped,
}

/// What to do about one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing in the registry is newer and allowed.
    UpToDate,
    /// Go to this tag.
    Update {
        /// The highest eligible tag.
        to: Tag,
        /// How far it is.
        level: Level,
    },
    /// The running tag has no version that could be compared.
    NoVersion,
}

/// Judges one candidate against the running version. Cheap tests come first.
#[must_use]
pub fn judge(running: &Version<'_>, candidate: &Tag, policy: &Policy) -> Verdict {
    let Some(version) = Version::read(candidate) else { return Verdict::NotAVersion };
    if !running.same_family(&version) {
        return Verdict::OtherFamily;
    }
    if version.compare(running).is_le() {
        return Verdict::NotNewer;
    }
    let level = running.level_to(&version);
    if version.is_prerelease() && !policy.prerelease && !(running.is_prerelease() && running.same_numbers(&version)) {
        return Verdict::Prerelease;
    }
    if !policy.strategy.allows(level) {
        return Verdict::AboveStrategy(level);
    }
    let text = candidate.as_str();
    let included = policy.include.as_ref().is_none_or(|pattern| pattern.is_match(text));
    if !included || policy.exclude.as_ref().is_some_and(|pattern| pattern.is_match(text)) {
        return Verdict::Excluded;
    }
    if policy.skip.iter().any(|skipped| skipped == text) {
        return Verdict::Skipped;
    }
    Verdict::Eligible(level)
}

/// Chooses the highest eligible tag. Order and duplicates of the candidates don't matter.
///
/// Of two spellings of one version, with and without `v`, the one that looks like the running tag is taken.
#[must_use]
pub fn decide<'t>(running: &Tag, candidates: impl IntoIterator<Item = &'t Tag>, policy: &Policy) -> Decision {
    let Some(current) = Version::read(running) else { return Decision::NoVersion };
    let mut best: Option<(Version<'t>, &'t Tag, Level)> = None;
    for candidate in candidates {
        let Verdict::Eligible(level) = judge(&current, candidate, policy) else { continue };
        let Some(version) = Version::read(candidate) else { continue };
        let better = best.as_ref().is_none_or(|(highest, tag, _)| {
            version
                .compare(highest)
                .then_with(|| version.same_form(&current).cmp(&highest.same_form(&current)))
                .then_with(|| candidate.cmp(tag))
                .is_gt()
        });
        if better {
            best = Some((version, candidate, level));
        }
    }
    match best {
        Some((_, tag, level)) => Decision::Update { to: tag.clone(), level },
        None => Decision::UpToDate,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn tags(list: &[&str]) -> Vec<Tag> {
        list.iter().map(|text| Tag::parse(text).unwrap()).collect()
    }

    fn chosen(running: &str, list: &[&str], policy: &Policy) -> Option<String> {
        match decide(&Tag::parse(running).unwrap(), &tags(list), policy) {
            Decision::Update { to, .. } => Some(to.to_string()),
            _ => None,
        }
    }

    #[test]
    fn words_are_written_as_they_are_read() {
        for word in Mode::WORDS {
            assert_eq!(word.to_lowercase().parse::<Mode>().unwrap().as_str(), *word);
        }
        for word in Strategy::WORDS {
            assert_eq!(format!(" {word} ").parse::<Strategy>().unwrap().as_str(), *word);
        }
        let error = "PACTH".parse::<Strategy>().unwrap_err();
        assert_eq!(error.to_string(), r#""PACTH" is none of ALL, MAJOR, MINOR, PATCH"#);
    }

    #[test]
    fn a_strategy_bounds_the_step() {
        let list = ["1.2.3", "1.2.4", "1.3.0", "2.0.0", "1.2.9-alpine", "3.0.0-rc.1", "latest", "0.9.0"];
        let cases = [
            (Strategy::All, Some("2.0.0")),
            (Strategy::Major, Some("2.0.0")),
            (Strategy::Minor, Some("1.3.0")),
            (Strategy::Patch, Some("1.2.4")),
        ];
        for (strategy, expected) in cases {
            assert_eq!(chosen("1.2.3", &list, &Policy::of(strategy)).as_deref(), expected, "{strategy}");
        }
    }

    #[test]
    fn options_only_narrow() {
        let list = ["1.2.3", "1.2.4", "1.2.5", "1.3.0-rc.1"];
        let mut policy = Policy::of(Strategy::All);
        assert_eq!(chosen("1.2.3", &list, &policy).as_deref(), Some("1.2.5"));
        policy.skip = vec!["1.2.5".into()];
        assert_eq!(chosen("1.2.3", &list, &policy).as_deref(), Some("1.2.4"));
        policy.exclude = Some(regex::Regex::new("4$").unwrap());
        assert_eq!(chosen("1.2.3", &list, &policy), None);
        policy.prerelease = true;
        assert_eq!(chosen("1.2.3", &list, &policy).as_deref(), Some("1.3.0-rc.1"));
        policy.include = Some(regex::Regex::new("^1\\.2").unwrap());
        assert_eq!(chosen("1.2.3", &list, &policy), None);
    }

    #[test]
    fn a_prerelease_goes_to_its_release() {
        let policy = Policy::of(Strategy::Patch);
        assert_eq!(chosen("2.0.0-rc.1", &["2.0.0-rc.2"], &policy).as_deref(), Some("2.0.0-rc.2"));
        assert_eq!(chosen("2.0.0-rc.1", &["2.0.0-rc.2", "2.0.0"], &policy).as_deref(), Some("2.0.0"));
    }

    #[test]
    fn the_form_of_the_running_tag_is_kept_between_twins() {
        let policy = Policy::of(Strategy::All);
        assert_eq!(chosen("1.0.0", &["v1.0.1", "1.0.1"], &policy).as_deref(), Some("1.0.1"));
        assert_eq!(chosen("v1.0.0", &["v1.0.1", "1.0.1"], &policy).as_deref(), Some("v1.0.1"));
        assert_eq!(chosen("1.0.0", &["v1.0.1"], &policy).as_deref(), Some("v1.0.1"));
    }

    #[test]
    fn what_has_no_version_is_not_compared() {
        let running = Tag::parse("latest").unwrap();
        assert_eq!(decide(&running, &tags(&["1.0.0"]), &Policy::of(Strategy::All)), Decision::NoVersion);
        assert_eq!(chosen("1.0.0", &[], &Policy::of(Strategy::All)), None);
    }

    fn any_tag() -> impl proptest::strategy::Strategy<Value = String> {
        "v?[0-9]\\.[0-9]\\.[0-9](-rc[0-9])?(-alpine)?"
    }

    proptest! {
        #[test]
        fn a_decision_is_stable(running in any_tag(), list in proptest::collection::vec(any_tag(), 0..12)) {
            let policy = Policy::of(Strategy::Minor);
            let all: Vec<&str> = list.iter().map(String::as_str).collect();
            let first = chosen(&running, &all, &policy);
            let mut again: Vec<&str> = all.iter().rev().copied().collect();
            again.extend(again.clone());
            prop_assert_eq!(&first, &chosen(&running, &again, &policy));
            if let Some(to) = first {
                prop_assert!(all.contains(&to.as_str()));
                prop_assert_eq!(chosen(&to, &all, &policy), None, "from the result there is nothing newer");
                prop_assert_eq!(running.ends_with("-alpine"), to.ends_with("-alpine"));
            }
        }

        #[test]
        fn a_narrower_strategy_accepts_no_more(running in any_tag(), list in proptest::collection::vec(any_tag(), 0..12)) {
            let running = Tag::parse(&running).unwrap();
            let current = Version::read(&running).unwrap();
            for candidate in &list {
                let candidate = Tag::parse(candidate).unwrap();
                let allowed = |strategy| matches!(judge(&current, &candidate, &Policy::of(strategy)), Verdict::Eligible(_));
                prop_assert!(!allowed(Strategy::Patch) || allowed(Strategy::Minor));
                prop_assert!(!allowed(Strategy::Minor) || allowed(Strategy::Major));
                prop_assert_eq!(allowed(Strategy::Major), allowed(Strategy::All));
            }
        }
    }
}
