//! JSON made shorter: what stood before is not written again.
//!
//! `~` with four digits after it stands for text that stands before: three for where it begins, one for how long it is. All is
//! ASCII, and no other `~` is in it, as JSON can say both otherwise.

use std::collections::HashMap;

/// The digits of places and lengths.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Shorter text is written again.
const SHORTEST: usize = 6;
/// The longest text that one mark stands for.
const LONGEST: usize = SHORTEST + DIGITS.len() - 1;
/// The most that is packed or unpacked, in bytes.
pub(super) const MOST: usize = 128 * 1024;

/// Packs JSON; `None` where it is too long.
pub(super) fn pack(json: &str) -> Option<String> {
    let json = ascii(json);
    if json.len() > MOST {
        return None;
    }
    let (bytes, mut packed, mut at) = (json.as_bytes(), String::new(), 0);
    // Where each text of the shortest length stood last.
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    while at < bytes.len() {
        let before = bytes.get(at..at + SHORTEST).and_then(|text| places.get(text)).copied();
        let again = before.map(|before| (before, common(bytes, before, at))).filter(|(_, length)| *length >= SHORTEST);
        match again {
            Some((before, length)) => packed.extend(mark(before, length)),
            None => packed.push_str(json.get(at..=at)?),
        }
        let length = again.map_or(1, |(_, length)| length);
        for place in at..at + length {
            bytes.get(place..place + SHORTEST).and_then(|text| places.insert(text, place));
        }
        at += length;
    }
    Some(packed)
}

/// Unpacks it again; `None` where it was not packed so, or is too long.
pub(super) fn unpack(packed: &str) -> Option<String> {
    let mut parts = packed.split('~');
    let mut json = parts.next()?.to_owned();
    for part in parts {
        let (place, rest) = part.split_at_checked(4)?;
        let number = place.bytes().try_fold(0, |number, digit| Some(number * DIGITS.len() + value(digit)?))?;
        let (begin, length) = (number / DIGITS.len(), number % DIGITS.len() + SHORTEST);
        let again = json.get(begin..begin + length)?.to_owned();
        json.push_str(&again);
        json.push_str(rest);
        if json.len() > MOST {
            return None;
        }
    }
    (json.len() <= MOST).then_some(json)
}

/// The same JSON in ASCII without `~`, which stand in its strings alone.
fn ascii(json: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && letter != '~' {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// How much of the text at one place stands at a later one too, as far as it ends before that.
fn common(bytes: &[u8], before: usize, at: usize) -> usize {
    let earlier = bytes.get(before..at).into_iter().flatten();
    let later = bytes.get(at..).into_iter().flatten();
    earlier.zip(later).take(LONGEST).take_while(|(one, other)| one == other).count()
}

fn mark(place: usize, length: usize) -> impl Iterator<Item = char> {
    let digit = |number: usize| DIGITS.get(number % DIGITS.len()).map(|digit| char::from(*digit));
    let all = [place / DIGITS.len().pow(2), place / DIGITS.len(), place, length - SHORTEST];
    std::iter::once('~').chain(all.into_iter().filter_map(digit))
}

fn value(digit: u8) -> Option<usize> {
    DIGITS.iter().position(|it| *it == digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_stands_before_is_not_written_again() {
        assert_eq!(pack("[\"abcdefgh\",\"abcdefgh\"]").unwrap(), "[\"abcdefgh\",~AABE]");
        assert_eq!((unpack("abc~AAAA"), unpack("abcdef~AAA"), unpack("abcdef~AA.A")), (None, None, None));
        assert_eq!((pack(&"a".repeat(MOST + 1)), unpack(&"a".repeat(MOST + 1))), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_again(texts in proptest::collection::vec("[a-b~é\"\\\\𝕏]{0,12}|[0-9a-f]{64}", 0..60)) {
            let json = serde_json::to_string(&texts).unwrap();
            let packed = pack(&json).unwrap();
            prop_assert!(packed.is_ascii() && packed.len() <= ascii(&json).len());
            let read: Vec<String> = serde_json::from_str(&unpack(&packed).unwrap()).unwrap();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn no_text_panics_or_grows_without_end(text in "(~[A-D]{4}|[a-z~é]{0,8}){0,40}") {
            prop_assert!(unpack(&text).is_none_or(|json| json.len() <= MOST));
        }
    }
}
