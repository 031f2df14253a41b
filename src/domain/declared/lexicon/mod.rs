//! The words that notes are made of, by what they do in a sentence: in English, German, French and Chinese, and the plainest
//! of some other languages. Those of one role are separated by bars; a star stands for any ending.

mod changes;
mod course;
mod people;
mod things;

use super::role::Role;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = (Role, &'static str)> {
    [changes::WORDS, things::WORDS, people::WORDS, course::WORDS].into_iter().flatten().copied()
}
