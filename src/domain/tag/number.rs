//! Numbers: a list of components, compared from left to right.

use std::cmp::Ordering;

use super::date::{is_time, is_unix_seconds};
use super::{Date, digits, from, leading};

/// A list of numbers, as it is written. Leading zeros don't matter; a missing component comes first.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'t> {
    /// `1.25.3`, or a text that holds only digits and dots.
    Dotted(&'t str),
    /// Year, month, day and time.
    Date(Date),
}

/// A first component that may be a year of two digits, as a month follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearAndMonth {
    /// From 10 to 99.
    pub year: u8,
    /// Whether the month is written with a zero: versions are not.
    pub is_padded: bool,
}

/// 10^18 has 19 digits; everything shorter fits `u64`.
const MOST_DIGITS: usize = 18;

impl<'t> Numbers<'t> {
    /// The numbers, first to last.
    pub fn iter(self) -> impl Iterator<Item = u64> + 't {
        let (text, date) = match self {
            Self::Dotted(text) => (text, None),
            Self::Date(date) => ("", Some(date)),
        };
        date.into_iter().flat_map(Date::numbers).chain(Components(text))
    }

    /// Where two lists differ first; a component that only one of them has is a difference.
    #[must_use]
    pub fn first_difference(self, other: Self) -> Option<usize> {
        match (self, other) {
            (Self::Dotted(ours), Self::Dotted(theirs)) => first_difference(Components(ours), Components(theirs)),
            _ => first_difference(self.iter(), other.iter()),
        }
    }

    /// Whether one list only goes on where the other ends: `25.2.2` and `25.2.2.39`.
    #[must_use]
    pub fn continues(self, other: Self) -> bool {
        self.iter().zip(other.iter()).all(|(one, another)| one == another)
    }

    /// The first component, when two digits and a month of two digits come first, as in `20.04.1` (S3.7).
    #[must_use]
    pub fn year_and_month(self) -> Option<YearAndMonth> {
        let Self::Dotted(text) = self else { return None };
        let &[tens @ b'1'..=b'9', ones, b'.', padding, digit, ref rest @ ..] = text.as_bytes() else { return None };
        let is_month = matches!((padding, digit), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'2'));
        let fits = ones.is_ascii_digit() && is_month && matches!(rest.first(), None | Some(b'.'));
        fits.then(|| YearAndMonth { year: (tens - b'0') * 10 + (ones - b'0'), is_padded: padding == b'0' })
    }

    /// Whether a version of a family with these numbers may tell which first components are years of two digits (S3.7),
    /// even though it is older than `oldest`: it shows that there are such years, or that the oldest one's is none.
    #[must_use]
    pub fn tells_of_years(self, oldest: Self) -> bool {
        match self.year_and_month() {
            Some(date) => date.is_padded,
            None => (10..100).contains(&self.first()) && self.first() == oldest.first(),
        }
    }

    /// The first component; zero when there is none.
    pub(super) fn first(self) -> u64 {
        self.iter().next().unwrap_or_default()
    }

    /// Whether the last component is a time in seconds since 1970.
    pub(super) fn ends_in_seconds(self) -> bool {
        matches!(self, Self::Dotted(text) if text.rsplit('.').next().is_some_and(is_unix_seconds))
    }

    /// Whether both name a build of Windows, and not the same.
    pub(super) fn has_other_system(self, other: Self) -> bool {
        matches!((self, other), (Self::Dotted(ours), Self::Dotted(theirs)) if has_other_system(ours, theirs))
    }

    pub(super) fn is_too_large(self) -> bool {
        matches!(self, Self::Dotted(text) if is_too_large(text))
    }

    /// Whether a component is written with a zero before it: `22.04`.
    #[must_use]
    pub(super) fn is_padded(self) -> bool {
        let padded = |component: &str| component.len() > 1 && component.starts_with('0');
        matches!(self, Self::Dotted(text) if text.split('.').any(padded))
    }
}

fn first_difference(mut ours: impl Iterator<Item = u64>, mut theirs: impl Iterator<Item = u64>) -> Option<usize> {
    let mut at = 0;
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return None,
            (one, another) if one != another => return Some(at),
            _ => at += 1,
        }
    }
}

impl Ord for Numbers<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Dotted(ours), Self::Dotted(theirs)) => Components(ours).cmp(Components(theirs)),
            _ => self.iter().cmp(other.iter()),
        }
    }
}

impl PartialOrd for Numbers<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numbers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Numbers<'_> {}

/// The numbers of a dotted text.
struct Components<'t>(&'t str);

impl Iterator for Components<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.0.is_empty() {
            return None;
        }
        let (mut value, mut length) = (0_u64, 0);
        // An index, as this is where most of the time of a decision goes, and an iterator is called for each byte where
        // code is small.
        while let Some(byte) = self.0.as_bytes().get(length) {
            length += 1;
            if *byte == b'.' {
                break;
            }
            value = value.saturating_mul(10).saturating_add(u64::from(byte.wrapping_sub(b'0')));
        }
        self.0 = from(self.0, length);
        Some(value)
    }
}

/// The longest `\d+(\.\d+)*` at the beginning, and the rest. The text must begin with a digit; else the first is empty.
pub(super) fn dotted(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let (mut at, mut end) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let is_digit = byte.is_ascii_digit();
        if !is_digit && (*byte != b'.' || at == 0 || at > end) {
            break;
        }
        at += 1;
        if is_digit {
            end = at;
        }
    }
    (leading(text, end), from(text, end))
}

/// A longer first component may begin a date.
const PLAIN_FIRST: usize = 3;

/// How many components a text has that is a dotted number of two or more, and can't be read as anything else: it is too
/// short for a number that is too large, and begins with too few digits for a date.
pub(super) fn plain(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.len() > MOST_DIGITS {
        return None;
    }
    let (mut count, mut digits) = (1_usize, 0_usize);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' if digits > 0 && (count > 1 || digits <= PLAIN_FIRST) => {
                count += 1;
                digits = 0;
            }
            _ => return None,
        }
        at += 1;
    }
    (count > 1 && digits > 0).then_some(count)
}

/// How many components a dotted number has.
pub(super) fn count(number: &str) -> usize {
    number.bytes().filter(|byte| *byte == b'.').count() + 1
}

/// The length of `(\.\d+)*` at the beginning.
pub(super) fn dotted_length(text: &str) -> usize {
    let mut end = 0;
    while let Some(rest) = from(text, end).strip_prefix('.') {
        match digits(rest) {
            0 => break,
            count => end += 1 + count,
        }
    }
    end
}

/// Whether a place of one number holds a date, or seconds since 1970, and that of the other has more digits or fewer.
pub(super) fn has_other_time(one: &str, another: &str) -> bool {
    if one.len().max(another.len()) < "1.20240131".len() {
        return false;
    }
    let (mut ours, mut theirs) = (one.split('.'), another.split('.'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return false,
            (mine, other) => {
                let (mine, other) = (mine.unwrap_or_default(), other.unwrap_or_default());
                if mine.len() != other.len() && (is_time(mine) || is_time(other)) {
                    return true;
                }
            }
        }
    }
}

/// Whether two numbers name different builds of Windows, as `10.0.17763.1158` does: what is made for one does not start on another.
pub(super) fn has_other_system(one: &str, another: &str) -> bool {
    matches!((windows_build(one), windows_build(another)), (Some(ours), Some(theirs)) if ours != theirs)
}

/// The build in `10.0.BUILD.REVISION`, which has five digits.
fn windows_build(number: &str) -> Option<&str> {
    let (build, revision) = number.strip_prefix("10.0.")?.split_once('.')?;
    let is_one = build.len() == 5 && !build.starts_with('0') && !revision.contains('.');
    is_one.then_some(build)
}

/// Whether a component has more significant digits than are counted.
pub(super) fn is_too_large(text: &str) -> bool {
    text.split('.').any(|component| component.trim_start_matches('0').len() > MOST_DIGITS)
}

/// A quick look whether a text may hold a number that is too large.
pub(super) fn has_long_run(text: &str) -> bool {
    if text.len() <= MOST_DIGITS {
        return false;
    }
    let mut run = 0;
    text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run > MOST_DIGITS
    })
}
