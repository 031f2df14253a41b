//! Which versions a text is about: those that somebody comes from, or the one that it describes.

use serde::{Deserialize, Serialize};

use crate::domain::tag::upstream;

/// The numbers of a version, as far as they are written.
pub(super) type Numbers = Vec<u64>;

/// Whom something in the notes of a version concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Everybody who comes to that version.
    #[default]
    Everybody,
    /// Those who come from before a version.
    Before(Vec<u64>),
    /// Those who come from a version, or an older one.
    UpTo(Vec<u64>),
    /// Those who come past another version, which the text names.
    Past(Vec<u64>),
}

impl Scope {
    /// Whether it concerns an update between two tags. Who runs what is no version is concerned by all that is asked of those
    /// who come from an older one.
    #[must_use]
    pub fn concerns(&self, from: &str, to: &str) -> bool {
        let (from, to) = (numbers(upstream(from)), numbers(upstream(to)));
        match self {
            Self::Everybody => true,
            Self::Before(version) => from.is_none_or(|from| padded(&from) < padded(version)),
            Self::UpTo(version) => from.is_none_or(|from| start(&from, version) <= version.as_slice()),
            Self::Past(version) => {
                from.is_some_and(|from| start(&from, version) < version.as_slice())
                    && to.is_none_or(|to| start(&to, version) >= version.as_slice())
            }
        }
    }
}

/// The numbers at the beginning of a version, as `1.25` in `v1.25.x`.
pub(super) fn numbers(version: &str) -> Option<Numbers> {
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let numbers: Numbers = digits.split('.').map_while(leading).take(4).collect();
    (!numbers.is_empty()).then_some(numbers)
}

fn leading(part: &str) -> Option<u64> {
    let end = part.bytes().take_while(u8::is_ascii_digit).count();
    part.get(..end)?.parse().ok()
}

/// Whether two are the same as far as both are written.
pub(super) fn is_same(one: &[u64], other: &[u64]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other)
}

fn padded(numbers: &[u64]) -> [u64; 4] {
    let mut all = [0; 4];
    for (place, number) in all.iter_mut().zip(numbers) {
        *place = *number;
    }
    all
}

fn start<'n>(numbers: &'n [u64], like: &[u64]) -> &'n [u64] {
    numbers.get(..like.len()).unwrap_or(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_concerns_those_who_come_from_there() {
        let before = Scope::Before(vec![1, 8]);
        assert!(before.concerns("1.7.9", "2.0.0") && before.concerns("latest", "2.0.0"));
        assert!(!before.concerns("1.8.0", "2.0.0") && !before.concerns("v1.9-alpine", "2.0.0"));
        let up_to = Scope::UpTo(vec![1]);
        assert!(up_to.concerns("1.9.3", "2.0.0") && up_to.concerns("0.4", "2.0.0") && !up_to.concerns("2.0.0", "2.1"));
        let past = Scope::Past(vec![2, 0]);
        assert!(past.concerns("1.9", "2.0.0") && past.concerns("1.9", "2.1"));
        assert!(!past.concerns("2.0.1", "2.1") && !past.concerns("1.8", "1.9") && !past.concerns("latest", "2.1"));
        assert_eq!((numbers("v1.25.x"), numbers("next")), (Some(vec![1, 25]), None));
    }
}
