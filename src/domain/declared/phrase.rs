//! What a few words say by their form alone, before anything is known of the sentence.

/// How many words a sentence opens with that say nothing of what it is about: «Unfortunately», «For security reasons».
pub(super) fn opening(words: &[&str]) -> u16 {
    const OPENINGS: [&str; 16] = [
        "for security reasons",
        "for safety reasons",
        "for technical reasons",
        "for legal reasons",
        "please note that",
        "note that",
        "be aware that",
        "unfortunately",
        "sadly",
        "finally",
        "additionally",
        "furthermore",
        "leider",
        "aus sicherheitsgründen",
        "malheureusement",
        "pour des raisons de sécurité",
    ];
    let length = |opening: &&str| {
        let is_there = opening.split(' ').zip(words).all(|(one, word)| one == *word);
        let length = opening.split(' ').count();
        (is_there && words.len() > length + 1).then_some(length)
    };
    OPENINGS.iter().find_map(length).and_then(|length| u16::try_from(length).ok()).unwrap_or_default()
}

/// The word that says what a word is, past the participle that it is joined to: «lists deprecated and removed settings».
pub(super) fn joined_to<'w>(before: &'w str, at: usize, words: &[&'w str]) -> &'w str {
    let word = |back: usize| at.checked_sub(back).and_then(|at| words.get(at)).copied().unwrap_or_default();
    let is_joined = matches!(before, "and" | "or") && word(2).ends_with("ed");
    if is_joined { "any" } else { before }
}

/// Whether a value in code is that of something that is not there.
pub(super) fn is_off(code: &str) -> bool {
    matches!(code, "false" | "off" | "no" | "none" | "disabled" | "0")
}

/// Whether «new» only says that the update itself is meant: «the new image has no shell».
pub(super) fn names_update(before: &str, words: &[&str]) -> bool {
    let [new, what, ..] = words else { return false };
    matches!(before, "the" | "this" | "our" | "die" | "das" | "der" | "dem" | "la" | "le" | "cette")
        && matches!(*new, "new" | "neue" | "neuen" | "nouvelle" | "nouveau")
        && matches!(*what, "image" | "images" | "version" | "release" | "container" | "abbild" | "conteneur")
}
