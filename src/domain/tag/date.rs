//! Calendar dates in tags (S2): the shapes that projects write, and no other.

use std::ops::RangeInclusive;

use super::{digits, first_token, from, is_commit};

/// A date, with a time of day if one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    shape: Shape,
    year: u16,
    month: u8,
    day: u8,
    /// `hhmmss` as one number; what is not written is zero.
    time: u32,
}

/// How a date is written. Two shapes are two numbering schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `2024-01-31T20-20-33Z`
    DashedInstant,
    /// `2024-01-31`
    Dashed,
    /// `20240131-2020`
    Minutes,
    /// `20240131-202033`
    Seconds,
    /// `20240131T2020Z`
    MinutesInstant,
    /// `20240131T202033Z`
    SecondsInstant,
    /// `202401312020`
    PackedMinutes,
    /// `20240131202033`
    PackedSeconds,
    /// `2024013120`
    PackedHours,
    /// `20240131`
    Packed,
}

impl Shape {
    fn is_packed(self) -> bool {
        matches!(self, Self::Packed | Self::PackedHours | Self::PackedMinutes | Self::PackedSeconds)
    }
}

/// Seconds since 1970 from 2010 to 2034: ten digits that a project hardly counts builds by.
const UNIX_SECONDS: RangeInclusive<u64> = 1_262_304_000..=2_051_222_399;

/// Whether digits are seconds since 1970, and no date (S4).
pub(super) fn is_unix_seconds(digits: &str) -> bool {
    digits.len() == 10
        && is_number(digits)
        && digits.parse().is_ok_and(|seconds| UNIX_SECONDS.contains(&seconds))
        && !Date::is_packed(digits)
}

/// Whether digits are a date without separators, or seconds since 1970.
pub(super) fn is_time(digits: &str) -> bool {
    is_unix_seconds(digits) || Date::is_packed(digits)
}

impl Date {
    /// Reads the longest date that a text begins with, and the rest. A digit never follows.
    #[must_use]
    pub fn read(text: &str) -> Option<(Self, &str)> {
        Self::forms(text).next()
    }

    /// Every way to read a date at the beginning, longest first: `20240131-2020` is also a date and a number.
    pub(super) fn forms(text: &str) -> impl Iterator<Item = (Self, &str)> {
        let readings = match digits(text) {
            4 => [dashed_instant(text), dashed(text)],
            8 => [instant(text).or_else(|| minutes(text)), packed(text, 8, Shape::Packed)],
            10 => [packed(text, 10, Shape::PackedHours), None],
            12 => [packed(text, 12, Shape::PackedMinutes), None],
            14 => [packed(text, 14, Shape::PackedSeconds), None],
            _ => [None, None],
        };
        readings.into_iter().flatten().filter(|(_, rest)| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Whether digits without separators are a date, all of them.
    pub(super) fn is_packed(digits: &str) -> bool {
        Self::read(digits).is_some_and(|(date, rest)| rest.is_empty() && date.shape.is_packed())
    }

    /// Year, month, day and time.
    pub(super) fn numbers(self) -> [u64; 4] {
        [self.year.into(), self.month.into(), self.day.into(), self.time.into()]
    }

    /// How it is written.
    #[must_use]
    pub fn shape(self) -> Shape {
        self.shape
    }

    fn of(shape: Shape, year: &str, month: &str, day: &str, time: u32) -> Option<Self> {
        let date = Self { shape, year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()?, time };
        let known =
            (1900..=2099).contains(&date.year) && (1..=12).contains(&date.month) && (1..=31).contains(&date.day);
        known.then_some(date)
    }

    fn at(self, shape: Shape, time: u32) -> Self {
        Self { shape, time, ..self }
    }
}

/// `YYYY-MM-DD`
fn dashed(text: &str) -> Option<(Date, &str)> {
    let fits = text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    let (year, month, day) = (text.get(..4)?, text.get(5..7)?, text.get(8..10)?);
    let all = [year, month, day].iter().all(|part| is_number(part));
    let date = (fits && all).then(|| Date::of(Shape::Dashed, year, month, day, 0))??;
    Some((date, from(text, 10)))
}

/// `YYYY-MM-DDThh-mm-ssZ`
fn dashed_instant(text: &str) -> Option<(Date, &str)> {
    let (date, rest) = dashed(text)?;
    let time = rest.strip_prefix('T')?;
    let (hours, minutes, seconds) = (time.get(..2)?, time.get(3..5)?, time.get(6..8)?);
    let fits = [2, 5].iter().all(|at| time.as_bytes().get(*at) == Some(&b'-'));
    let fits = fits && [hours, minutes, seconds].iter().all(|part| is_number(part));
    let time_of_day = fits.then(|| clock(hours, minutes, seconds))??;
    Some((date.at(Shape::DashedInstant, time_of_day), from(time, 8).strip_prefix('Z')?))
}

/// `YYYYMMDDThhmmZ`, `YYYYMMDDThhmmssZ`
fn instant(text: &str) -> Option<(Date, &str)> {
    let (date, rest) = packed(text, 8, Shape::Packed)?;
    let time = rest.strip_prefix('T')?;
    let (shape, length) = match digits(time) {
        4 => (Shape::MinutesInstant, 4),
        6 => (Shape::SecondsInstant, 6),
        _ => return None,
    };
    Some((date.at(shape, packed_clock(time, length)?), from(time, length).strip_prefix('Z')?))
}

/// `YYYYMMDD-hhmm`, `YYYYMMDD-hhmmss`
fn minutes(text: &str) -> Option<(Date, &str)> {
    let (date, rest) = packed(text, 8, Shape::Packed)?;
    // A commit id that begins with four or six digits is no time of day: `20240501-1813d1c56`.
    let time = rest.strip_prefix('-').filter(|time| !is_commit(first_token(time)))?;
    let (shape, length) = match digits(time) {
        4 => (Shape::Minutes, 4),
        6 => (Shape::Seconds, 6),
        _ => return None,
    };
    Some((date.at(shape, packed_clock(time, length)?), from(time, length)))
}

/// `YYYYMMDD`, with the time of day right behind it when there are more digits.
fn packed(text: &str, length: usize, shape: Shape) -> Option<(Date, &str)> {
    let time = if length > 8 { packed_clock(from(text, 8), length - 8)? } else { 0 };
    let date = Date::of(shape, text.get(..4)?, text.get(4..6)?, text.get(6..8)?, time)?;
    Some((date, from(text, length)))
}

fn packed_clock(text: &str, digits: usize) -> Option<u32> {
    clock(
        text.get(..2)?,
        text.get(2..4).filter(|_| digits >= 4).unwrap_or("0"),
        if digits >= 6 { text.get(4..6)? } else { "0" },
    )
}

fn clock(hours: &str, minutes: &str, seconds: &str) -> Option<u32> {
    let (hours, minutes, seconds): (u32, u32, u32) =
        (hours.parse().ok()?, minutes.parse().ok()?, seconds.parse().ok()?);
    Some(hours * 10_000 + minutes * 100 + seconds)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
