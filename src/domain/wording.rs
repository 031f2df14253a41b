//! Words that messages, pages and tables share, so that the same thing is called the same everywhere.

use std::fmt::Display;

use chrono::{DateTime, Utc};

/// A moment as people read it: `18 Nov 2026 11:06 UTC`.
#[must_use]
pub fn moment(moment: DateTime<Utc>) -> String {
    moment.format("%-d %b %Y %H:%M UTC").to_string()
}

/// The same of a moment that is written as RFC 3339; what is none stays as it is.
#[must_use]
pub fn moment_of(text: &str) -> String {
    DateTime::parse_from_rfc3339(text).map_or_else(|_| text.to_owned(), |time| moment(time.to_utc()))
}

/// Who set something back, as far as it is known.
#[must_use]
pub fn somebody(by: &[String]) -> String {
    if by.is_empty() { "somebody".to_owned() } else { by.join(", ") }
}

/// What whoever goes back to a version is to hear of it that failed when it ran here last, by an update of this time.
#[must_use]
pub fn failed_here(version: &str, time: &str) -> String {
    format!("{version} failed on this workload before, as of its update of {time}: it may fail again")
}

/// A number and what it counts: one is singular.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, several: &str) -> String {
    let word = if count == N::from(1) { one } else { several };
    format!("{count} {word}")
}

/// A few words as a sentence of their own.
#[must_use]
pub fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    let stop = if words.ends_with(['.', '!', '?']) || words.is_empty() { "" } else { "." };
    format!("{}{}{stop}", first.into_iter().flatten().collect::<String>(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_the_same_wherever_they_come_from() {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        assert_eq!(moment(at), "18 Nov 2026 11:06 UTC");
        assert_eq!(moment_of(&super::super::history::rfc3339(at)), moment(at));
        assert_eq!(moment_of("yesterday"), "yesterday");
        assert_eq!((somebody(&[]), somebody(&["a".into(), "b".into()])), ("somebody".into(), "a, b".into()));
    }

    #[test]
    fn one_is_singular() {
        let minutes = |count: u64| counted(count, "minute", "minutes");
        assert_eq!([minutes(0), minutes(1), minutes(2)], ["0 minutes", "1 minute", "2 minutes"]);
    }

    #[test]
    fn words_become_a_sentence_once() {
        assert_eq!(sentence("try again"), "Try again.");
        assert_eq!((sentence("Done."), sentence("")), ("Done.".into(), String::new()));
    }
}
