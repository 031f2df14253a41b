//! What is remembered of our annotations: so much that every decision can be made, and never more than has a bound,
//! whatever somebody writes.

use super::policy::Mode;
use super::remembered::{CUT, LEFT_OUT};
pub use super::remembered::{
    MOST_OF_A_RECORD, MOST_OF_A_SETTING, MOST_OF_A_STATE, MOST_OF_A_WORKLOAD, is_cut, is_left_out,
};
use super::settings::is_state;

/// The same of a workload that is left alone: its settings, and our record of a few containers.
const MOST_OF_A_DISABLED: usize = 16 * 1024;
/// The most annotations of one workload.
const MOST_ANNOTATIONS: usize = 512;

/// What is remembered of these annotations, by name.
///
/// Settings come first, as what is left out of them stops the workload; then our own record, the smallest first, so
/// that there is always room to say what is wrong.
#[must_use]
pub fn kept(mut annotations: Vec<(&str, &str)>) -> Box<[(Box<str>, Box<str>)]> {
    annotations.sort_unstable_by_key(|(name, value)| {
        let is_state = is_state(name);
        (is_state, if is_state { value.len() } else { 0 }, *name)
    });
    let mut room = if is_disabled(&annotations) { MOST_OF_A_DISABLED } else { MOST_OF_A_WORKLOAD };
    let are_too_many = annotations.len() > MOST_ANNOTATIONS;
    let mut all = Vec::with_capacity(annotations.len().min(MOST_ANNOTATIONS));
    for (place, (name, value)) in annotations.into_iter().take(MOST_ANNOTATIONS).enumerate() {
        let most = match name {
            "record" => MOST_OF_A_RECORD,
            name if is_state(name) => MOST_OF_A_STATE,
            _ => MOST_OF_A_SETTING,
        };
        let is_last = are_too_many && place + 1 == MOST_ANNOTATIONS;
        let value = match value.len() {
            length if length > most => CUT,
            length if length + name.len() > room || is_last => LEFT_OUT,
            _ => value,
        };
        room = room.saturating_sub(name.len() + value.len());
        all.push((name.into(), value.into()));
    }
    all.sort_unstable();
    all.into()
}

/// Whether the workload says that none of its containers is to be touched.
fn is_disabled(annotations: &[(&str, &str)]) -> bool {
    let mut modes = annotations.iter().filter(|(name, _)| *name == "mode" || name.starts_with("mode."));
    let is_for_all = annotations.iter().any(|(name, _)| *name == "mode");
    is_for_all && modes.all(|(_, value)| value.parse() == Ok(Mode::Disabled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'k>(kept: &'k [(Box<str>, Box<str>)], name: &str) -> Option<&'k str> {
        kept.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    #[test]
    fn a_value_that_is_too_long_is_known_to_be() {
        let (setting, record) = ("é".repeat(MOST_OF_A_SETTING / 2), "é".repeat(MOST_OF_A_STATE / 2));
        let whole = kept(vec![("skip", &setting), ("history", &record), ("mode", "")]);
        assert!(whole.iter().all(|(_, value)| !is_cut(value)));
        let (setting, record) = (setting + "1", record + "1");
        let cut = kept(vec![("skip", &setting), ("history", &record), ("mode", "")]);
        assert!(value(&cut, "skip").is_some_and(is_cut) && value(&cut, "history").is_some_and(is_cut));
        assert!(!cut.iter().any(|(_, value)| is_left_out(value)) && is_cut(LEFT_OUT));
    }

    #[test]
    fn what_there_is_no_room_for_is_the_largest_of_our_record() {
        let names: Vec<String> = (0..24).map(|n| format!("proposal.c{n}")).collect();
        let (long, error) = ("x".repeat(5000), "y".repeat(1500));
        let proposals = names.iter().map(|name| (name.as_str(), long.as_str()));
        let all = |mode| -> Vec<_> {
            let others = [("mode", mode), ("error", &*error), ("zone", "a setting that means nothing")];
            proposals.clone().chain(others).collect()
        };
        let left_out = |kept: &[(Box<str>, Box<str>)]| kept.iter().filter(|(_, value)| is_left_out(value)).count();
        let (asks, disabled) = (kept(all("NOTIFICATION")), kept(all("disabled")));
        assert_eq!((left_out(&asks), left_out(&disabled)), (5, 22));
        for kept in [&asks, &disabled] {
            assert_eq!(value(kept, "error"), Some(error.as_str()));
            assert_eq!(value(kept, "zone"), Some("a setting that means nothing"));
        }
        let mut one = all("DISABLED");
        one.push(("mode.c1", "AUTO_UPDATE"));
        assert_eq!(left_out(&kept(one)), 5, "it is left alone only where every container is");
    }

    #[test]
    fn of_our_record_the_part_that_is_read_back_may_be_the_largest() {
        let (record, state) = ("r".repeat(MOST_OF_A_RECORD), "s".repeat(MOST_OF_A_STATE + 1));
        let all = kept(vec![("record", &record), ("history", &state)]);
        assert_eq!((value(&all, "record"), value(&all, "history")), (Some(record.as_str()), Some(CUT)));
        let record = record + "r";
        assert_eq!(value(&kept(vec![("record", &record)]), "record"), Some(CUT));
    }

    #[test]
    fn there_is_room_to_the_last_byte_and_what_is_small_has_it_first() {
        let (first, last) = ("x".repeat(MOST_OF_A_STATE), "y".repeat(MOST_OF_A_DISABLED - MOST_OF_A_STATE - 40));
        let of = |last: &str| {
            let small = ("token-update", "v1:k1");
            let all = kept(vec![("error", &first), ("history", last), ("mode", "DISABLED"), small]);
            assert!(all.is_sorted(), "they are looked up by name");
            assert_eq!(value(&all, "token-update"), Some(small.1));
            [value(&all, "history"), value(&all, "error")].map(|value| value.is_some_and(is_left_out))
        };
        let room = MOST_OF_A_DISABLED - "mode".len() - "DISABLED".len() - "token-update".len() - "v1:k1".len();
        let room = room - "history".len() - "error".len() - first.len();
        assert_eq!((of(&last[..room]), of(&format!("{}y", &last[..room]))), ([false, false], [false, true]));
        let others = [("error", &*first), ("history", &*first), ("proposal", &*first)];
        for modes in [
            &[("mode.c1", "DISABLED")][..],
            &[("mode", "DISABLED"), ("mode.c1", "AUTO_UPDATE")],
            &[("zone", "DISABLED")],
        ] {
            let all = kept(others.iter().chain(modes).copied().collect());
            assert!(!all.iter().any(|(_, value)| is_left_out(value)), "{modes:?}");
        }
    }

    #[test]
    fn as_many_as_are_remembered_are_not_too_many() {
        let names: Vec<String> = (0..MOST_ANNOTATIONS).map(|n| format!("token-update.c{n}")).collect();
        let all = kept(names.iter().map(|name| (name.as_str(), "")).collect());
        assert!(all.len() == MOST_ANNOTATIONS && !all.iter().any(|(_, value)| is_left_out(value)));
    }

    #[test]
    fn so_many_that_they_are_not_all_remembered_are_known_to_be_too_many() {
        let names: Vec<String> = (0..5000).map(|n| format!("token-update.c{n}")).collect();
        let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let kept = kept(all);
        assert_eq!(kept.len(), MOST_ANNOTATIONS);
        assert_eq!(kept.iter().filter(|(_, value)| is_left_out(value)).count(), 1);
    }
}
