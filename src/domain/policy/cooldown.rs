//! How long a version must have been known before it is applied, and since when versions are known.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::approval::SKEW;
use crate::domain::reference::Digest;

/// A waiting time, and what is known of the versions that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cooldown {
    length: TimeDelta,
    known: KnownSince,
    asked: Option<DateTime<Utc>>,
}

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no duration; write numbers with their units, as 30m, 24h, 7d or 1d12h, up to 365 days")]
pub struct CooldownError {
    /// What is written.
    pub given: String,
}

/// The longest waiting time, in days.
const MOST_DAYS: i64 = 365;

impl Cooldown {
    /// A waiting time, beside what is known.
    #[must_use]
    pub fn new(length: TimeDelta, known: KnownSince) -> Self {
        Self { length, known, asked: None }
    }

    /// Reads a waiting time.
    ///
    /// # Errors
    /// As [`duration`].
    pub fn parse(text: &str, known: KnownSince) -> Result<Self, CooldownError> {
        Ok(Self::new(duration(text)?, known))
    }

    /// Until when a tag waits; `None` when it has waited. A tag that is not known yet begins to wait now.
    #[must_use]
    pub fn until(&self, tag: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = self.no_earlier(now);
        let since = self.known.since(tag).unwrap_or(now).min(now);
        let until = since.checked_add_signed(self.length)?;
        (now < until).then_some(until)
    }

    /// The same of what a tag points to. What it is not known to point to begins to wait now.
    #[must_use]
    pub fn until_of(&self, tag: &str, digest: &Digest, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.knows(tag, digest) { self.until(tag, now) } else { now.checked_add_signed(self.length) }
    }

    /// Since when which tags are known.
    #[must_use]
    pub fn known(&self) -> &KnownSince {
        &self.known
    }

    /// Takes over what a tag points to now, and when its registry says that it was pushed. What it did not point to before
    /// begins to wait: from then, where that can be believed.
    pub fn learn(&mut self, tag: &str, digest: &Digest, pushed: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        self.known.learn(tag, digest, pushed, now);
    }

    /// By whose clock a tag waits.
    #[must_use]
    pub fn counts(&self, tag: &str) -> Counts {
        self.known.0.get(tag).map(|sight| sight.counts).unwrap_or_default()
    }

    /// Whether a tag is known to point to this, or need not be.
    #[must_use]
    pub fn knows(&self, tag: &str, digest: &Digest) -> bool {
        self.length.is_zero() || self.known.0.get(tag).is_some_and(|sight| sight.digest.as_ref() == Some(digest))
    }

    /// The same waiting time, beside what else is known.
    #[must_use]
    pub fn knowing(self, known: KnownSince) -> Self {
        Self { known, ..self }
    }

    /// The same where people were asked at a time, maybe by a replica whose clock is ahead: what had waited then has waited.
    #[must_use]
    pub fn asked(self, at: Option<DateTime<Utc>>) -> Self {
        Self { asked: at, ..self }
    }

    /// Now, or when people were asked, where that is as much later as clocks may be apart.
    fn no_earlier(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.asked.filter(|at| *at <= now + SKEW).map_or(now, |at| at.max(now))
    }
}

/// Reads a duration: numbers with `s`, `m`, `h`, `d` or `w` behind them.
///
/// # Errors
/// [`CooldownError`] for anything else, and for more than 365 days.
pub fn duration(text: &str) -> Result<TimeDelta, CooldownError> {
    let length = sum(text.trim()).filter(|length| *length <= TimeDelta::days(MOST_DAYS));
    length.ok_or_else(|| CooldownError { given: text.chars().take(40).collect() })
}

fn sum(text: &str) -> Option<TimeDelta> {
    let mut rest = text;
    let mut total = TimeDelta::zero();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits)?;
        let number: i64 = number.parse().ok()?;
        let unit = after.chars().next()?;
        let seconds = match unit.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(&TimeDelta::try_seconds(number.checked_mul(seconds)?)?)?;
        rest = after.get(1..)?;
    }
    (!text.is_empty()).then_some(total)
}

/// From when a version waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Counts {
    /// From when we saw it first.
    #[default]
    FirstSeen,
    /// From when its registry says that it was pushed.
    Pushed,
}

impl Counts {
    /// In a few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::FirstSeen => "from when it was first seen",
            Self::Pushed => "from when the registry says it was pushed",
        }
    }

    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstSeen => "first-seen",
            Self::Pushed => "pushed",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::FirstSeen
    }
}

/// Nothing was pushed to any registry before: Docker's first release.
const FIRST_PUSH: DateTime<Utc> = match DateTime::from_timestamp(1_363_737_600, 0) {
    Some(at) => at,
    None => DateTime::UNIX_EPOCH,
};

/// Clocks of registries may be ahead by so much.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Whether a registry can mean it that something was pushed then: some write year 1 where they know no time.
#[must_use]
pub fn is_time_of_push(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at > FIRST_PUSH && at <= now + AHEAD
}

/// What is known of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
struct Sight {
    /// Since when it is what it is.
    since: DateTime<Utc>,
    /// What its tag points to, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    /// By whose clock.
    #[serde(skip_serializing_if = "Counts::is_usual")]
    counts: Counts,
}

/// A [`Sight`] as it is written; a time alone by earlier versions.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Since(DateTime<Utc>),
    Sight {
        since: DateTime<Utc>,
        digest: Option<Digest>,
        #[serde(default)]
        counts: Counts,
    },
}

impl From<Written> for Sight {
    fn from(written: Written) -> Self {
        match written {
            Written::Since(since) => Self { since, digest: None, counts: Counts::FirstSeen },
            Written::Sight { since, digest, counts } => Self { since, digest, counts },
        }
    }
}

/// Since when the candidates are known, by tag. What waits is the content: a tag that is pushed again begins anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSince(BTreeMap<String, Sight>);

impl KnownSince {
    /// How many tags are recorded. A tag beyond it begins to wait again each time, until others are done.
    pub const MOST: usize = 32;

    /// Since when a tag is known.
    #[must_use]
    pub fn since(&self, tag: &str) -> Option<DateTime<Utc>> {
        self.0.get(tag).map(|sight| sight.since)
    }

    fn learn(&mut self, tag: &str, digest: &Digest, pushed: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        let before = self.0.get(tag);
        if before.is_some_and(|sight| sight.digest.as_ref() == Some(digest)) {
            return;
        }
        // When it pointed to something else it was not pushed yet.
        let earliest = before.filter(|sight| sight.digest.is_some()).map_or(FIRST_PUSH, |sight| sight.since);
        let pushed = pushed.filter(|at| *at > earliest && *at <= now);
        let counts = pushed.map_or(Counts::FirstSeen, |_| Counts::Pushed);
        let since = whole_seconds(pushed.unwrap_or(now));
        self.0.insert(tag.to_owned(), Sight { since, digest: Some(digest.clone()), counts });
    }

    /// What waits or has waited: tag, since when, and by whose clock.
    pub fn iter(&self) -> impl Iterator<Item = (&str, DateTime<Utc>, Counts)> {
        self.0.iter().map(|(tag, sight)| (tag.as_str(), sight.since, sight.counts))
    }

    /// The record of these tags, the most important first: times that are known stay, the others begin now.
    #[must_use]
    pub fn of<'t>(&self, tags: impl Iterator<Item = &'t str>, now: DateTime<Utc>) -> Self {
        let now = whole_seconds(now);
        let entry = |tag: &str| {
            let known =
                self.0.get(tag).cloned().unwrap_or(Sight { since: now, digest: None, counts: Counts::FirstSeen });
            (tag.to_owned(), Sight { since: known.since.min(now), ..known })
        };
        let mut record = BTreeMap::new();
        for (tag, sight) in tags.map(entry) {
            if record.len() == Self::MOST {
                break;
            }
            record.insert(tag, sight);
        }
        Self(record)
    }

    /// The same where a look that began at one time was told what is new to it until another: that is known since the answer
    /// came, which a registry that is slow may give long after.
    #[must_use]
    pub fn answered_at(mut self, began: DateTime<Utc>, ended: DateTime<Utc>) -> Self {
        let (began, ended) = (whole_seconds(began), whole_seconds(ended));
        let is_new = |sight: &&mut Sight| sight.counts == Counts::FirstSeen && sight.since == began;
        self.0.values_mut().filter(is_new).for_each(|sight| sight.since = sight.since.max(ended));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_duration_is_numbers_with_units() {
        let cases = [
            ("90s", Some(90)),
            ("30m", Some(1800)),
            ("24h", Some(86_400)),
            ("1d12h", Some(129_600)),
            ("2W", Some(1_209_600)),
            ("0s", Some(0)),
            ("365d", Some(31_536_000)),
            ("366d", None),
            ("", None),
            ("24", None),
            ("h", None),
            ("-1h", None),
            ("1.5h", None),
            ("1y", None),
            ("1h ", Some(3600)),
            ("99999999999999999999h", None),
            ("9223372036854775807w", None),
            ("1é", None),
        ];
        for (text, seconds) in cases {
            let read = Cooldown::parse(text, KnownSince::default()).ok().map(|cooldown| cooldown.length.num_seconds());
            assert_eq!(read, seconds, "{text:?}");
        }
    }

    #[test]
    fn a_version_waits_from_when_it_is_known() {
        let known = serde_json::from_str(r#"{"1.1.0":"2026-01-01T00:00:00Z","1.2.0":"2099-01-01T00:00:00Z"}"#).unwrap();
        let cooldown = Cooldown::parse("24h", known).unwrap();
        let now = at("2026-01-01T12:00:00Z");
        assert_eq!(cooldown.until("1.1.0", now), Some(at("2026-01-02T00:00:00Z")));
        assert_eq!(cooldown.until("1.1.0", at("2026-01-02T00:00:00Z")), None);
        assert_eq!(cooldown.until("1.3.0", now), Some(at("2026-01-02T12:00:00Z")), "known from now on");
        assert_eq!(cooldown.until("1.2.0", now), Some(at("2026-01-02T12:00:00Z")), "a time to come is not believed");
    }

    #[test]
    fn what_a_slow_registry_tells_is_known_since_it_told_it() {
        let [before, began, ended] = ["2027-01-15T08:00:00Z", "2027-01-15T08:10:00Z", "2027-01-15T08:12:00Z"].map(at);
        let mut known = KnownSince::default();
        let digest = |of: &str| Digest::of(of.as_bytes());
        known.learn("1.0.1", &digest("1"), None, before);
        known.learn("1.0.2", &digest("2"), None, began);
        known.learn("1.0.3", &digest("3"), Some(began), began);
        let known = known.answered_at(began, ended);
        assert_eq!(["1.0.1", "1.0.2", "1.0.3"].map(|tag| known.since(tag)), [Some(before), Some(ended), Some(began)]);
    }

    #[test]
    fn what_is_known_is_bounded() {
        let now = at("2026-01-01T12:00:00Z");
        let many: Vec<String> = (0..100).map(|n| format!("1.{n}.0")).collect();
        let record = KnownSince::default().of(many.iter().map(String::as_str), now);
        assert_eq!(record.0.len(), KnownSince::MOST);
        assert!(!record.is_empty() && KnownSince::default().is_empty());
        let later = record.of(["1.0.0", "9.0.0"].into_iter(), now + TimeDelta::hours(1));
        assert_eq!(later.since("1.0.0"), Some(now));
        assert_eq!(later.since("9.0.0"), Some(now + TimeDelta::hours(1)));
        assert_eq!(later.since("1.1.0"), None, "what is no candidate any more is forgotten");
        let kept: Vec<_> = later.iter().collect();
        let an_hour = now + TimeDelta::hours(1);
        assert_eq!(kept, [("1.0.0", now, Counts::FirstSeen), ("9.0.0", an_hour, Counts::FirstSeen)]);
        let to_come = record.of(["1.0.0"].into_iter(), now - TimeDelta::hours(1));
        assert_eq!(to_come.since("1.0.0"), Some(now - TimeDelta::hours(1)), "nothing is known since a time to come");
    }

    #[test]
    fn a_time_before_registries_or_ahead_of_clocks_is_none() {
        let now = at("2026-01-03T12:00:00Z");
        let times = ["2013-03-21T00:00:00Z", "2026-01-03T12:00:00Z", "2026-01-03T12:04:00Z"];
        assert!(times.iter().all(|time| is_time_of_push(at(time), now)));
        let none = ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2013-03-19T00:00:00Z", "2026-01-03T12:06:00Z"];
        assert!(!none.iter().any(|time| is_time_of_push(at(time), now)));
    }

    #[test]
    fn what_had_waited_when_people_were_asked_has_waited_by_a_clock_that_is_behind() {
        let known: KnownSince = serde_json::from_str(r#"{"1.1.0":"2026-09-01T00:00:00Z"}"#).unwrap();
        let cooldown = Cooldown::parse("6h", known).unwrap();
        let asked = Some(at("2026-09-01T06:00:00Z"));
        let behind = at("2026-09-01T05:58:20Z");
        let until = Some(at("2026-09-01T06:00:00Z"));
        assert_eq!(cooldown.until("1.1.0", behind), until, "nobody was asked");
        assert_eq!(cooldown.clone().asked(asked).until("1.1.0", behind), None);
        let longer = Cooldown::parse("7h", cooldown.known().clone()).unwrap().asked(asked);
        assert!(longer.until("1.1.0", behind).is_some(), "the setting was edited since");
        let far = cooldown.asked(Some(at("2026-09-01T06:30:00Z")));
        assert_eq!(far.until("1.1.0", behind), until, "no two clocks are so far apart");
    }

    #[test]
    fn what_is_pushed_again_waits_again() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let (now, day) = (at("2026-01-01T12:00:00Z"), TimeDelta::hours(24));
        let mut cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
        cooldown.learn("1.1.0", &one, None, now);
        cooldown.learn("1.1.0", &one, Some(at("2026-01-01T00:00:00Z")), now + TimeDelta::hours(20));
        assert_eq!(cooldown.until("1.1.0", now + TimeDelta::hours(20)), Some(now + day), "it is what it was");
        assert!(cooldown.knows("1.1.0", &one) && !cooldown.knows("1.1.0", &other) && !cooldown.knows("1.2.0", &one));
        assert!(Cooldown::new(TimeDelta::zero(), KnownSince::default()).knows("1.2.0", &one), "who waits for nothing");
        let written = serde_json::to_string(cooldown.known()).unwrap();
        cooldown = cooldown.knowing(serde_json::from_str(&written).unwrap());
        assert!(cooldown.knows("1.1.0", &one), "{written}");
        let moved = now + TimeDelta::hours(22);
        for digest in [&other, &one] {
            cooldown.learn("1.1.0", digest, None, moved);
            assert_eq!(cooldown.until("1.1.0", moved), Some(moved + day), "also when it goes back");
        }
        let legacy = serde_json::from_str(r#"{"1.1.0":"2026-01-01T12:00:00Z"}"#).unwrap();
        assert!(!Cooldown::new(day, legacy).knows("1.1.0", &one), "a time alone says nothing of the content");
    }

    #[test]
    fn a_push_time_counts_where_it_can_be_true() {
        let (one, other, now) = (Digest::of(b"one"), Digest::of(b"other"), at("2026-01-10T12:00:00Z"));
        let learnt = |pushed: Option<&str>| {
            let mut cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
            cooldown.learn("1.1.0", &one, pushed.map(at), now);
            (cooldown.known().since("1.1.0").unwrap(), cooldown.counts("1.1.0"))
        };
        let seen = (now, Counts::FirstSeen);
        assert_eq!(learnt(Some("2026-01-03T12:00:00Z")), (at("2026-01-03T12:00:00Z"), Counts::Pushed));
        assert_eq!(learnt(None), seen);
        assert_eq!(learnt(Some("2026-01-10T12:00:01Z")), seen, "it is to come");
        assert_eq!(learnt(Some("2026-01-10T12:00:00Z")), (now, Counts::Pushed));
        let legacy = serde_json::from_str(r#"{"1.1.0":"2026-01-09T12:00:00Z"}"#).unwrap();
        let mut cooldown = Cooldown::new(TimeDelta::hours(24), legacy);
        cooldown.learn("1.1.0", &one, Some(at("2026-01-03T12:00:00Z")), now);
        let pushed = (Some(at("2026-01-03T12:00:00Z")), Counts::Pushed);
        assert_eq!((cooldown.known().since("1.1.0"), cooldown.counts("1.1.0")), pushed, "it may be what was seen");
        for zero in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2013-01-01T00:00:00Z"] {
            assert_eq!(learnt(Some(zero)), seen, "{zero} is before any registry");
        }
        let mut cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
        cooldown.learn("1.1.0", &one, Some(at("2026-01-03T12:00:00Z")), now);
        let later = now + TimeDelta::hours(1);
        for pushed in ["2026-01-02T12:00:00Z", "2026-01-03T12:00:00Z"] {
            let mut cooldown = cooldown.clone();
            cooldown.learn("1.1.0", &other, Some(at(pushed)), later);
            assert_eq!(cooldown.known().since("1.1.0"), Some(later), "it was not pushed before what it replaced");
        }
        cooldown.learn("1.1.0", &other, None, later);
        let written = serde_json::to_string(cooldown.known()).unwrap();
        assert!(!written.contains("counts"), "{written}");
        cooldown.learn("1.1.0", &one, Some(later + TimeDelta::minutes(1)), later + TimeDelta::hours(1));
        let written = serde_json::to_string(cooldown.known()).unwrap();
        assert!(written.contains(r#""counts":"pushed""#), "{written}");
        assert_eq!(serde_json::from_str::<KnownSince>(&written).unwrap(), *cooldown.known());
    }
}
