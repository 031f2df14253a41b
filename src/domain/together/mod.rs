//! The members of a group as they are now: where each stands in what was agreed on, and what stands before the first write.

mod between;
mod may_move;
mod seen;

pub use between::{Between, between};
pub use may_move::Keeps;
pub use seen::Seen;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_certain_of_what_stands_before_each_decides_for_all() {
        use crate::domain::event::Failure;
        use crate::domain::fleet;
        use crate::domain::record::Held;
        use crate::domain::reference::Tag;
        use crate::domain::view::Blocker;
        let window = |hours: i64| Some(Blocker::Window(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hours)));
        let others = || Some(Blocker::Waits(Box::new(fleet::Waits::Unlisted)));
        let of = |all: Vec<Option<Blocker>>| {
            let named = all.into_iter().enumerate().map(|(place, blocker)| (format!("m{place}"), blocker));
            match between(named, false) {
                Between::Nothing => "nothing".to_owned(),
                Between::Asks => "asks".to_owned(),
                Between::Waits { place, waits, until } => format!("{place} {} {}", waits.word(), until.is_some()),
            }
        };
        let held = |reason: &str| {
            let held = Held {
                tag: Tag::parse("1.0.1").unwrap(),
                digest: None,
                back_to: Tag::parse("1.0.0").unwrap(),
                since: chrono::DateTime::UNIX_EPOCH,
                by: Vec::new(),
                failure: Some(Failure::new(reason, "it failed")),
                passed: Vec::new(),
            };
            Some(Blocker::Held(Box::new(held)))
        };
        let went_along = || held(Failure::OF_GROUP);
        assert_eq!(of(vec![went_along(), went_along(), held("CrashLoopBackOff")]), "2 held false", "who failed");
        assert_eq!(of(vec![None, went_along(), Some(Blocker::Paused)]), "1 held false", "who failed is gone");
        assert_eq!(of(vec![None, None]), "nothing");
        assert_eq!(of(vec![None, window(1), window(3), window(2)]), "2 window true", "the last that opens");
        assert_eq!(of(vec![others(), window(1)]), "1 window true");
        assert_eq!(of(vec![None, others()]), "1 unlisted false");
        assert_eq!(of(vec![others(), Some(Blocker::Person)]), "asks", "what people decide on waits for nothing");
        assert_eq!(of(vec![Some(Blocker::Person), Some(Blocker::Paused)]), "1 paused false");
        assert_eq!(between([("m0".to_owned(), None)], true), Between::Asks, "the mode of one");
    }
}
