//! That there is no way back: a word of going back which is denied.

use super::role::Role::{
    AtStart, Back, Cannot, Clause, Condition, Converted, Data, Disk, Fixed, Migration, NoLonger, NoWayBack, Older,
    Pronoun, Reindex, Reverts, Update, Updating, Version,
};
use super::sentence::Sentence;

/// So many words may stand between a denial and the word of going back.
const CHAIN: usize = 6;
/// So many words may stand between «reverting» and what denies it.
const GERUND: u16 = 9;

fn is_of_going_back(word: &str) -> bool {
    let starts = ["revert", "revers", "annulé", "annuler", "inversé", "zurückgenommen", "zurückgedreht", "revertir"];
    let is_one = starts.iter().any(|start| word.starts_with(start)) && word != "reverse";
    is_one || matches!(word, "undo" | "undone" | "undoing")
}

/// What may stand between «cannot» and «reverted».
fn is_between(word: &str) -> bool {
    matches!(
        word,
        "be" | "been"
            | "being"
            | "to"
            | "of"
            | "way"
            | "possible"
            | "able"
            | "unable"
            | "not"
            | "longer"
            | "mehr"
            | "pas"
            | "être"
            | "sich"
            | "simply"
            | "then"
            | "afterwards"
            | "any"
            | "more"
            | "possibility"
            | "supported"
            | "plus"
            | "einfach"
            | "ser"
            | "peut"
            | "peuvent"
            | "pourra"
            | "pourront"
            | "so"
    ) || (word.len() > 4 && word.ends_with("ly"))
}

/// Whether a word, where something is not possible, says that it cannot be: not that it will not, or did not.
fn is_inability(before: &str, words: &[&str]) -> bool {
    let [word, rest @ ..] = words else { return false };
    let next = rest.first().copied().unwrap_or_default();
    match *word {
        "cannot"
        | "can't"
        | "can"
        | "impossible"
        | "unable"
        | "kann"
        | "können"
        | "unmöglich"
        | "ne"
        | "нельзя"
        | "невозможно"
        | "isn't"
        | "aren't" => true,
        "not" => matches!(next, "possible" | "able" | "supported"),
        "nicht" => matches!(next, "möglich" | "mehr"),
        "no" => before == "can" || matches!(next, "se" | "es" | "way" | "possibility"),
        "won't" | "will" => rest.iter().take(3).any(|word| matches!(*word, "able" | "possible" | "unable")),
        _ => false,
    }
}

impl Sentence {
    /// «The migration cannot be reverted», «reverting to 1.9 is not possible»: who has the update, or its data, can't go back.
    /// A change of somebody in the program that can't be reverted is none, and what is reverted is repaired.
    pub(super) fn no_way_back(&mut self, words: &[&str]) {
        let backs: Vec<usize> =
            words.iter().enumerate().filter(|(_, word)| is_of_going_back(word)).map(|(at, _)| at).collect();
        if backs.is_empty() {
            return;
        }
        let is_of_update =
            self.has_any(&[Migration, Data, Converted, Update, Updating, AtStart, Version, Older, Disk, Reindex]);
        let mut found = Vec::new();
        for at in backs {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let is_denied = match self.denied_before(at, words) {
                Some(denial) => is_of_update || self.is_of_what_was_said(denial, words),
                None => is_of_update && self.is_denied_gerund(at, words),
            };
            if is_denied {
                found.push(place);
            }
        }
        self.marks.retain(|(role, at)| !(matches!(role, Fixed | Reverts) && found.contains(at)));
        for at in &found {
            self.add(NoWayBack, *at);
        }
        self.counted();
    }

    /// The word that denies a word, with nothing but auxiliaries between.
    fn denied_before(&self, at: usize, words: &[&str]) -> Option<usize> {
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        if at > 0 && word(at - 1) == "no" {
            return Some(at - 1);
        }
        // «We cannot revert it»: the makers speak of their own.
        let is_of_makers = |at: usize| matches!(word(at), "we" | "i" | "wir" | "nous");
        for one in (at.saturating_sub(CHAIN)..at).rev() {
            let place = u16::try_from(one).unwrap_or(u16::MAX);
            // An adverb ends no clause here.
            let is_adverb = matches!(word(one), "simply" | "so" | "then");
            if self.marks.contains(&(Clause, place.saturating_add(1))) && !is_adverb {
                return None;
            }
            let is_cannot = self.marks.contains(&(Cannot, place)) || word(one) == "no";
            let before = one.checked_sub(1).map(word).unwrap_or_default();
            if is_cannot && is_inability(before, words.get(one..).unwrap_or_default()) {
                return (!one.checked_sub(1).is_some_and(is_of_makers)).then_some(one);
            }
            if !is_between(word(one)) {
                return None;
            }
        }
        None
    }

    /// Whether what can't be reverted is what was said before: «this cannot be reverted», «these changes can't be reverted».
    fn is_of_what_was_said(&self, denial: usize, words: &[&str]) -> bool {
        let Some(at) = denial.checked_sub(1) else { return false };
        let place = u16::try_from(at).unwrap_or(u16::MAX);
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let is_meant =
            |at: Option<usize>| at.is_some_and(|at| matches!(word(at), "the" | "this" | "these" | "all" | "such"));
        let is_change = matches!(word(at), "change" | "changes" | "step" | "steps" | "process" | "operation");
        !self.has(Condition) && (self.marks.contains(&(Pronoun, place)) || (is_change && is_meant(at.checked_sub(1))))
    }

    /// «Reverting to 1.9 is not possible»
    fn is_denied_gerund(&self, at: usize, words: &[&str]) -> bool {
        let place = u16::try_from(at).unwrap_or(u16::MAX);
        let is_gerund = words.get(at).is_some_and(|word| word.ends_with("ing"));
        let is_first = place == self.lead || self.all(Clause).any(|clause| clause == place);
        let is_not = |one: u16| {
            let is_capable = !self.marks.contains(&(NoLonger, one));
            one > place && one - place <= GERUND && is_capable
        };
        is_gerund && is_first && self.all(Cannot).any(is_not)
    }

    /// Whether there is no way back, said behind the first clause.
    pub(super) fn is_way_back_later(&self) -> bool {
        self.all(NoWayBack)
            .chain(self.all(Back))
            .any(|at| self.all(Clause).any(|clause| clause > self.lead && clause <= at))
    }

    /// Whether there is no way back, said in a clause of its own behind what is mended: «Fixed slow lists by another table,
    /// which cannot be reverted».
    pub(super) fn is_way_back_beside(&self, mended: u16) -> bool {
        let clause = |at: u16| self.all(Clause).filter(|clause| *clause <= at).max().unwrap_or_default();
        self.all(NoWayBack).any(|at| {
            let start = clause(at);
            let is_pronoun = [start, start.saturating_add(1)].iter().any(|at| self.marks.contains(&(Pronoun, *at)));
            start > mended && is_pronoun
        })
    }
}
