//! What the makers of an image declare in its release notes: breaking changes, steps for people, migrations of data.
//!
//! ```text
//! Markdown ──► scan: blocks ──► section: what each stands below ──► sentence: roles of words ──► rules: what is declared
//!                                                                                            └─► scope: whom it concerns
//! ```
//!
//! Words alone say little: «no migration», «will be removed in 4.0», «who comes from before 1.8» declare nothing for most who
//! read it. So text is read as its structure says, and each sentence by what its words do in it. No model has a part in it.

mod rules;
mod scan;
mod scope;
mod section;
mod sentence;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::plain::PlainText;
use scan::Block;
pub use scope::Scope;
use section::{Context, Quiet, Stack};
use sentence::{Sentence, sentences};
use words::Role;

/// The most that is kept of what one text declares; the text itself is linked.
const MOST: usize = 24;
/// A longer quote is cut there.
const LONGEST_QUOTE: usize = 300;

/// What is declared, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kinds {
    /// What works for those who run the image will not, or otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub breaking: bool,
    /// People are asked to do something besides taking the image.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// Stored data change, or there is no way back to the older version.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub migration: bool,
}

impl Kinds {
    /// Whether anything is.
    #[must_use]
    pub fn any(self) -> bool {
        self.breaking || self.manual || self.migration
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.any()
    }

    /// Their words, for programs.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [(self.breaking, "breaking"), (self.manual, "manual"), (self.migration, "migration")];
        all.into_iter().filter_map(|(is_declared, name)| is_declared.then_some(name)).collect()
    }

    /// What people are told of it; nothing where nothing is declared.
    #[must_use]
    pub fn sentence(self) -> Option<String> {
        let rollback = if self.migration { ". Rollback is off, as the older version may not read the data then" } else { "" };
        self.any().then(|| format!("The makers declare {self}{rollback}."))
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            breaking: self.breaking || other.breaking,
            manual: self.manual || other.manual,
            migration: self.migration || other.migration,
        }
    }
}

impl fmt::Display for Kinds {
    /// In a few words, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [(self.breaking, "breaking changes"), (self.manual, "steps by hand"), (self.migration, "a migration of data")];
        let said: Vec<&str> = all.into_iter().filter_map(|(is, words)| is.then_some(words)).collect();
        match said.as_slice() {
            [] => f.write_str("nothing"),
            [one] => f.write_str(one),
            [all @ .., last] => write!(f, "{} and {last}", all.join(", ")),
        }
    }
}

/// Something that a text declares, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// What.
    pub kinds: Kinds,
    /// The text.
    pub quote: PlainText,
    /// Whom it concerns.
    #[serde(default)]
    pub scope: Scope,
}

/// What is declared between two versions, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declared {
    /// What.
    #[serde(flatten)]
    pub kinds: Kinds,
    /// In the makers' words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<PlainText>,
}

impl Declared {
    /// Whether nothing is declared.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.kinds.any()
    }

    /// The same with so many quotes.
    #[must_use]
    pub fn at_most(&self, quotes: usize) -> Self {
        Self { kinds: self.kinds, quotes: self.quotes.iter().take(quotes).cloned().collect() }
    }

    /// What of all that is declared concerns an update between two tags.
    #[must_use]
    pub fn between<'d>(from: &str, to: &str, all: impl IntoIterator<Item = &'d Declaration>) -> Self {
        let mut declared = Self::default();
        for Declaration { kinds, quote, .. } in all.into_iter().filter(|one| one.scope.concerns(from, to)) {
            declared.kinds = declared.kinds.and(*kinds);
            if !declared.quotes.contains(quote) {
                declared.quotes.push(quote.clone());
            }
        }
        declared
    }
}

/// What the notes of a version declare.
#[must_use]
pub fn read(text: &str, version: &str) -> Vec<Declaration> {
    let own = scope::numbers(version).unwrap_or_default();
    let mut reader = Reader { own, stack: Stack::default(), found: Vec::new(), title: None };
    scan::blocks(text, &mut |block| reader.block(block));
    reader.block(Block::BoxEnd);
    reader.found
}

struct Reader {
    own: Vec<u64>,
    stack: Stack,
    found: Vec<Declaration>,
    /// An item that is a title, if there are items below it.
    title: Option<(usize, String, Context)>,
}

impl Reader {
    fn block(&mut self, block: Block) {
        if let Some((indent, text, above)) = self.title.take()
            && !matches!(&block, Block::Item(deeper, ..) | Block::Text(deeper, _) if *deeper > indent)
        {
            self.told(&text, &above);
        }
        let above = self.stack.at(&block);
        let below = match &block {
            Block::Heading(_, title) => self.heading(title, &above),
            Block::Item(indent, ticked, text) => self.item(*indent, *ticked, text, &above),
            Block::Columns(names) => columns(names, &above),
            Block::Text(_, text) => {
                self.told(text, &above);
                return;
            }
            Block::Row(cells) => {
                self.row(cells, &above);
                return;
            }
            Block::Box { warns } => Context { quiet: if *warns { Quiet::No } else { above.quiet }, ..above },
            Block::BoxEnd => return,
        };
        self.stack.push(&block, below);
    }

    fn heading(&mut self, title: &str, above: &Context) -> Context {
        let sentence = Sentence::of(title);
        if let Some(below) = above.below(&sentence, &self.own) {
            if below.quiet == Quiet::No && sentence.length > 3 {
                let kinds = rules::declared(&sentence, &Context { breaking: false, removed: false, ..below.clone() }, Kinds::default());
                self.add(Kinds { breaking: false, ..kinds }, title, &below.scope);
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
        let sentence = Sentence::of(text);
        let is_title = sentence.length <= 4 && text.len() <= 60 && !sentence.has(Role::Code);
        if let Some(below) = above.below(&sentence, &self.own).filter(|below| is_title && is_of_title(below, above)) {
            self.title = Some((indent, text.to_owned(), above.clone()));
            return below;
        }
        self.told(text, above);
        above.clone()
    }

    fn row(&mut self, cells: &[String], above: &Context) {
        let [first, rest @ ..] = cells else { return };
        let answer = rest.join(" | ");
        let label = above.below(&Sentence::of(first), &self.own).filter(|_| !above.breaking);
        let text = format!("| {} |", cells.join(" | "));
        match label {
            Some(label) => self.labelled(&answer, &text, &label),
            None if above.breaking && above.quiet == Quiet::No && !rest.is_empty() => {
                self.add(Kinds { breaking: true, ..Kinds::default() }, &text, &above.scope);
            }
            None => self.told(&text, above),
        }
    }

    /// A paragraph or an item, which may begin with a label of its own.
    fn told(&mut self, text: &str, above: &Context) {
        if let Some((commit, rest)) = commit(text, above) {
            return self.prose(rest, text, &commit);
        }
        if let Some(rest) = text.strip_prefix("BREAKING ").filter(|rest| !rest.starts_with("CHANGE")) {
            return self.prose(rest, text, &Context { breaking: true, quiet: Quiet::No, ..above.clone() });
        }
        let tag = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        let label = tag.or_else(|| label(text));
        if let Some((label, rest)) = label {
            let sentence = Sentence::of(label);
            if let Some(context) = above.below(&sentence, &self.own).filter(|_| sentence.length <= 5) {
                return self.labelled(rest, text, &context);
            }
        }
        self.prose(text, text, above);
    }

    fn labelled(&mut self, rest: &str, whole: &str, context: &Context) {
        let first = Sentence::of(rest);
        if first.begins(Role::Nothing) && !first.has(Role::NoLonger) && first.length <= 6 {
            return;
        }
        if context.migration && context.quiet == Quiet::No && !first.begins(Role::Not) {
            self.add(Kinds { migration: true, ..Kinds::default() }, whole, &context.scope);
        }
        // What a label says by itself is a part of the sentence, unless it is only a title.
        let is_title = context.breaking || context.removed || context.migration || context.quiet != Quiet::No;
        self.prose(if is_title { rest } else { whole }, whole, context);
    }

    /// Sentences; `whole` is what is quoted where it is short.
    fn prose(&mut self, text: &str, whole: &str, context: &Context) {
        let mut context = context.clone();
        let is_short = whole.len() <= LONGEST_QUOTE;
        let mut of_whole: Option<(Kinds, Scope)> = None;
        let mut before = Kinds::default();
        let is_still_as_before = !context.breaking && sentences(text).any(|(_, s)| s.has(Role::Still) && s.has(Role::Was));
        for (words, sentence) in sentences(text) {
            if let Some(scope) = origin(&sentence, &self.own) {
                context.scope = scope;
            }
            let mut kinds = self.sentence(&sentence, &context, before);
            kinds.breaking &= !is_still_as_before;
            before = before.and(kinds);
            if sentence.has_any(&[Role::Optional, Role::NewOnly, Role::Builders, Role::Elsewhere]) {
                context.quiet = Quiet::Silent;
            }
            if !kinds.any() {
                continue;
            }
            if is_short {
                of_whole = Some((before, context.scope.clone()));
            } else {
                self.add(kinds, words, &context.scope);
            }
        }
        if let Some((kinds, scope)) = of_whole {
            self.add(kinds, whole, &scope);
        }
    }

    fn sentence(&self, sentence: &Sentence, context: &Context, before: Kinds) -> Kinds {
        let mut kinds = rules::declared(sentence, context, before);
        let is_denial = sentence.denies || (sentence.begins(Role::Nothing) && sentence.length <= 6);
        let is_said = context.breaking && context.quiet == Quiet::No && !rules::is_of_others(sentence);
        if is_said && !is_denial && sentence.length > 0 {
            kinds.breaking = true;
        }
        if is_denial && (context.breaking || context.removed) {
            kinds.breaking = false;
        }
        if self.is_later(sentence) { Kinds::default() } else { kinds }
    }

    /// Whether it speaks of what a later version will do.
    fn is_later(&self, sentence: &Sentence) -> bool {
        let is_later = |version: &Vec<u64>| !scope::is_same(version, &self.own) && *version > self.own;
        let before = |at: u16, role| sentence.all(role).any(|word| word < at && at - word <= 2);
        let is_near = |at: u16| [Role::Will, Role::Update, Role::Since].iter().any(|role| before(at, *role));
        sentence.has(Role::Will)
            && !self.own.is_empty()
            && sentence.versions.iter().any(|(version, at)| is_later(version) && is_near(*at))
    }

    fn add(&mut self, kinds: Kinds, text: &str, scope: &Scope) {
        if !kinds.any() || self.found.len() >= MOST {
            return;
        }
        let end = (0..=LONGEST_QUOTE * 8).rev().find(|end| text.is_char_boundary((*end).min(text.len())));
        let start = text.get(..end.unwrap_or_default().min(text.len())).unwrap_or(text);
        let quote = PlainText::of(start).cut(LONGEST_QUOTE);
        match self.found.iter_mut().find(|found| found.quote == quote && found.scope == *scope) {
            Some(found) => found.kinds = found.kinds.and(kinds),
            None => self.found.push(Declaration { kinds, quote, scope: scope.clone() }),
        }
    }
}

/// What is known of the rows of a table: one of old and new names, or values, is of what changed.
fn columns(names: &[String], above: &Context) -> Context {
    let names: Vec<Sentence> = names.iter().map(|name| Sentence::of(name)).collect();
    let any = |roles: &[Role]| names.iter().any(|name| name.has_any(roles));
    let changes = any(&[Role::Was, Role::Before]) && any(&[Role::New, Role::Now, Role::FromNowOn, Role::Since, Role::From]);
    Context { breaking: above.breaking || (changes && above.quiet == Quiet::No), ..above.clone() }
}

/// Whether an item says what stands below it, and nothing by itself.
fn is_of_title(below: &Context, above: &Context) -> bool {
    (below.breaking, below.removed, below.steps, below.quiet) != (above.breaking, above.removed, above.steps, above.quiet)
}

/// Whom a sentence or title names who come from older versions.
fn origin(sentence: &Sentence, own: &[u64]) -> Option<Scope> {
    let about_versions = sentence.has_any(&[Role::Update, Role::Older]);
    let near = |role: Role, most: u16| {
        sentence.versions.iter().find(|(_, at)| sentence.all(role).any(|word| word < *at && at - word <= most))
    };
    let after = |role: Role| {
        sentence.versions.iter().find(|(_, at)| sentence.all(role).any(|word| word > *at && word - at <= 3))
    };
    if about_versions && let Some((version, _)) = near(Role::Before, 3).or_else(|| after(Role::Before).filter(|_| sentence.has(Role::From))) {
        return Some(Scope::Before(version.clone()));
    }
    if let Some((version, _)) = near(Role::Since, 1).filter(|(version, _)| version.len() > 1 && !scope::is_same(version, own)) {
        return Some(Scope::Past(version.clone()));
    }
    let comes = sentence.has(Role::Update) && sentence.has(Role::Version) && !sentence.has(Role::Renamed);
    let (version, _) = near(Role::From, 2).filter(|_| comes)?;
    Some(Scope::UpTo(version.clone()))
}

/// `feat(api)!: …`, with or without the hash before it: what stands in front says what it is.
fn commit<'t>(text: &'t str, above: &Context) -> Option<(Context, &'t str)> {
    let (head, rest) = text.split_once(": ")?;
    let (head, rest) = if head.len() >= 7 && head.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        rest.split_once(": ")?
    } else {
        (head, rest)
    };
    let head = head.rsplit_once(' ').map_or(head, |(hash, head)| if hash.bytes().all(|b| b.is_ascii_hexdigit()) { head } else { "" });
    let (kind, is_breaking) = head.strip_suffix('!').map_or((head, false), |head| (head, true));
    let kind = kind.split_once('(').map_or(kind, |(kind, _)| kind);
    if kind.is_empty() || kind.len() > 12 || !kind.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let heard = Context { quiet: Quiet::No, ..above.clone() };
    let quiet = match kind {
        _ if is_breaking => return Some((Context { breaking: true, ..heard }, rest)),
        "fix" | "feat" | "perf" => Quiet::Mostly,
        "docs" | "test" | "tests" | "ci" | "build" | "chore" | "refactor" | "style" | "deps" => Quiet::Silent,
        _ => return None,
    };
    Some((Context { quiet: quiet.max(above.quiet), ..above.clone() }, rest))
}

/// What stands before a colon, if that is short.
fn label(text: &str) -> Option<(&str, &str)> {
    let at = text.find([':', '：']).filter(|at| *at <= 60)?;
    let (label, rest) = (text.get(..at)?, text.get(at..)?);
    let rest = rest.trim_start_matches([':', '：']);
    (!label.contains('`') && !rest.trim().is_empty()).then(|| (label, rest.trim()))
}
