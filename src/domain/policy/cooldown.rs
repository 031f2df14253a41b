//! How long a version must have been known before it is applied, and since when versions are known.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

/// A waiting time, and what is known of the versions that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cooldown {
    length: TimeDelta,
    known: KnownSince,
}

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no duration; write numbers with their units, as 30m, 24h, 7d or 1d12h, up to 365 days")]
pub struct CooldownError {
    given: String,
}

/// The longest waiting time, in days.
const MOST_DAYS: i64 = 365;

impl Cooldown {
    /// A waiting time, beside what is known.
    #[must_use]
    pub fn new(length: TimeDelta, known: KnownSince) -> Self {
        Self { length, known }
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
        let since = self.known.since(tag).unwrap_or(now).min(now);
        let until = since.checked_add_signed(self.length)?;
        (now < until).then_some(until)
    }

    /// Since when which tags are known.
    #[must_use]
    pub fn known(&self) -> &KnownSince {
        &self.known
    }

    /// The same waiting time, beside what else is known.
    #[must_use]
    pub fn knowing(self, known: KnownSince) -> Self {
        Self { known, ..self }
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

/// Since when the candidates are known, by tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KnownSince(BTreeMap<String, DateTime<Utc>>);

impl KnownSince {
    /// How many tags are recorded. A tag beyond it begins to wait again each time, until others are done.
    pub const MOST: usize = 32;

    /// Since when a tag is known.
    #[must_use]
    pub fn since(&self, tag: &str) -> Option<DateTime<Utc>> {
        self.0.get(tag).copied()
    }

    /// The record of these tags, the most important first: times that are known stay, the others begin now.
    #[must_use]
    pub fn of<'t>(&self, tags: impl Iterator<Item = &'t str>, now: DateTime<Utc>) -> Self {
        let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
        let entry = |tag: &str| (tag.to_owned(), self.since(tag).unwrap_or(now).min(now));
        let mut record = BTreeMap::new();
        for (tag, since) in tags.map(entry) {
            if record.len() == Self::MOST {
                break;
            }
            record.insert(tag, since);
        }
        Self(record)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
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
    }
}
