//! Whether a sentence is about another version than the one whose notes it stands in.

use super::role::Role;
use super::scope;
use super::sentence::Sentence;

impl Sentence {
    /// «Starting with 7.0, it …», where 7.0 is this version: from now on.
    pub(super) fn since_own(&mut self, own: &[u64]) {
        let is_since = |at: u16| self.all(Role::Since).any(|since| since < at && at - since <= 1);
        let is_first = self.begins(Role::Since) && !own.is_empty();
        let is_own =
            |(version, at): &(Vec<u64>, u16)| version.len() > 1 && scope::is_same(version, own) && is_since(*at);
        if is_first && self.versions.first().is_some_and(is_own) {
            self.add(Role::FromNowOn, 0);
        }
    }
}

impl Sentence {
    /// «before a request is passed on»: it says when, and not what was.
    pub(super) fn temporal(&mut self, words: &[&str]) {
        let next = |at: u16| words.get(usize::from(at) + 1).copied().unwrap_or_default();
        let is_when = |at: u16| {
            let is_before = words.get(usize::from(at)).is_some_and(|word| matches!(*word, "before" | "avant"));
            let is_object =
                matches!(next(at), "a" | "an" | "the" | "any" | "each" | "every" | "they" | "their" | "all" | "its")
                    || (next(at).ends_with("ing") && next(at).len() > 5);
            is_before && is_object && !self.all(Role::Clause).any(|clause| clause == at + 1)
        };
        let when: Vec<u16> = self.all(Role::Was).chain(self.all(Role::Formerly)).filter(|at| is_when(*at)).collect();
        if !when.is_empty() {
            self.marks.retain(|(role, at)| !(matches!(role, Role::Was | Role::Formerly) && when.contains(at)));
            self.counted();
        }
    }
}

/// Whether it is about a later version: its number stands first.
pub(super) fn is_about_later(sentence: &Sentence, own: &[u64]) -> bool {
    let is_later = |version: &[u64]| version.len() > 1 && !scope::is_same(version, own) && *version > *own;
    let is_plain = !sentence.has(Role::Product) && !own.is_empty();
    let is_before = |at: u16| {
        [Role::Before, Role::Until].iter().any(|role| sentence.all(*role).any(|word| word < at && at - word <= 1))
    };
    let will_be = |(version, at): &(Vec<u64>, u16)| {
        *at == sentence.lead && is_later(version) && sentence.all(Role::Will).any(|word| word == at + 1)
    };
    let is_to_be = !own.is_empty() && sentence.versions.iter().any(will_be);
    is_to_be
        || is_plain
            && sentence
                .versions
                .iter()
                .any(|(version, at)| (*at == sentence.lead || is_before(*at)) && is_later(version))
}

/// «Version 2.x is no longer supported»: what nobody who comes to this version runs any more.
pub(super) fn is_about_older(sentence: &Sentence, own: &[u64]) -> bool {
    let is_older = |version: &[u64]| !scope::is_same(version, own) && *version < *own;
    let of_itself = [Role::Product, Role::Thing, Role::Code, Role::Data, Role::Stored, Role::Peer, Role::Read];
    let is_plain = !own.is_empty() && !of_itself.iter().any(|role| sentence.has(*role));
    let is_first = sentence.versions.first().is_some_and(|(version, at)| *at <= sentence.lead + 1 && is_older(version));
    let is_alone = sentence.versions.iter().skip(1).all(|(version, _)| scope::is_same(version, own));
    // «8.3.0 changed the default»: it is told of that version.
    let is_told = sentence.lead == 0
        && sentence.versions.first().is_some_and(|(version, at)| *at == 0 && version.len() > 1 && is_older(version))
        && [Role::Changed, Role::Removed, Role::Renamed, Role::Added]
            .iter()
            .any(|event| sentence.all(*event).any(|at| at == 1));
    if is_told && !own.is_empty() && !sentence.has(Role::Product) {
        return true;
    }
    is_plain && is_first && is_alone && sentence.length <= 12
}

/// Whether it speaks of what a later version will do.
pub(super) fn is_later(sentence: &Sentence, own: &[u64]) -> bool {
    let is_later = |version: &[u64]| !scope::is_same(version, own) && *version > *own;
    let before = |at: u16, role| sentence.all(role).any(|word| word < at && at - word <= 2);
    // «will be 12 characters long»: a number is a version only beside a word that says so.
    let is_called = |version: &[u64], at: u16| {
        let is_beside = |role| sentence.all(role).any(|word| word + 1 == at);
        version.len() > 1
            || [Role::Update, Role::Since, Role::Until, Role::Before].into_iter().any(is_beside)
            || sentence.all(Role::Will).any(|word| word == at + 1)
    };
    let is_near = |at: u16| {
        [Role::Will, Role::Update, Role::Since, Role::Until].iter().any(|role| before(at, *role))
            || (sentence.all(Role::Will).any(|word| word == at + 1) && !before(at, Role::Product))
    };
    sentence.has(Role::Will)
        && !own.is_empty()
        && sentence.versions.iter().any(|(version, at)| is_later(version) && is_called(version, *at) && is_near(*at))
}

/// Whether a version is only a candidate of one.
pub(super) fn is_candidate(version: &str) -> bool {
    let version = version.to_lowercase();
    version.starts_with(|c: char| c == 'v' || c.is_ascii_digit())
        && ["-rc", "-beta", "-alpha", ".rc"].iter().any(|mark| version.contains(mark))
}
