//! Versions that were refused: by the API server, or as they would not start.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::question::REMINDED_AFTER;
use crate::domain::approval::LIFETIME;
use crate::domain::event::MOST_REMINDERS;
use crate::domain::notice::is_zero;
use crate::domain::preflight::{Flaw, Unfit};
use crate::domain::reference::{Digest, Tag};
use crate::domain::until::is_to_come;
use crate::domain::workload::first_eight;

/// So many are remembered of a container: no more are passed over in one decision.
const MOST: usize = 3;

/// A write that the API server refused is tried again after this.
pub const REFUSED_FOR: TimeDelta = TimeDelta::hours(6);

/// After it may be tried again, a refusal is remembered for so long: who is told of it is not to be told of the same again.
const REMEMBERED_FOR: TimeDelta = TimeDelta::days(2);

/// A version that is not gone to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The version.
    pub tag: Tag,
    /// Its manifest.
    pub digest: Digest,
    /// When it may be tried again.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub again: DateTime<Utc>,
    /// The API server's own sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// Why it would not start, where that is why. It is looked at anew each time, and remembered so that it is told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
    /// That people were told of it, where that was for its container to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What people were told of is told again for a while, as what was stored for them may be lost: with the same words, so that
/// they recognise it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// The tag that ran then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Tag>,
    /// In which of the API server's words, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<u64>,
    /// How often they were told of the same version before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before: u8,
    /// Whether what they are told was stored before this was written: it is not told again for a while.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_stored: bool,
}

impl Told {
    /// That people are told of something for the first time.
    #[must_use]
    pub fn first(at: DateTime<Utc>, from: Option<Tag>) -> Self {
        Self { at, from, words: None, before: 0, is_stored: false }
    }

    /// When people are told anew, if it is refused in these words then: as they are reminded of a question, where the words are
    /// those that they know; sooner where they are others, and less and less so, as words may be others each time.
    fn again(&self, words: u64) -> Option<DateTime<Utc>> {
        if self.words.is_none_or(|known| known == words) {
            return (self.before < MOST_REMINDERS).then(|| self.at + REMINDED_AFTER);
        }
        let wait = match self.before {
            0 => TimeDelta::days(1),
            1 => TimeDelta::days(3),
            _ => REMINDED_AFTER,
        };
        Some(self.at + wait)
    }
}

/// Whether people hear of a write that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hear {
    /// They are told now, which is remembered so.
    Now(Told),
    /// They were told, then.
    Before(Told),
}

impl Hear {
    /// What is remembered of it.
    #[must_use]
    pub fn told(&self) -> &Told {
        match self {
            Self::Now(told) | Self::Before(told) => told,
        }
    }
}

impl Refused {
    /// Whether it is not to be tried again yet.
    fn waits(&self, now: DateTime<Utc>) -> bool {
        is_to_come(self.again, REFUSED_FOR, now)
    }

    /// Whether it is worth remembering that it was refused.
    fn is_remembered(&self, now: DateTime<Utc>) -> bool {
        is_to_come(self.again + REMEMBERED_FOR, REFUSED_FOR + REMEMBERED_FOR, now)
    }

    fn is(&self, unfit: &Unfit) -> bool {
        (&self.tag, &self.digest, self.flaw.as_ref()) == (&unfit.tag, &unfit.digest, Some(&unfit.flaw))
    }
}

impl fmt::Display for Refused {
    /// What is wrong, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(flaw) = &self.flaw {
            return write!(f, "{} would not start: {flaw}", self.tag);
        }
        write!(f, "the API server refuses to write {}", self.tag)?;
        if self.said.is_empty() { Ok(()) } else { write!(f, ": {}", self.said) }
    }
}

/// What is refused of a container, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Refusals(Vec<Refused>);

impl Refusals {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the API server refused to write, and what is not to be tried again yet.
    pub fn writes(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Refused> {
        self.0.iter().filter(move |refused| refused.flaw.is_none() && refused.waits(now))
    }

    /// What would not start.
    pub fn unfit(&self) -> impl Iterator<Item = (&Refused, &Flaw)> {
        self.0.iter().filter_map(|refused| Some((refused, refused.flaw.as_ref()?)))
    }

    /// Whether it is known of this version that it would not start, and why.
    #[must_use]
    pub fn knows(&self, unfit: &Unfit) -> bool {
        self.0.iter().any(|refused| refused.is(unfit))
    }

    /// Whether people hear that the API server refuses to write this version, in these words; `told` is that they are told now.
    #[must_use]
    pub fn hear(&self, (tag, digest): (&Tag, &Digest), said: &str, told: Told) -> Hear {
        let words = first_eight(Sha256::new_with_prefix(said));
        let is_it = |it: &&Refused| it.flaw.is_none() && (&it.tag, &it.digest) == (tag, digest);
        let before = self.0.iter().find(is_it).and_then(|refused| refused.told.as_ref());
        match before {
            None => Hear::Now(Told { words: Some(words), ..told }),
            Some(known) if known.again(words).is_some_and(|again| again <= told.at) => {
                Hear::Now(Told { words: Some(words), before: known.before.saturating_add(1), ..told })
            }
            Some(known) => Hear::Before(known.clone()),
        }
    }

    /// What people were told of so lately that they may not have heard of it.
    pub fn told_lately(&self, now: DateTime<Utc>) -> impl Iterator<Item = (Unfit, &Told)> {
        let lately = self.0.iter().filter_map(move |refused| {
            let told = refused.told.as_ref().filter(|told| !told.is_stored && now < told.at + LIFETIME)?;
            Some((refused, told))
        });
        lately.map(|(refused, told)| {
            let flaw = refused.flaw.clone().unwrap_or_else(|| Flaw::Admission(refused.said.clone()));
            (Unfit { tag: refused.tag.clone(), digest: refused.digest.clone(), flaw }, told)
        })
    }

    /// One more write was refused.
    pub(super) fn refuse(&mut self, refused: Refused, now: DateTime<Utc>) {
        self.0.retain(|other| other.flaw.is_some() || other.tag != refused.tag && other.is_remembered(now));
        self.0.insert(0, refused);
        self.0.truncate(MOST);
    }

    /// These would not start, and no others. What people were told of before was told then.
    pub(super) fn are_unfit(&mut self, all: Vec<(Unfit, Option<Told>)>, now: DateTime<Utc>) {
        let before = std::mem::take(&mut self.0);
        let told_before = |unfit: &Unfit| before.iter().find(|other| other.is(unfit)).and_then(|it| it.told.clone());
        let unfit: Vec<Refused> = all
            .into_iter()
            .map(|(unfit, told)| {
                let told = told_before(&unfit).or(told);
                let Unfit { tag, digest, flaw } = unfit;
                Refused { tag, digest, again: now, said: String::new(), flaw: Some(flaw), told }
            })
            .collect();
        // What is but remembered takes no place from what counts.
        let writes = before.into_iter().filter(|other| other.flaw.is_none() && other.is_remembered(now));
        let (waiting, remembered): (Vec<_>, Vec<_>) = writes.partition(|refused| refused.waits(now));
        self.0 = waiting.into_iter().chain(unfit).chain(remembered).collect();
        self.0.truncate(MOST);
    }

    /// This version is written.
    pub(super) fn forget(&mut self, tag: &Tag) {
        self.0.retain(|refused| refused.tag != *tag);
    }

    /// The sentences of others.
    pub(super) fn said(&mut self) -> impl Iterator<Item = &mut String> {
        self.0.iter_mut().map(|refused| &mut refused.said)
    }
}

impl<'de> Deserialize<'de> for Refusals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An earlier release remembered one.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Many(Vec<Refused>),
            One(Box<Refused>),
        }

        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Many(all) => all,
            Written::One(refused) => vec![*refused],
        }))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn refused(tag: &str, hours: i64) -> Refused {
        let tag = Tag::parse(tag).unwrap();
        let digest = Digest::of(tag.as_str().as_bytes());
        Refused { tag, digest, again: at(hours), said: "no".into(), flaw: None, told: None }
    }

    fn unfit(tag: &str, flaw: Flaw) -> Unfit {
        Unfit { tag: Tag::parse(tag).unwrap(), digest: Digest::of(tag.as_bytes()), flaw }
    }

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn tags(refusals: &Refusals) -> Vec<&str> {
        refusals.0.iter().map(|refused| refused.tag.as_str()).collect()
    }

    #[test]
    fn a_few_are_remembered_and_those_whose_time_is_over_are_not() {
        let mut all = Refusals::default();
        for tag in ["1.4.0", "1.3.0", "1.2.0", "1.1.0"] {
            all.refuse(refused(tag, 6), at(0));
        }
        assert_eq!(tags(&all), ["1.1.0", "1.2.0", "1.3.0"]);
        all.refuse(refused("1.1.0", 8), at(1));
        assert_eq!((tags(&all), all.writes(at(7)).count()), (vec!["1.1.0", "1.2.0", "1.3.0"], 1));
        all.are_unfit(vec![(unfit("1.5.0", Flaw::NoCommand), None)], at(7));
        assert_eq!(tags(&all), ["1.1.0", "1.5.0", "1.2.0"], "what has no time left comes last");
        assert!(all.knows(&unfit("1.5.0", Flaw::NoCommand)) && !all.knows(&unfit("1.5.0", Flaw::Schema1)));
        all.forget(&Tag::parse("1.1.0").unwrap());
        all.are_unfit(Vec::new(), at(6 + 48));
        assert!(all.is_empty());
    }

    #[test]
    fn what_would_not_start_and_what_is_refused_are_kept_apart() {
        let mut all = Refusals::default();
        all.are_unfit(vec![(unfit("1.5.0", Flaw::NoCommand), None)], at(7));
        all.refuse(refused("1.4.0", 9), at(8));
        assert_eq!(tags(&all), ["1.4.0", "1.5.0"], "what would not start has no time");
        assert_eq!(all.writes(at(6)).map(|it| it.tag.as_str()).collect::<Vec<_>>(), ["1.4.0"]);
        assert_eq!(all.unfit().map(|(it, _)| it.tag.as_str()).collect::<Vec<_>>(), ["1.5.0"]);
        all.are_unfit(vec![(unfit("1.6.0", Flaw::NoCommand), None)], at(8));
        assert_eq!(tags(&all), ["1.4.0", "1.6.0"], "these, and no others");
        all.are_unfit(Vec::new(), at(9 + 48));
        assert!(all.is_empty(), "its time is over");
        all.refuse(refused("1.4.0", 9), at(8));
        all.refuse(refused("1.5.0", 12), at(9));
        assert_eq!((tags(&all), all.writes(at(9)).count()), (vec!["1.5.0", "1.4.0"], 1));
        let many = ["1.0.1", "1.0.2", "1.0.3", "1.0.4"].map(|tag| (unfit(tag, Flaw::NoCommand), None));
        all.are_unfit(many.into(), at(9));
        assert_eq!(tags(&all), ["1.5.0", "1.0.1", "1.0.2"]);
    }

    #[test]
    fn what_people_were_told_of_is_told_again_for_a_while_as_it_was_told_first() {
        let told = |hours| Some(Told::first(at(hours), Tag::parse("1.0.0").ok()));
        let mut all = Refusals::default();
        all.are_unfit(vec![(unfit("1.5.0", Flaw::NoCommand), told(1)), (unfit("1.6.0", Flaw::NoCommand), None)], at(1));
        all.are_unfit(
            vec![(unfit("1.5.0", Flaw::NoCommand), told(2)), (unfit("1.7.0", Flaw::NoCommand), told(2))],
            at(2),
        );
        let lately = |all: &Refusals, hours| -> Vec<(String, DateTime<Utc>)> {
            all.told_lately(at(hours)).map(|(unfit, told)| (unfit.tag.to_string(), told.at)).collect()
        };
        assert_eq!(lately(&all, 72), [("1.5.0".into(), at(1)), ("1.7.0".into(), at(2))]);
        assert_eq!(lately(&all, 73), [("1.7.0".into(), at(2))]);
        assert!(lately(&all, 74).is_empty());
        let mut all = Refusals::default();
        all.refuse(Refused { told: told(1), ..refused("1.1.0", 6) }, at(1));
        let (again, _) = all.told_lately(at(2)).next().unwrap();
        assert_eq!(again.flaw, Flaw::Admission("no".into()));
        let written = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Refusals>(&written).unwrap(), all);
    }

    /// The hours at which people hear that a write is refused that is tried every six hours, in the words of each hour.
    fn heard(days: i64, said: impl Fn(i64) -> String) -> Vec<i64> {
        let (mut all, mut heard) = (Refusals::default(), Vec::new());
        for hours in (0..days * 24).step_by(6) {
            let one = refused("1.1.0", hours + 6);
            let hear = all.hear((&one.tag, &one.digest), &said(hours), Told::first(at(hours), None));
            heard.extend(matches!(hear, Hear::Now(_)).then_some(hours));
            let told = Some(hear.told().clone());
            // A record may keep less of what was said.
            all.refuse(Refused { said: "cut".into(), told, ..one }, at(hours));
        }
        heard
    }

    #[test]
    fn what_is_refused_for_ever_is_told_once_and_people_are_reminded_three_times() {
        let same = heard(70, |_| "not signed".into());
        assert_eq!(same, [0, 7 * 24, 14 * 24, 21 * 24]);
        assert_eq!(heard(3, |hours| if hours < 12 { "not signed".into() } else { "no quota".into() }), [0, 24]);
        let others_each_time = heard(40, |hours| format!("request {hours}"));
        assert_eq!(others_each_time, [0, 24, 4 * 24, 11 * 24, 18 * 24, 25 * 24, 32 * 24, 39 * 24]);
        let mut all = Refusals::default();
        let one = refused("1.1.0", 6);
        let hear = |all: &Refusals| all.hear((&one.tag, &Digest::of(b"pushed again")), "no", Told::first(at(6), None));
        all.refuse(Refused { told: Some(Told::first(at(0), None)), ..one.clone() }, at(0));
        assert!(matches!(hear(&all), Hear::Now(Told { before: 0, .. })), "it is another manifest");
        assert_eq!(all.told_lately(at(6)).count(), 1);
        let stored = Told { is_stored: true, ..Told::first(at(0), None) };
        all.refuse(Refused { told: Some(stored), ..one.clone() }, at(0));
        assert_eq!(all.told_lately(at(6)).count(), 0, "it was stored before it was remembered");
        all.refuse(Refused { told: Some(Told::first(at(0), None)), ..one.clone() }, at(0));
        let known = all.hear((&one.tag, &one.digest), "no", Told::first(at(6), None));
        assert_eq!(known, Hear::Before(Told::first(at(0), None)), "as an earlier release remembered it");
    }

    #[test]
    fn what_an_earlier_release_remembered_is_read() {
        let one = refused("1.1.0", 6);
        let written = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Refusals>(&written).unwrap(), Refusals(vec![one.clone()]));
        let many = Refusals(vec![one]);
        let written = serde_json::to_string(&many).unwrap();
        assert!(written.starts_with('[') && serde_json::from_str::<Refusals>(&written).unwrap() == many);
    }
}
