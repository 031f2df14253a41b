//! A text, block by block.

use super::clauses::clauses;
use super::governed::is_title;
use super::label::{commit, is_bump, is_of_source, is_title_of_change, is_warned, names_new, tag, without_references};
use super::line::label;
use super::reading::{Reading, offered};
use super::role::Role;
use super::scan::{self, Block};
use super::section::{Context, Quiet, Stack, columns};
use super::sentence::{Sentence, sentences};
use super::time::{is_candidate, is_later};
use super::values::was_otherwise;
use super::waived::{OF_DATA, Part};
use super::{Because, Declaration, Kinds, Scope, rules, scope};
use crate::domain::plain::PlainText;

/// The most that is kept of what one text declares; the text itself is linked.
const MOST: usize = 24;
/// A longer quote is cut there.
const LONGEST_QUOTE: usize = 300;

/// What the notes of a version declare.
#[must_use]
pub fn read(text: &str, version: &str) -> Vec<Declaration> {
    let own = scope::numbers(version).unwrap_or_default();
    let mut reader = Reader {
        own,
        is_candidate: is_candidate(version),
        stack: Stack::default(),
        found: Vec::new(),
        title: None,
        is_after_title: false,
        part: Part::default(),
        commit: None,
    };
    scan::blocks(text, &mut |block| reader.block(&block));
    reader.block(&Block::BoxEnd);
    reader.found
}

struct Reader {
    own: Vec<u64>,
    stack: Stack,
    is_candidate: bool,
    found: Vec<Declaration>,
    /// An item that is a title, if there are items below it.
    title: Option<(usize, String, Context)>,
    /// Whether a heading stands just above.
    is_after_title: bool,
    part: Part,
    /// The commit whose text is read, if it is a quiet one.
    commit: Option<Context>,
}

impl Reader {
    fn block(&mut self, block: &Block) {
        self.part.turns_to(block, self.found.len());
        self.read_block(block);
        self.is_after_title = matches!(block, Block::Heading(..));
        if !matches!(block, Block::Text(..)) {
            self.commit = None;
        }
    }

    fn read_block(&mut self, block: &Block) {
        if let Some((indent, text, above)) = self.title.take()
            && !matches!(block, Block::Item(deeper, ..) | Block::Text(deeper, _) if *deeper > indent)
        {
            self.told(&text, &above);
        }
        let above = self.stack.at(block);
        let below = match block {
            Block::Heading(_, title) => self.heading(title, &above),
            Block::Item(indent, ticked, text) => self.item(*indent, *ticked, text, &above),
            Block::Columns(names) => columns(names, &above),
            Block::Text(_, text) => {
                if !(self.is_after_title && is_about_section(text)) {
                    let above = self.in_commit(text, &above);
                    self.told(text, &above);
                }
                return;
            }
            Block::Row(cells) => {
                self.row(cells, &above);
                return;
            }
            Block::Box { warns, .. } => {
                let is_quoted = matches!(block, Block::Box { is_quoted: true, .. });
                let quiet = if *warns { above.said_outright() } else { above.quiet };
                Context { quiet, attention: *warns, is_quoted, ..above }
            }
            Block::BoxEnd => return,
        };
        self.stack.push(block, below);
    }

    /// What is known of a paragraph below the first line of a commit, which says what the commit is of.
    fn in_commit(&mut self, text: &str, above: &Context) -> Context {
        if let Some((commit, _)) = commit(text, above) {
            self.commit = (commit.quiet >= Quiet::Mostly).then_some(commit);
            return above.clone();
        }
        let quiet = self.commit.as_ref().map_or(above.quiet, |_| above.quiet.max(Quiet::Mostly));
        Context { quiet, ..above.clone() }
    }

    fn heading(&mut self, title: &str, above: &Context) -> Context {
        let sentence = Sentence::of(title);
        if !self.is_candidate && sentence.has(Role::Since) && title.split_whitespace().any(is_candidate) {
            return Context { quiet: Quiet::Never, ..Context::default() };
        }
        if let Some(below) = above.below_title(title, &sentence, &self.own) {
            if sentence.has(Role::Version) && sentence.lead > 0 {
                self.told(title, &Context { breaking: false, removed: false, steps: false, ..below.clone() });
            }
            if below.quiet == Quiet::No && sentence.length > 3 {
                let (kinds, because) = rules::declared(
                    &sentence,
                    &Context { breaking: false, removed: false, ..below.clone() },
                    Kinds::default(),
                );
                let breaking = kinds.breaking && !is_title(title);
                self.add(Kinds { breaking, ..kinds }, because, title, &below.scope);
            }
            return below;
        }
        self.told(title, &Context { breaking: false, removed: false, steps: false, ..above.clone() });
        above.clone()
    }

    fn item(&mut self, indent: usize, ticked: Option<bool>, text: &str, above: &Context) -> Context {
        if ticked == Some(false) && !above.steps {
            return Context { quiet: Quiet::Silent, ..Context::default() };
        }
        let marked = above.marked || is_warned(text);
        let above = &Context { marked, ..above.clone() };
        let sentence = Sentence::of(text);
        let is_title = sentence.length <= 4 && text.len() <= 60 && !sentence.has(Role::Code);
        let below = if is_title { above.below_title(text, &sentence, &self.own) } else { None };
        if let Some(below) = below.filter(|below| is_of_title(below, above)) {
            self.title = Some((indent, text.to_owned(), above.clone()));
            return below;
        }
        let is_done = sentence.has_any(&[Role::Fixed, Role::Not, Role::Nothing, Role::Nobody, Role::Better, Role::Can]);
        if above.of_data && above.quiet == Quiet::No && !is_done {
            self.add(Kinds { migration: true, ..Kinds::default() }, Some(Because::Data), text, &above.scope);
        }
        self.told(text, above);
        above.clone()
    }

    fn row(&mut self, cells: &[String], above: &Context) {
        let [first, rest @ ..] = cells else { return };
        let is_as_before = rest.len() > 1 && rest.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
        if is_as_before {
            return;
        }
        let is_mended =
            rest.iter().map(|cell| Sentence::of(cell)).any(|cell| cell.length <= 2 && cell.has(Role::Fixed));
        let quiet = if is_mended { above.quiet.max(Quiet::Mostly) } else { above.quiet };
        let above = &Context { quiet, ..above.clone() };
        let answer = rest.join(" | ");
        let name = Sentence::of(first);
        if let Some(scope) = above.by_origin.and_then(|origin| origin.scope(&name)) {
            let context = Context { scope, steps: true, ..above.clone() };
            return self.said(&answer, &answer, &context);
        }
        let label = above.below(&name, &self.own).filter(|_| !above.breaking && !is_mended && !name.has(Role::Product));
        let text = format!("| {} |", cells.join(" | "));
        match label {
            Some(label) => self.labelled(&answer, &text, &text, &label),
            None if above.breaking && above.quiet == Quiet::No && !rest.is_empty() => {
                self.add(Kinds { breaking: true, ..Kinds::default() }, Some(Because::CalledSo), &text, &above.scope);
            }
            None => self.told(&text, above),
        }
    }

    /// A paragraph or an item, which may begin with a label of its own.
    fn told(&mut self, text: &str, above: &Context) {
        self.said(text, text, above);
    }

    /// The same of what is left of `whole` behind what stands before it.
    fn said(&mut self, text: &str, whole: &str, above: &Context) {
        if let Some((commit, rest)) = commit(text, above) {
            return self.prose(rest, whole, &commit);
        }
        if let Some(rest) = text.strip_prefix("BREAKING ").filter(|rest| !rest.starts_with("CHANGE")) {
            return self.prose(rest, whole, &Context { breaking: true, quiet: above.said_outright(), ..above.clone() });
        }
        if is_bump(text) {
            return;
        }
        let Some((label, rest)) = tag(text).or_else(|| label(text)) else { return self.prose(text, whole, above) };
        let sentence = Sentence::of(label);
        let context = above.below(&sentence, &self.own).filter(|_| !names_new(&sentence));
        if let Some(context) = context.filter(|_| sentence.length <= 5)
            && (context.quiet < Quiet::Silent || sentence.length <= 3)
        {
            return self.labelled(rest, text, whole, &context.behind_label(label, above));
        }
        if is_of_source(label) {
            let quiet = above.quiet.max(Quiet::Mostly);
            return self.prose(rest, whole, &Context { quiet, ..above.clone() });
        }
        if names_new(&sentence) {
            return self.prose(rest, whole, &Context { quiet: above.quiet.max(Quiet::Mostly), ..above.clone() });
        }
        let is_part = sentence.length <= 3;
        if is_part && (commit(rest, above).is_some() || is_bump(rest) || self.is_labelled(rest, above)) {
            return self.said(rest, whole, above);
        }
        self.prose(text, whole, above);
    }

    /// Whether a label stands before a text that says something of it.
    fn is_labelled(&self, text: &str, above: &Context) -> bool {
        let Some((label, _)) = tag(text).or_else(|| label(text)) else { return false };
        let label = Sentence::of(label);
        label.length <= 3 && above.below(&label, &self.own).is_some()
    }

    fn labelled(&mut self, rest: &str, text: &str, whole: &str, context: &Context) {
        if is_bump(rest) && !context.breaking && !context.removed {
            return;
        }
        let first = Sentence::of(rest);
        if !rest.contains(char::is_alphanumeric)
            || first.begins(Role::Nothing) && !first.has(Role::NoLonger) && first.length <= 6
        {
            return;
        }
        let is_mended = first.has(Role::Fixed) || first.is_early(Role::Added) || first.begins(Role::Not);
        let is_of_settings =
            first.has(Role::Yours) && !first.has_any(&[Role::Data, Role::Stored, Role::Disk, Role::Dump]);
        if context.migration && context.quiet == Quiet::No && is_of_settings && !is_mended {
            self.add(Kinds { manual: true, ..Kinds::default() }, Some(Because::Asked), whole, &context.scope);
        } else if context.migration && context.quiet == Quiet::No && !is_mended {
            self.add(Kinds { migration: true, ..Kinds::default() }, Some(Because::Data), whole, &context.scope);
        }
        // What a label says by itself is a part of the sentence, unless it is only a title.
        let is_title = context.breaking || context.removed || context.migration || context.quiet != Quiet::No;
        let steps = context.steps && !is_mended;
        self.prose(if is_title { rest } else { text }, whole, &Context { steps, ..context.clone() });
    }

    /// Sentences; `whole` is what is quoted where it is short.
    fn prose(&mut self, text: &str, whole: &str, context: &Context) {
        if context.is_quoted && sentences(text).any(|(_, sentence)| sentence.has(Role::Myself)) {
            return;
        }
        let text = without_references(text);
        let mut reading = Reading::of(text, Context { of_change: is_title_of_change(whole), ..context.clone() });
        let is_short = whole.len() <= LONGEST_QUOTE;
        let (mut of_whole, mut reason): (Option<(Kinds, Scope)>, _) = (None, None);
        for (words, mut sentence) in sentences(text) {
            if reading.skips(words, &mut sentence, &self.own) {
                continue;
            }
            if sentence.waives_image {
                self.part.waive(&mut self.found);
                let of_data = of_whole.filter(|(kinds, _)| kinds.migration).map(|(_, scope)| (OF_DATA, scope));
                reason = of_data.is_some().then_some(Because::Data);
                (of_whole, reading.before) = (of_data, Kinds::default());
                continue;
            }
            let (kinds, because) = self.judged(words, &sentence, &mut reading);
            if !kinds.any() {
                continue;
            }
            reason = reason.or(because);
            if is_short {
                let is_of_all = of_whole.is_some_and(|(_, scope)| scope == Scope::Everybody);
                let scope = if is_of_all { Scope::Everybody } else { reading.context.scope.clone() };
                of_whole = Some((reading.before, scope));
            } else {
                self.add(kinds, because, words, &reading.context.scope);
            }
        }
        if let Some((kinds, scope)) = of_whole {
            self.add(kinds, reason, whole, &scope);
        }
    }

    /// What a sentence declares where it stands, and what it says of those behind it.
    fn judged(&self, words: &str, sentence: &Sentence, reading: &mut Reading) -> (Kinds, Option<Because>) {
        let quiet = reading.context.quiet;
        reading.context.quiet = reading.quiet_of(sentence);
        let (kinds, because) = self.whole(words, sentence, reading);
        reading.carries_on(words, sentence);
        reading.context.quiet = quiet;
        (reading.counts(sentence, kinds), because)
    }

    /// What a sentence declares with all of its parts.
    fn whole(&self, words: &str, sentence: &Sentence, reading: &Reading) -> (Kinds, Option<Because>) {
        let (context, before) = (&reading.context, reading.before);
        let (mut kinds, mut because) = match self.sentence(sentence, context, before) {
            (kinds, _) if !kinds.any() => self.fragments(words, sentence, context),
            found => found,
        };
        if was_otherwise(sentence) && reading.names_thing() && context.quiet == Quiet::No {
            kinds.breaking = true;
            because = because.or(Some(Because::Value));
        }
        let (of_clauses, because_of) = self.clauses(words, sentence, context, before);
        (kinds.and(of_clauses), because.or(because_of))
    }

    /// What clauses declare that stand for themselves.
    fn clauses(&self, words: &str, whole: &Sentence, context: &Context, before: Kinds) -> (Kinds, Option<Because>) {
        let (mut found, mut reason) = (Kinds::default(), None);
        let mut said_before = Quiet::No;
        for (_, clause) in clauses(words, whole) {
            let is_about_same = clause.begins(Role::Pronoun) && !clause.begins(Role::Relative);
            let quiet = if is_about_same { context.quiet.max(said_before) } else { context.quiet };
            let context = Context { quiet, breaking: false, removed: false, ..context.clone() };
            let (kinds, because) = self.sentence(&clause, &context, before);
            (found, reason) = (found.and(kinds), reason.or(because));
            said_before = rules::quiet(&clause, &context).max(offered(&clause));
        }
        (found, reason)
    }

    /// «default port is 7443 now, new icons, faster start»: each for itself, where nothing is denied.
    fn fragments(&self, words: &str, sentence: &Sentence, context: &Context) -> (Kinds, Option<Because>) {
        let is_whole = [Role::Not, Role::Nobody, Role::Condition, Role::Fixed].iter().any(|role| sentence.has(*role));
        let is_silent = rules::quiet(sentence, context) >= Quiet::Silent;
        if is_whole || is_silent || context.quiet != Quiet::No || words.matches(", ").count() < 2 {
            return (Kinds::default(), None);
        }
        let fragments = words.split(", ").map(Sentence::of).filter(|fragment| fragment.length >= 3);
        let mut found = fragments.map(|fragment| self.sentence(&fragment, context, Kinds::default()));
        found.find(|(kinds, _)| kinds.breaking).unwrap_or_default()
    }

    fn sentence(&self, sentence: &Sentence, context: &Context, before: Kinds) -> (Kinds, Option<Because>) {
        let (mut kinds, mut because) = rules::declared(sentence, context, before);
        let is_nothing = sentence.length <= 8 && (sentence.denies && sentence.begins(Role::Not));
        let is_denial =
            sentence.denies_breaking || is_nothing || (sentence.begins(Role::Nothing) && sentence.length <= 6);
        let is_said = context.breaking && context.quiet == Quiet::No && !rules::is_of_others(sentence);
        if is_said && !is_denial && sentence.length > 0 {
            kinds.breaking = true;
            because = because.or(Some(Because::CalledSo));
        }
        if is_denial && context.removed {
            kinds.breaking = false;
        }
        if is_later(sentence, &self.own) { (Kinds::default(), None) } else { (kinds, because) }
    }

    fn add(&mut self, kinds: Kinds, because: Option<Because>, text: &str, scope: &Scope) {
        if !kinds.any() {
            return;
        }
        let end = (0..=LONGEST_QUOTE * 8).rev().find(|end| text.is_char_boundary((*end).min(text.len())));
        let start = text.get(..end.unwrap_or_default().min(text.len())).unwrap_or(text);
        let quote = PlainText::of(start).cut(LONGEST_QUOTE);
        let is_full = self.found.len() >= MOST;
        let is_like = |found: &&mut Declaration| found.scope == *scope && (is_full || found.quote == quote);
        match self.found.iter_mut().find(is_like) {
            Some(found) => found.kinds = found.kinds.and(kinds),
            None if is_full => self.joined(kinds),
            None => self.found.push(Declaration { kinds, quote, scope: scope.clone(), because }),
        }
    }

    /// What nothing more can be quoted of is still declared, to everybody.
    fn joined(&mut self, kinds: Kinds) {
        let Some(last) = self.found.last_mut() else { return };
        (last.kinds, last.scope) = (last.kinds.and(kinds), Scope::Everybody);
    }
}

/// Whether a line below a title only says what the section is for, in italics, as forms have it: `*Changes that …*`.
fn is_about_section(text: &str) -> bool {
    let is_slanted = |mark| text.len() > 2 && text.starts_with(mark) && text.ends_with(mark);
    (is_slanted('*') || is_slanted('_')) && !text.contains(['`', ':']) && !text.contains(|c: char| c.is_ascii_digit())
}

/// Whether an item says what stands below it, and nothing by itself.
fn is_of_title(below: &Context, above: &Context) -> bool {
    (below.breaking, below.removed, below.steps, below.quiet)
        != (above.breaking, above.removed, above.steps, above.quiet)
}
