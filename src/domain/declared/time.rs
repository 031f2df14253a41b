//! Whether a sentence is about another version than the one whose notes it stands in.

use super::role::Role;
use super::scope;
use super::sentence::Sentence;

/// Whether it is about a later version: its number stands first.
pub(super) fn is_about_later(sentence: &Sentence, own: &[u64]) -> bool {
    let is_later = |version: &[u64]| version.len() > 1 && !scope::is_same(version, own) && *version > *own;
    let is_plain = !sentence.has(Role::Product) && !own.is_empty();
    is_plain && sentence.versions.iter().any(|(version, at)| *at == sentence.lead && is_later(version))
}

/// «Version 2.x is no longer supported»: what nobody who comes to this version runs any more.
pub(super) fn is_about_older(sentence: &Sentence, own: &[u64]) -> bool {
    let is_older = |version: &[u64]| !scope::is_same(version, own) && *version < *own;
    let of_itself = [Role::Product, Role::Thing, Role::Code, Role::Data, Role::Stored, Role::Peer, Role::Read];
    let is_plain = !own.is_empty() && !of_itself.iter().any(|role| sentence.has(*role));
    let is_first = sentence.versions.first().is_some_and(|(version, at)| *at <= sentence.lead + 1 && is_older(version));
    is_plain && is_first && sentence.versions.len() == 1 && sentence.length <= 9
}

/// Whether it speaks of what a later version will do.
pub(super) fn is_later(sentence: &Sentence, own: &[u64]) -> bool {
    let is_later = |version: &[u64]| !scope::is_same(version, own) && *version > *own;
    let before = |at: u16, role| sentence.all(role).any(|word| word < at && at - word <= 2);
    let is_near = |at: u16| {
        [Role::Will, Role::Update, Role::Since, Role::Until].iter().any(|role| before(at, *role))
            || (sentence.all(Role::Will).any(|word| word == at + 1) && !before(at, Role::Product))
    };
    sentence.has(Role::Will)
        && !own.is_empty()
        && sentence.versions.iter().any(|(version, at)| is_later(version) && is_near(*at))
}

/// Whether a version is only a candidate of one.
pub(super) fn is_candidate(version: &str) -> bool {
    let version = version.to_lowercase();
    version.starts_with(|c: char| c == 'v' || c.is_ascii_digit())
        && ["-rc", "-beta", "-alpha", ".rc"].iter().any(|mark| version.contains(mark))
}
