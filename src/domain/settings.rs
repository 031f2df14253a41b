//! What a workload's annotations ask for, under what the operator forces.
//!
//! Order, strongest first: the operator's environment, `image-watcher/<name>.<container>`, `image-watcher/<name>`, the
//! built-in value. A setting that can't be read is an error of that workload alone: it is left as it is.

use super::approval::PROPOSAL;
use super::policy::{Cooldown, KnownSince, Mode, Order, Pattern, Policy, Selection, Strategy, Track};
use super::release_url::ReleaseUrl;
use super::workload::{MOST_OF_AN_ANNOTATION, Workload, is_cut};

/// What the operator forces on every workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// `IMAGE_WATCHER_MODE`.
    pub mode: Option<Mode>,
    /// `IMAGE_WATCHER_STRATEGY`.
    pub strategy: Option<Strategy>,
}

/// What holds for one container.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Apply, ask or nothing.
    pub mode: Mode,
    /// Versions, or what the running tag points to.
    pub track: Track,
    /// What narrows the candidates.
    pub policy: Policy,
    /// Names of channels; `None` is all of them.
    pub notify: Option<Vec<String>>,
    /// Where release notes are, with `${tag}` or `${version}` in it; one that can't be read is none, see [`flaw`].
    pub release_url: Option<ReleaseUrl>,
}

/// A setting that can't be read: which one, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("image-watcher/{name}: {problem}")]
pub struct SettingError {
    name: String,
    problem: String,
}

/// Names of annotations that are settings; a workload that carries any is watched.
pub const SETTINGS: [&str; 12] = [
    "mode",
    "strategy",
    "release-url",
    "include",
    "exclude",
    "prerelease",
    "track",
    "tag-policy",
    "tag-order",
    "skip",
    "notify",
    "cooldown",
];

/// Names of annotations that are our own record.
pub const STATE: [&str; 11] = [
    "current-version",
    "previous-version",
    "last-updated",
    "last-updated-version",
    "last-notified",
    "last-notified-version",
    "token-update",
    "history",
    "known-since",
    "tracked-digest",
    "error",
];

/// Whether an annotation, named without its prefix, makes a workload a watched one.
#[must_use]
pub fn is_setting(name: &str) -> bool {
    let name = name.split_once('.').map_or(name, |(name, _)| name);
    SETTINGS.contains(&name)
}

/// Whether an annotation, named without its prefix, is one that we read or write, for the whole workload or for one of
/// its containers.
#[must_use]
pub fn is_ours(name: &str, is_container: impl Fn(&str) -> bool) -> bool {
    let (bare, container) = name.split_once('.').map_or((name, None), |(bare, container)| (bare, Some(container)));
    let known = SETTINGS.contains(&bare) || STATE.contains(&bare) || bare == PROPOSAL;
    known && container.is_none_or(is_container)
}

impl Settings {
    /// Reads what holds for `container`.
    ///
    /// # Errors
    /// [`SettingError`] for the first setting that can't be read, by its name.
    pub fn read(workload: &Workload, container: &str, forced: Forced) -> Result<Self, SettingError> {
        let reader = Reader { workload, container };
        reader.too_long()?;
        let mode = match forced.mode {
            Some(mode) => mode,
            None => reader.parse("mode")?.unwrap_or(Mode::Notification),
        };
        let strategy = match forced.strategy {
            Some(strategy) => strategy,
            None => reader.parse("strategy")?.unwrap_or(Strategy::All),
        };
        Ok(Self {
            mode,
            track: reader.parse("track")?.unwrap_or(Track::Version),
            policy: Policy {
                strategy,
                prerelease: reader.flag("prerelease")?.unwrap_or(false),
                include: reader.pattern("include")?,
                exclude: reader.pattern("exclude")?,
                selection: reader.selection()?,
                skip: reader.list("skip").unwrap_or_default(),
                cooldown: reader.cooldown()?,
            },
            notify: reader.list("notify"),
            release_url: reader.release_url().unwrap_or_default(),
        })
    }
}

/// Looks annotations up for one container.
struct Reader<'w> {
    workload: &'w Workload,
    container: &'w str,
}

impl Reader<'_> {
    /// The name that was found, and its value.
    fn get(&self, name: &str) -> Option<(String, &str)> {
        let own = format!("{name}.{}", self.container);
        match self.workload.annotation(&own) {
            Some(value) => Some((own, value)),
            None => Some((name.to_owned(), self.workload.annotation(name)?)),
        }
    }

    /// A setting that was cut must not be taken for what is left of it. Only a release URL does no harm.
    fn too_long(&self) -> Result<(), SettingError> {
        let found = SETTINGS.iter().filter(|name| **name != "release-url").find_map(|name| {
            let (name, value) = self.get(name)?;
            is_cut(value).then_some(name)
        });
        let problem = format!("a setting has at most {MOST_OF_AN_ANNOTATION} bytes");
        found.map_or(Ok(()), |name| Err(SettingError { name, problem }))
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, SettingError> {
        let Some((name, value)) = self.get(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|error: T::Err| SettingError { name, problem: error.to_string() })
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, SettingError> {
        let Some((name, value)) = self.get(name) else { return Ok(None) };
        match value.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            other => Err(SettingError { name, problem: format!("{:?} is none of true, false", excerpt(other)) }),
        }
    }

    fn pattern(&self, name: &str) -> Result<Option<Pattern>, SettingError> {
        let Some((name, value)) = self.get(name) else { return Ok(None) };
        Pattern::regex(value).map(Some).map_err(|error| SettingError { name, problem: error.to_string() })
    }

    fn selection(&self) -> Result<Option<Selection>, SettingError> {
        let order = self.parse::<Order>("tag-order")?;
        match (self.get("tag-policy"), order) {
            (Some((name, value)), order) => Selection::parse(value, order.unwrap_or(Order::Semver))
                .map(Some)
                .map_err(|error| SettingError { name, problem: error.to_string() }),
            (None, Some(_)) => Err(SettingError {
                name: "tag-order".into(),
                problem: "it orders what image-watcher/tag-policy matches, which is not set".into(),
            }),
            (None, None) => Ok(None),
        }
    }

    fn cooldown(&self) -> Result<Option<Cooldown>, SettingError> {
        let Some((name, value)) = self.get("cooldown") else { return Ok(None) };
        let known = KnownSince::read(self.workload.state("known-since", self.container));
        let cooldown = Cooldown::parse(value, known);
        cooldown.map(Some).map_err(|error| SettingError { name, problem: error.to_string() })
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        let (_, value) = self.get(name)?;
        Some(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    fn release_url(&self) -> Result<Option<ReleaseUrl>, SettingError> {
        let Some((name, value)) = self.get("release-url") else { return Ok(None) };
        ReleaseUrl::parse(value).map(Some).map_err(|error| SettingError { name, problem: error.to_string() })
    }
}

/// The first characters of a value, for an error about it.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

/// What is wrong with the settings of a container and is no reason to leave it alone: updates go on without it.
#[must_use]
pub fn flaw(workload: &Workload, container: &str) -> Option<SettingError> {
    Reader { workload, container }.release_url().err()
}

#[cfg(test)]
mod tests {
    use super::super::workload::tests::workload;
    use super::*;

    fn read(annotations: &[(&str, &str)], forced: Forced) -> Result<Settings, SettingError> {
        Settings::read(&workload(&[("web", "web:1.0.0")], annotations), "web", forced)
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
                "image-watcher/tag-policy: write glob: or regex: before the pattern, as in glob:build-*",
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
        let waiting = read(&[("cooldown.web", "24h"), ("known-since", known)], Forced::default()).unwrap();
        assert!(waiting.policy.cooldown.unwrap().known().since("1.1.0").is_some());
        assert!(read(&[("tag-policy", "glob:build-*")], Forced::default()).unwrap().policy.selection.is_some());
    }

    #[test]
    fn a_release_url_that_cannot_be_read_stops_nothing() {
        let broken =
            workload(&[("web", "web:1.0.0")], &[("release-url", "https://example.com/notes"), ("mode", "AUTO_UPDATE")]);
        let settings = Settings::read(&broken, "web", Forced::default()).unwrap();
        assert!(settings.release_url.is_none() && settings.mode == Mode::AutoUpdate);
        let told = flaw(&broken, "web").unwrap().to_string();
        assert!(told.starts_with("image-watcher/release-url: ${tag} or ${version} is missing"), "{told}");
        assert_eq!(flaw(&workload(&[("web", "web:1.0.0")], &[]), "web"), None);
    }

    #[test]
    fn a_list_that_was_cut_is_no_list() {
        let long = "1.0.0,".repeat(MOST_OF_AN_ANNOTATION);
        let cut = super::super::workload::remembered(&long);
        let error = read(&[("skip", cut)], Forced::default()).unwrap_err().to_string();
        assert_eq!(error, "image-watcher/skip: a setting has at most 16384 bytes");
        assert!(read(&[("release-url", cut)], Forced::default()).is_ok());
    }

    #[test]
    fn ours_are_known_names_of_containers_that_exist() {
        let is_web = |name: &str| name == "web";
        for name in ["mode", "mode.web", "history", "proposal.web", "tracked-digest"] {
            assert!(is_ours(name, is_web), "{name}");
        }
        for name in ["stategy", "mode.mian", "mode.", "note", "", "web", "proposal.log"] {
            assert!(!is_ours(name, is_web), "{name}");
        }
    }

    #[test]
    fn only_settings_make_a_workload_watched() {
        assert!(is_setting("mode") && is_setting("strategy.web") && is_setting("cooldown"));
        assert!(STATE.iter().all(|name| !is_setting(name)));
    }
}
