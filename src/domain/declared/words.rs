//! What words do in a sentence, looked up.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon;
use super::role::Role;

type Index = HashMap<[char; 2], Vec<Entry>>;

struct Entry {
    words: Vec<&'static str>,
    role: Role,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::new();
    for (role, all) in lexicon::all() {
        for phrase in all.split('|') {
            let words: Vec<&str> = phrase.split_whitespace().collect();
            let Some(first) = words.first() else { continue };
            index.entry(key(first)).or_default().push(Entry { words, role });
        }
    }
    for entries in index.values_mut() {
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.words.len(), entry.words.first().map_or(0, |w| w.len()))));
    }
    index
});

/// What words begin with, as far as they are looked up by it.
fn key(word: &str) -> [char; 2] {
    let mut letters = word.chars();
    let first = letters.next().unwrap_or_default();
    // Of one Chinese character much can begin.
    let second = if is_ideograph(first) { None } else { letters.next().filter(|c| *c != '*') };
    [first, second.unwrap_or_default()]
}

pub(super) fn is_ideograph(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c) || ('\u{3040}'..='\u{30ff}').contains(&c)
}

/// The roles of the longest phrase that words begin with, and how many words it has.
pub(super) fn roles(words: &[&str], mut take: impl FnMut(Role)) -> usize {
    let Some(first) = words.first() else { return 1 };
    let mut length = 0;
    for entry in INDEX.get(&key(first)).into_iter().flatten() {
        let is_beside = entry.role.stands_beside();
        let long_enough = is_beside || entry.words.len() >= length;
        let matches = || {
            entry.words.len() <= words.len()
                && entry.words.iter().zip(words).all(|(pattern, word)| is_like(pattern, word))
        };
        if long_enough && matches() {
            if !is_beside {
                length = entry.words.len();
            }
            take(entry.role);
        }
    }
    length.max(1)
}

fn is_like(pattern: &str, word: &str) -> bool {
    #[cfg(test)]
    step();
    pattern.strip_suffix('*').map_or_else(|| pattern == word, |start| word.starts_with(start))
}

/// The same for Chinese, which has no spaces: how many bytes the longest word has that a text begins with.
pub(super) fn roles_of_ideographs(text: &str, mut take: impl FnMut(Role)) -> Option<usize> {
    let first = text.chars().next()?;
    let mut length = 0;
    for entry in INDEX.get(&[first, '\0']).into_iter().flatten() {
        let Some(word) = entry.words.first().filter(|word| text.starts_with(**word)) else { continue };
        if word.len() >= length {
            length = word.len();
            take(entry.role);
        }
    }
    (length > 0).then_some(length)
}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts what is done for a word.
#[cfg(test)]
pub(super) fn step() {
    STEPS.set(STEPS.get() + 1);
}

/// What was done since it was last asked.
#[cfg(test)]
pub(super) fn steps() -> usize {
    STEPS.replace(0)
}
