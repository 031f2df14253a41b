//! A sentence, as far as it is understood: which roles its words play, and where.

use super::phrase::{is_off, joined_to, names_update, opening};
use super::role::Role;
use super::scope::{Numbers, numbers};
use super::token::{Token, Tokens, is_attribute, is_counted, is_infinitive, takes_image};
use super::words;

/// A longer sentence is read in pieces.
const LONGEST: usize = 600;
/// What is in the names of commands and files that change stored data.
const MOVES_DATA: [&str; 5] = ["migrat", "migrar", "migrer", ".sql", "pg_upgrade"];
/// What commands begin with that a database is taken from one version to another with.
const DUMPS: [&str; 2] = ["pg_upgrade", "pg_dump"];
/// What is in the names of commands that make an index anew.
const REINDEXES: [&str; 3] = ["reindex", "rebuild-index", "rebuild_index"];

/// Which roles are there.
#[derive(Clone, Copy, Debug, Default)]
struct Set([u64; 4]);

impl Set {
    fn place(role: Role) -> (usize, u64) {
        let number = role as u8;
        (usize::from(number / 64), 1 << (number % 64))
    }

    fn insert(&mut self, role: Role) {
        let (word, bit) = Self::place(role);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn contains(&self, role: Role) -> bool {
        let (word, bit) = Self::place(role);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

impl FromIterator<Role> for Set {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        let mut set = Self::default();
        roles.into_iter().for_each(|role| set.insert(role));
        set
    }
}

/// The roles of the words of a sentence.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    pub(super) marks: Vec<(Role, u16)>,
    has: Set,
    /// How many words it has.
    pub(super) length: u16,
    /// Versions that it names, with where.
    pub(super) versions: Vec<(Numbers, u16)>,
    /// Whether it denies what it names.
    pub(super) denies: bool,
    /// Whether it says that nothing is incompatible.
    pub(super) denies_breaking: bool,
    /// Where it begins behind what only says what part it is about.
    pub(super) lead: u16,
    /// Whether it says that those who take the image need not care for what it is about.
    pub(super) waives_image: bool,
}

/// The sentences of a block, each with its text.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = (&str, Sentence)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let end = end_of_first(rest);
        let (first, after) = rest.split_at(end);
        rest = after;
        Some((first.trim(), Sentence::of(first)))
    })
}

/// Where the first sentence of a text ends. What is in code ends none.
fn end_of_first(text: &str) -> usize {
    let mut in_code = false;
    let mut space = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        in_code ^= c == '`';
        let end = at + c.len_utf8();
        let ends = match c {
            ';' | '。' | '！' | '？' | '；' => !in_code,
            '.' | '!' | '?' if !in_code => {
                let before = text.get(..at).unwrap_or_default();
                let is_short =
                    ["e.g", "i.e", "z.B", "d.h", "etc", "vs", "p. ex", " no"].iter().any(|s| before.ends_with(s));
                !is_short && letters.peek().is_none_or(|(_, next)| next.is_whitespace())
            }
            _ => false,
        };
        if ends {
            return end;
        }
        if c.is_whitespace() {
            space = Some(end);
        }
        if end >= LONGEST {
            return space.unwrap_or(end);
        }
    }
    text.len()
}

impl Sentence {
    pub(super) fn of(text: &str) -> Self {
        let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let written = text.get(..end).unwrap_or_default().replace('’', "'");
        let lower = in_small_letters(&written);
        let tokens = Tokens::of(&lower, &written);
        let words: Vec<&str> = tokens.all.iter().map(Token::word).collect();
        let length = u16::try_from(words.len()).unwrap_or(u16::MAX);
        let mut sentence = Self { length, lead: tokens.lead, ..Self::default() };
        sentence.lead = sentence.lead.max(opening(&words));
        sentence.add(Role::Clause, 0);
        let mut at = 0;
        while let Some(token) = tokens.all.get(at) {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let before = at.checked_sub(1).and_then(|before| words.get(before)).copied().unwrap_or_default();
            let before = joined_to(before, at, &words);
            at += sentence.token(token, place, (before, words.get(at..).unwrap_or_default()));
        }
        let quotes = tokens.quotes();
        for at in tokens.clauses {
            sentence.add(Role::Clause, at);
        }
        sentence.mentioned(&quotes, &words);
        sentence.names(&tokens.all);
        sentence.no_longer(&words);
        sentence.no_way_back(&words);
        sentence.excepted();
        sentence.unsupported(&words);
        sentence.passive(&words);
        sentence.marked(text);
        sentence.relative();
        sentence.conditional();
        sentence.attribute(&words);
        sentence.joined(&words);
        sentence.temporal(&words);
        sentence.newly(&words);
        sentence.defaulted(&words);
        sentence.deny();
        sentence.deny_events(&words);
        sentence.waived(&words);
        sentence.workshop(&tokens.all);
        sentence
    }

    /// Takes in a token, and how many words it is read with.
    fn token(&mut self, token: &Token<'_>, at: u16, (before, words): (&str, &[&str])) -> usize {
        match token {
            Token::Code(code) => self.code(code, at, before),
            Token::Version(text) => self.version(text, at),
            Token::Number(text) => {
                self.add(Role::Number, at);
                self.versions.extend(numbers(text).filter(|_| text.len() < 3).map(|numbers| (numbers, at)));
            }
            Token::Ideograph(roles) => roles.iter().for_each(|role| self.add(*role, at)),
            Token::Symbol => self.add(Role::Inside, at),
            Token::Word(_) | Token::Name(_) => return self.word(at, (before, words)),
        }
        1
    }

    fn code(&mut self, code: &str, at: u16, before: &str) {
        if takes_image(code) {
            self.add(Role::Standing, at);
            return;
        }
        let mut is_inside = false;
        words::roles(&[code], |role| is_inside |= role == Role::Inside);
        self.add(if is_inside { Role::Inside } else { Role::Code }, at);
        // «`strict`, default `false`»: it is new, and off.
        let is_aside = self.lead + 1 < at && before == "default" && is_off(code);
        if is_aside {
            self.add(Role::OffByDefault, at - 1);
        }
        let is_flag = code.starts_with('-');
        if !is_flag && MOVES_DATA.iter().any(|word| code.contains(word)) {
            self.add(Role::MovesData, at);
        }
        if DUMPS.iter().any(|word| code.starts_with(word)) {
            self.add(Role::Dump, at);
        }
        if REINDEXES.iter().any(|word| code.contains(word)) {
            self.add(Role::Reindex, at);
        }
    }

    fn version(&mut self, text: &str, at: u16) {
        self.add(Role::Version, at);
        self.versions.extend(numbers(text).map(|numbers| (numbers, at)));
    }

    /// Takes in the first of these words, and how many of them it is read with.
    fn word(&mut self, at: u16, (before, words): (&str, &[&str])) -> usize {
        if let ["will", "need" | "require" | "want", ..] = words {
            self.add(Role::Will, at);
        }
        let mut ends_a_clause = false;
        let is_attribute = is_attribute(before, words);
        let is_update = names_update(before, words);
        let length = words::roles(words, |role| {
            ends_a_clause |= role == Role::Updating;
            let is_noun = matches!(role, Role::Renamed | Role::Instead) && is_counted(before);
            let is_meant = is_attribute && matches!(role, Role::Removed | Role::Renamed | Role::Migration);
            let is_itself = is_update && matches!(role, Role::Added | Role::New);
            if !is_noun && !is_meant && !is_itself {
                self.add(role, at);
            }
        });
        let last = length.saturating_sub(1);
        let place = at.saturating_add(u16::try_from(last).unwrap_or_default());
        self.folded(words.get(last..).unwrap_or_default(), place);
        self.reaches(at, length);
        if length == 1 && !self.is_known(at) {
            self.compound(words.first().copied().unwrap_or_default(), at);
        }
        if is_infinitive(words) {
            self.add(Role::Must, at);
            self.add(Role::Done, at.saturating_add(1));
        }
        if ends_a_clause {
            self.add(Role::Clause, at.saturating_add(u16::try_from(length).unwrap_or(1)));
        }
        length
    }

    /// «will be logged out», «get logged out»: the same as «are logged out».
    fn folded(&mut self, words: &[&str], at: u16) {
        let ["be" | "been" | "get" | "gets" | "got", next, ..] = words else { return };
        words::roles(&["are", next, words.get(2).copied().unwrap_or_default()], |role| {
            if matches!(role, Role::Dies | Role::Refused) && !self.marks.contains(&(role, at)) {
                self.add(role, at);
            }
        });
    }

    /// What several words say at a place they say to what follows them, too.
    fn reaches(&mut self, at: u16, length: usize) {
        let last = at.saturating_add(u16::try_from(length).unwrap_or(1).saturating_sub(1));
        if last > at {
            for role in [Role::Since, Role::Before, Role::Not, Role::From] {
                if self.marks.contains(&(role, at)) {
                    self.add(role, last);
                }
            }
        }
    }

    pub(super) fn is_known(&self, at: u16) -> bool {
        self.marks.iter().any(|(role, place)| *place == at && *role != Role::Clause)
    }

    /// Takes note of which roles are left.
    pub(super) fn counted(&mut self) {
        self.has = self.marks.iter().map(|(role, _)| *role).collect();
    }

    pub(super) fn add(&mut self, role: Role, at: u16) {
        #[cfg(test)]
        words::step();
        self.marks.push((role, at));
        self.has.insert(role);
    }

    pub(super) fn has(&self, role: Role) -> bool {
        self.has.contains(role)
    }

    pub(super) fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    pub(super) fn has_all(&self, roles: &[Role]) -> bool {
        roles.iter().all(|role| self.has(*role))
    }

    pub(super) fn count(&self, role: Role) -> usize {
        self.all(role).count()
    }

    pub(super) fn all(&self, role: Role) -> impl Iterator<Item = u16> {
        self.marks.iter().filter(move |(other, _)| *other == role).map(|(_, at)| *at)
    }

    /// Whether one stands after another, with few words between.
    pub(super) fn follows(&self, first: Role, then: Role, within: u16) -> bool {
        self.has(first) && self.has(then) && {
            self.all(first).any(|one| self.all(then).any(|other| one < other && other - one <= within))
        }
    }

    /// Whether a clause begins with it.
    pub(super) fn begins_clause(&self, role: Role) -> bool {
        self.has(role) && self.all(role).any(|at| self.all(Role::Clause).any(|clause| clause == at))
    }

    /// Whether the last word plays it.
    pub(super) fn ends(&self, role: Role) -> bool {
        self.all(role).any(|at| at + 1 >= self.length)
    }

    /// Whether it is about that: it stands among the first words behind what only says what part it is about.
    pub(super) fn is_about(&self, role: Role) -> bool {
        self.all(role).any(|at| at >= self.lead && at - self.lead <= 2)
    }

    /// Whether it stands at the beginning, or behind what only says what part it is about.
    pub(super) fn begins(&self, role: Role) -> bool {
        self.all(role).any(|at| at == 0 || at == self.lead)
    }

    /// Whether one of them stands in what it says, and not only before it.
    pub(super) fn has_in_body(&self, roles: &[Role]) -> bool {
        self.marks.iter().any(|(role, at)| *at >= self.lead && roles.contains(role))
    }

    /// Whether a clause begins with one, in which the other does not stand.
    pub(super) fn begins_clause_without(&self, role: Role, other: Role) -> bool {
        let end = |start: u16| self.all(Role::Clause).filter(|clause| *clause > start).min().unwrap_or(u16::MAX);
        let is_free = |start: u16| !self.all(other).any(|at| (start..end(start)).contains(&at));
        self.has(role) && self.all(role).any(|at| self.all(Role::Clause).any(|clause| clause == at) && is_free(at))
    }

    /// Whether it is one of the first words of it.
    pub(super) fn is_early(&self, role: Role) -> bool {
        self.all(role).any(|at| at < 2 || (at >= self.lead && at - self.lead < 2))
    }
}

/// A text in small letters, each of which stands where it stood.
pub(super) fn in_small_letters(text: &str) -> String {
    let small = |c: char| c.to_lowercase().next().filter(|small| small.len_utf8() == c.len_utf8()).unwrap_or(c);
    text.chars().map(small).collect()
}
