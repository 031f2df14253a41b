//! A length of time as people say it: one number, and one unit.

use chrono::TimeDelta;

/// The largest unit that it is at least one of, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Less than a second.
    None,
    /// Seconds.
    Seconds(i64),
    /// Minutes.
    Minutes(i64),
    /// Hours.
    Hours(i64),
    /// Days.
    Days(i64),
}

impl Span {
    /// Cut, not rounded: three days are not told before they are over. Hours are told up to two days.
    #[must_use]
    pub fn of(span: TimeDelta) -> Self {
        match span.num_seconds() {
            ..1 => Self::None,
            seconds @ 1..60 => Self::Seconds(seconds),
            seconds @ 60..3_600 => Self::Minutes(seconds / 60),
            seconds @ 3_600..172_800 => Self::Hours(seconds / 3_600),
            seconds => Self::Days(seconds / 86_400),
        }
    }

    /// What is left until a moment, rounded: what was given three days is not told to have two a second later.
    #[must_use]
    pub fn left(span: TimeDelta) -> Self {
        Self::of(match span.num_seconds() {
            ..60 => span,
            60..3_600 => span + TimeDelta::seconds(30),
            3_600..171_000 => span + TimeDelta::minutes(30),
            _ => span + TimeDelta::hours(12),
        })
    }

    /// The number and the unit, for languages that set one behind the other; days are called `day`.
    #[must_use]
    pub fn short(self, day: &str) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Seconds(many) => format!("{many}\u{a0}s"),
            Self::Minutes(many) => format!("{many}\u{a0}min"),
            Self::Hours(many) => format!("{many}\u{a0}h"),
            Self::Days(many) => format!("{many}\u{a0}{day}"),
        })
    }
}
