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
        use crate::domain::fleet;
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
        assert_eq!(of(vec![None, None]), "nothing");
        assert_eq!(of(vec![None, window(1), window(3), window(2)]), "2 window true", "the last that opens");
        assert_eq!(of(vec![others(), window(1)]), "1 window true");
        assert_eq!(of(vec![None, others()]), "1 unlisted false");
        assert_eq!(of(vec![others(), Some(Blocker::Person)]), "asks", "what people decide on waits for nothing");
        assert_eq!(of(vec![Some(Blocker::Person), Some(Blocker::Paused)]), "1 paused false");
        assert_eq!(between([("m0".to_owned(), None)], true), Between::Asks, "the mode of one");
    }
}
