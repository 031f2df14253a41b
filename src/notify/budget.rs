//! How much of a message a service takes, as it counts, and what gives way first where a message is longer.
//!
//! First the makers' words and what a model made of them, then details, then facts, then what the several things of a
//! message say; the link to the answer never.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::message::{Message, Remark};

/// What a service counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes of UTF-8.
    Bytes,
    /// Unicode scalars.
    Characters,
    /// Units of UTF-16, as JavaScript counts: never fewer than scalars.
    Utf16,
}

impl Unit {
    /// How long a text is.
    pub(super) fn count(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            Self::Characters => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// What stands where a text was cut.
const CUT: &str = "…";
/// Alerts where there is little room.
const FEW_ALERTS: usize = 5;
/// Where even a sentence has to be short, in bytes.
const SHORT: usize = 160;

/// At most `most` units of a text.
pub(super) fn cut(text: &str, unit: Unit, most: usize) -> String {
    cut_as(text, unit, most, str::to_owned)
}

/// At most `most` units of a text that is escaped for a service. It is cut between characters as people see them, so that
/// neither an emoji nor an escape ends in the middle.
pub(super) fn cut_as(text: &str, unit: Unit, most: usize, escaped: impl Fn(&str) -> String) -> String {
    let whole = escaped(text);
    if unit.count(&whole) <= most {
        return whole;
    }
    let Some(left) = most.checked_sub(unit.count(CUT)) else { return String::new() };
    let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, character)| at + character.len()).collect();
    let beginning = |end: usize| escaped(text.get(..end).unwrap_or_default());
    let fitting = ends.partition_point(|end| unit.count(&beginning(*end)) <= left);
    let end = fitting.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or_default();
    let mut made = beginning(end);
    made.truncate(made.trim_end().len());
    made + CUT
}

/// What `made` makes of as much of a message as fits. It always ends; what can't be made to fit is as short as it gets.
pub(super) fn fitted<T>(whole: &Message, made: impl Fn(&Message) -> T, fits: impl Fn(&T) -> bool) -> T {
    let mut made_of_it = made(whole);
    let mut left = whole.clone();
    while !fits(&made_of_it) && give_way(&mut left, whole) {
        made_of_it = made(&left);
    }
    made_of_it
}

/// Leaves out what can be missed most easily; `false` where nothing is left that can.
fn give_way(left: &mut Message, whole: &Message) -> bool {
    makers_words(left)
        || details(left)
        || !std::mem::take(&mut left.facts).is_empty()
        || links_of_items(left)
        || items(left, whole)
        || left.notes.take().is_some()
        || left.remarks.pop().is_some()
        || !std::mem::take(&mut left.sections).is_empty()
        || words(left)
}

/// A quarter less, and always one.
fn fewer<T>(items: &mut Vec<T>) -> bool {
    let is_more = items.len() > 1;
    items.truncate((items.len() * 3 / 4).max(1));
    is_more
}

fn makers_words(message: &mut Message) -> bool {
    let Some(notes) = &mut message.notes else { return false };
    if let Some(changes) = &mut notes.changes {
        if fewer(&mut changes.releases) || changes.releases.first_mut().is_some_and(|one| fewer(&mut one.lines)) {
            return true;
        }
        notes.changes = None;
        return true;
    }
    if notes.in_short.take().is_some() || notes.left_out.take().is_some() {
        return true;
    }
    let is_more = notes.alerts.len() > FEW_ALERTS;
    notes.alerts.truncate(FEW_ALERTS);
    is_more
}

fn details(message: &mut Message) -> bool {
    let before = message.remarks.len();
    message.remarks.retain(|Remark { is_detail, .. }| !is_detail);
    message.remarks.len() < before
}

/// Of several things the last lose their links first; all of them, where the message has a link of its own.
fn links_of_items(message: &mut Message) -> bool {
    let fewest = usize::from(message.action.is_none());
    let mut items: Vec<_> = message.sections.iter_mut().flat_map(|section| &mut section.items).collect();
    let linked = items.iter().filter(|item| item.url.is_some()).count();
    if linked <= fewest {
        return false;
    }
    let kept = (linked * 3 / 4).max(fewest);
    let losing = items.iter_mut().filter(|item| item.url.is_some()).skip(kept);
    losing.for_each(|item| item.url = None);
    true
}

/// Fewer of the longest list, which says how many of its lines are not shown.
fn items(left: &mut Message, whole: &Message) -> bool {
    let longest = left.sections.iter_mut().zip(&whole.sections).max_by_key(|(section, _)| section.items.len());
    let Some((section, before)) = longest else { return false };
    if !fewer(&mut section.items) {
        return false;
    }
    let hidden = format!("{CUT} +{}", before.items.len().saturating_sub(section.items.len()));
    let more = before.left_out.as_ref().map(|more| format!(" · {more}")).unwrap_or_default();
    section.left_out = Some(hidden + &more);
    true
}

/// What is said around the sentence, and at last the sentence.
fn words(message: &mut Message) -> bool {
    let hint = message.action.as_mut().map(|action| std::mem::take(&mut action.hint)).unwrap_or_default();
    if !hint.is_empty() || message.release.take().is_some() || !std::mem::take(&mut message.reason).is_empty() {
        return true;
    }
    [&mut message.title, &mut message.sentence].into_iter().any(|text| {
        let is_long = text.len() > SHORT;
        if is_long {
            *text = cut(text, Unit::Bytes, (text.len() / 2).max(SHORT));
        }
        is_long
    })
}

#[cfg(test)]
mod tests {
    use super::super::hostile::message;
    use super::*;
    use proptest::prelude::*;

    const UNITS: [Unit; 3] = [Unit::Bytes, Unit::Characters, Unit::Utf16];

    #[test]
    fn units_are_those_of_services() {
        let family = "👩‍👩‍👧é";
        assert_eq!(UNITS.map(|unit| unit.count(family)), [20, 6, 9]);
    }

    #[test]
    fn nothing_is_cut_in_the_middle() {
        assert_eq!(cut("abc", Unit::Bytes, 3), "abc");
        assert_eq!(cut("👩‍👩‍👧👩‍👩‍👧", Unit::Utf16, 10), "👩‍👩‍👧…");
        assert_eq!(cut("👩‍👩‍👧👩‍👩‍👧", Unit::Utf16, 8), "…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", Unit::Characters, 4), "e\u{301}…");
        assert_eq!(cut("one two", Unit::Characters, 5), "one…", "no space before the mark");
        assert_eq!((cut("abc", Unit::Bytes, 2), cut("abc", Unit::Characters, 0)), (String::new(), String::new()));
        let escaped = |text: &str| text.replace('&', "&amp;");
        assert_eq!(cut_as("a&b", Unit::Characters, 6, escaped), "a&amp;…".to_owned().replace("&amp;…", "…"));
        assert_eq!(cut_as("a&bcd", Unit::Characters, 7, escaped), "a&amp;…");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_cut_fits_and_is_a_beginning(text in "\\PC{0,60}", most in 0_usize..80, unit in 0_usize..3) {
            let unit = UNITS[unit];
            let made = cut(&text, unit, most);
            prop_assert!(unit.count(&made) <= most);
            let beginning = made.strip_suffix(CUT).unwrap_or(&made);
            prop_assert!(text.starts_with(beginning));
            prop_assert!(unit.count(&text) > most || made == text);
        }

        #[test]
        fn everything_gives_way_but_the_link(message in message()) {
            let link = message.action.as_ref().map(|action| action.url.clone());
            let mut steps = 0;
            let mut left = message.clone();
            while give_way(&mut left, &message) {
                steps += 1;
                prop_assert!(steps < 400);
            }
            prop_assert_eq!(left.action.map(|action| action.url), link);
            prop_assert!(left.sentence.len() <= SHORT && left.title.len() <= SHORT);
            prop_assert!(left.notes.is_none() && left.facts.is_empty() && left.remarks.is_empty());
        }
    }

    #[test]
    fn what_gives_way_first_can_be_missed_most_easily() {
        let mut left = super::super::hostile::long();
        let whole = left.clone();
        let mut order = Vec::new();
        let mut seen = |what: &'static str, is_there: bool| {
            if !is_there && !order.contains(&what) {
                order.push(what);
            }
        };
        loop {
            seen("makers' words", left.notes.as_ref().is_some_and(|notes| notes.changes.is_some()));
            seen("details", left.remarks.iter().any(|remark| remark.is_detail));
            seen("facts", !left.facts.is_empty());
            let items = || left.sections.iter().flat_map(|section| &section.items);
            seen("links", items().any(|item| item.url.is_some()));
            seen("remarks", !left.remarks.is_empty());
            if !give_way(&mut left, &whole) {
                break;
            }
        }
        assert_eq!(order, ["makers' words", "details", "facts", "links", "remarks"]);
        let one = fitted(&whole, |message| message.sections[0].clone(), |section| section.items.len() < 30);
        assert_eq!((one.items.len(), one.left_out.as_deref()), (27, Some("… +23")));
    }
}
