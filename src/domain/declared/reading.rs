//! What the sentences of a paragraph say of those behind them.

use super::clauses::clauses;
use super::label::is_yes;
use super::role::Role;
use super::rules;
use super::section::{Context, Quiet, origin};
use super::sentence::{Sentence, sentences};
use super::time::{is_about_later, is_about_older, is_later};
use super::{Kinds, Scope};

/// A paragraph as it is read, sentence by sentence.
#[derive(Debug)]
pub(super) struct Reading {
    /// What is known where the next sentence stands.
    pub(super) context: Context,
    /// All that was declared so far.
    pub(super) before: Kinds,
    /// Whether it says that something goes on as before, so that nothing of it breaks.
    is_still_as_before: bool,
    asked: Asked,
    last: Last,
    /// Whom the paragraph concerns, where only the sentence before told of a version that others came past.
    aside: Option<Scope>,
}

/// What a question asks, which the sentence behind it answers.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// Whether something breaks.
    WhetherItBreaks,
    /// Anything else.
    Something,
}

/// What the sentence before said of the one behind it.
#[derive(Debug, Default)]
struct Last {
    /// How much of it concerned those who run the image.
    quiet: Quiet,
    /// Whether it names a thing, and is heard.
    names_thing: bool,
    /// The same, and the one behind it stands in the same sentence: «it» is that thing. Said of one sentence alone.
    names_one: bool,
    /// Whether the one behind it belongs to the same sentence.
    goes_on: bool,
}

impl Reading {
    /// A paragraph that stands there.
    pub(super) fn of(text: &str, mut context: Context) -> Self {
        let goes_on_as_before =
            |words: &str, s: &Sentence| s.has(Role::Still) && s.has(Role::Was) && clauses(words, s).is_empty();
        let is_still_as_before = !context.breaking && sentences(text).any(|(words, s)| goes_on_as_before(words, &s));
        let is_none = |s: &Sentence| s.begins(Role::Nothing) && s.length <= 6;
        context.breaking &= !sentences(text).any(|(_, sentence)| is_none(&sentence));
        let (before, last) = (Kinds::default(), Last::default());
        Self { context, before, is_still_as_before, asked: Asked::Nothing, last, aside: None }
    }

    /// Whether a sentence declares nothing, as it only asks, answers that with no, or is of another time. What it says of those
    /// behind it is taken in, and what those before it said of it.
    pub(super) fn skips(&mut self, words: &str, sentence: &mut Sentence, own: &[u64]) -> bool {
        if let Some(scope) = self.aside.take_if(|_| !sentence.begins(Role::Pronoun)) {
            self.context.scope = scope;
        }
        if std::mem::take(&mut self.last.names_one) && sentence.begins(Role::Pronoun) {
            sentence.add(Role::Thing, 0);
        }
        self.context.breaking |= self.asked == Asked::WhetherItBreaks && is_yes(words);
        let is_answered_no = self.asked != Asked::Nothing && sentence.begins(Role::Nothing);
        self.asked = asked(words, sentence);
        if self.asked != Asked::Nothing {
            self.turns_to_origin(sentence, own);
            return true;
        }
        if is_answered_no || is_about_older(sentence, own) {
            return true;
        }
        if is_later(sentence, own) || is_about_later(sentence, own) {
            self.context.quiet = self.context.quiet.max(Quiet::Silent);
            return true;
        }
        sentence.since_own(own);
        self.turns_to_origin(sentence, own);
        false
    }

    /// From here on it concerns those who come from a version that a sentence names.
    fn turns_to_origin(&mut self, sentence: &Sentence, own: &[u64]) {
        let Some(scope) = origin(sentence, own) else { return };
        // «Since 1.71 it comes in the header»: that is told, and what follows is of this version.
        let is_told = matches!(scope, Scope::Past(_));
        let before = std::mem::replace(&mut self.context.scope, scope);
        self.aside = is_told.then(|| self.aside.take().unwrap_or(before));
    }

    /// How quiet a sentence is where it stands: what goes on about a repair is as quiet as that.
    pub(super) fn quiet_of(&self, sentence: &Sentence) -> Quiet {
        // «…; `a` is off by default»: what is named begins anew.
        let is_of_repair = self.last.goes_on && self.last.quiet == Quiet::Mostly && !sentence.is_about(Role::Code);
        let is_about_same = self.last.quiet != Quiet::No && sentence.begins(Role::Pronoun);
        if is_of_repair || is_about_same { self.context.quiet.max(self.last.quiet) } else { self.context.quiet }
    }

    /// Whether the sentence before named a thing, and was heard.
    pub(super) fn names_thing(&self) -> bool {
        self.last.names_thing
    }

    /// Takes in what a sentence says of those behind it.
    pub(super) fn carries_on(&mut self, words: &str, sentence: &Sentence) {
        self.context.follows = said_before_is_loud(sentence, &self.context);
        let quiet = rules::quiet(sentence, &self.context).max(offered(sentence));
        let names_thing = quiet == Quiet::No && sentence.has_any(&[Role::Code, Role::Product, Role::Thing]);
        let goes_on = words.ends_with([';', '；']);
        self.last = Last { quiet, names_thing, names_one: goes_on && names_thing, goes_on };
    }

    /// What counts of what a sentence declares.
    pub(super) fn counts(&mut self, sentence: &Sentence, mut kinds: Kinds) -> Kinds {
        kinds.breaking &= !self.is_still_as_before;
        self.before = self.before.and(kinds);
        if sentence.has_any(&[Role::Optional, Role::NewOnly, Role::Builders, Role::Elsewhere]) && !kinds.any() {
            self.context.quiet = Quiet::Silent;
        }
        kinds
    }
}

fn asked(words: &str, sentence: &Sentence) -> Asked {
    if !words.ends_with(['?', '？']) {
        Asked::Nothing
    } else if sentence.has_any(&[Role::Incompatible, Role::Breaking]) {
        Asked::WhetherItBreaks
    } else {
        Asked::Something
    }
}

/// Whether a sentence tells of what is so, and neither of repairs nor of what one may do: what it asks next is to be done.
fn said_before_is_loud(sentence: &Sentence, context: &Context) -> bool {
    sentence.length > 1
        && rules::quiet(sentence, context).max(offered(sentence)) == Quiet::No
        && !sentence.has(Role::Added)
}

/// What a sentence that only offers something says of those that go on about it.
pub(super) fn offered(sentence: &Sentence) -> Quiet {
    let is_offer = sentence.all(Role::Can).any(|at| at <= 2) && !sentence.has(Role::Must);
    if is_offer { Quiet::Silent } else { Quiet::No }
}
