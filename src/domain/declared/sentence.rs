//! A sentence, as far as it is understood: which roles its words play, and where.

use super::role::Role;
use super::scope::{Numbers, numbers};
use super::words;

/// A longer sentence is read in pieces.
const LONGEST: usize = 600;
/// So many words may stand between a denial and what it denies.
const REACH: u16 = 5;

/// The roles of the words of a sentence.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    marks: Vec<(Role, u16)>,
    has: u128,
    /// How many words it has.
    pub(super) length: u16,
    /// Versions that it names, with where.
    pub(super) versions: Vec<(Numbers, u16)>,
    /// Whether it denies what it names.
    pub(super) denies: bool,
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
        let lower = text.get(..end).unwrap_or_default().to_lowercase().replace('’', "'");
        let tokens = Tokens::of(&lower);
        let words: Vec<&str> = tokens.all.iter().map(Token::word).collect();
        let mut sentence = Self { length: u16::try_from(words.len()).unwrap_or(u16::MAX), ..Self::default() };
        sentence.add(Role::Clause, 0);
        let mut at = 0;
        while let Some(token) = tokens.all.get(at) {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            at += sentence.token(token, place, words.get(at..).unwrap_or_default());
        }
        for at in tokens.clauses {
            sentence.add(Role::Clause, at);
        }
        sentence.no_longer(&words);
        sentence.deny();
        sentence
    }

    /// Takes in a token, and how many words it is read with.
    fn token(&mut self, token: &Token<'_>, at: u16, words: &[&str]) -> usize {
        match token {
            Token::Code(code) => {
                self.add(Role::Code, at);
                if ["migrat", ".sql", "pg_upgrade"].iter().any(|word| code.contains(word)) {
                    self.add(Role::MovesData, at);
                }
                if code.contains("reindex") {
                    self.add(Role::Reindex, at);
                }
                1
            }
            Token::Version(text) => {
                self.add(Role::Version, at);
                self.versions.extend(numbers(text).map(|numbers| (numbers, at)));
                1
            }
            Token::Number(text) => {
                self.add(Role::Number, at);
                self.versions.extend(numbers(text).filter(|_| text.len() < 3).map(|numbers| (numbers, at)));
                1
            }
            Token::Ideograph(roles) => {
                for role in roles {
                    self.add(*role, at);
                }
                1
            }
            Token::Word(_) => {
                let mut ends_a_clause = false;
                let length = words::roles(words, |role| {
                    ends_a_clause |= role == Role::Updating;
                    self.add(role, at);
                });
                if ends_a_clause {
                    self.add(Role::Clause, at.saturating_add(u16::try_from(length).unwrap_or(1)));
                }
                length
            }
        }
    }

    fn add(&mut self, role: Role, at: u16) {
        #[cfg(test)]
        words::step();
        self.marks.push((role, at));
        self.has |= 1 << role as u8;
    }

    /// French says it around the verb, whichever that is.
    fn no_longer(&mut self, words: &[&str]) {
        for (at, pair) in words.windows(3).enumerate() {
            let [ne, verb, plus] = pair else { continue };
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let is_verb = !matches!(*verb, "sont" | "est" | "seront" | "sera");
            if (*ne == "ne" && *plus == "plus" && is_verb) || (ne.starts_with("n'") && *verb == "plus") {
                self.add(Role::NoLonger, place);
                self.add(Role::Works, place.saturating_add(1));
            }
        }
    }

    /// What is denied is not said.
    fn deny(&mut self) {
        use Role::{Breaking, Incompatible, Migration, Reindex, Steps};
        let nots: Vec<u16> = self.all(Role::Not).collect();
        let is_denied = |at: u16| nots.iter().any(|not| *not < at && at - not <= REACH);
        let deniable = |role| matches!(role, Incompatible | Breaking | Migration | Steps | Reindex | Role::Asked);
        let before = self.marks.len();
        self.marks.retain(|(role, at)| !(deniable(*role) && is_denied(*at)));
        self.denies = self.marks.len() < before;
        self.has = self.marks.iter().fold(0, |has, (role, _)| has | 1 << *role as u8);
    }

    pub(super) fn has(&self, role: Role) -> bool {
        self.has & (1 << role as u8) != 0
    }

    pub(super) fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
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

    /// Whether it stands at the beginning.
    pub(super) fn begins(&self, role: Role) -> bool {
        self.all(role).any(|at| at == 0)
    }
}

enum Token<'t> {
    Word(&'t str),
    Code(&'t str),
    Version(&'t str),
    Number(&'t str),
    /// A Chinese word.
    Ideograph(Vec<Role>),
}

impl<'t> Token<'t> {
    fn word(&self) -> &'t str {
        match self {
            Self::Word(word) | Self::Version(word) | Self::Number(word) => word,
            Self::Code(_) => "`",
            Self::Ideograph(_) => "",
        }
    }
}

struct Tokens<'t> {
    all: Vec<Token<'t>>,
    clauses: Vec<u16>,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Self {
        let mut tokens = Self { all: Vec::new(), clauses: Vec::new() };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let length = if c == '`' {
                tokens.code(rest)
            } else if words::is_ideograph(c) {
                tokens.ideograph(rest)
            } else if is_of_word(c) || (matches!(c, '-' | '/') && rest.len() > 1) {
                tokens.word(rest)
            } else {
                if matches!(c, ',' | ':' | '(' | ')' | '—' | '–' | '，' | '：' | '、' | '|' | '«' | '→') {
                    tokens.clause();
                }
                c.len_utf8()
            };
            rest = rest.get(length.max(c.len_utf8())..).unwrap_or_default();
        }
        tokens
    }

    fn clause(&mut self) {
        self.clauses.push(u16::try_from(self.all.len()).unwrap_or(u16::MAX));
    }

    fn code(&mut self, rest: &'t str) -> usize {
        let marks = rest.bytes().take_while(|byte| *byte == b'`').count();
        let inner = rest.get(marks..).unwrap_or_default();
        let end = inner.find('`').unwrap_or(inner.len());
        self.all.push(Token::Code(inner.get(..end).unwrap_or_default()));
        let closing = inner.get(end..).unwrap_or_default().bytes().take_while(|byte| *byte == b'`').count();
        marks + end + closing
    }

    fn ideograph(&mut self, rest: &str) -> usize {
        let mut roles = Vec::new();
        let length = words::roles_of_ideographs(rest, |role| roles.push(role));
        self.all.push(Token::Ideograph(roles));
        length.unwrap_or_default()
    }

    fn word(&mut self, rest: &'t str) -> usize {
        let end = rest.find(|c| !is_within_word(c)).unwrap_or(rest.len());
        let whole = rest.get(..end).unwrap_or_default();
        if whole.contains("://") || whole.starts_with('@') {
            return end;
        }
        let word = whole.trim_end_matches(['.', '-', '/', '\'', ':']);
        let plain = word.trim_start_matches('-');
        let is_flag = word.starts_with("--") || (word.starts_with('-') && plain.len() > 1);
        let is_path = word.starts_with('/') && word.len() > 1;
        let is_name = plain.contains('_') || (plain.contains('=') && plain.len() > 2);
        let is_code = is_flag || is_path || is_name;
        if plain.is_empty() || is_day(plain) {
            if plain.is_empty() {
                self.clause();
            }
            return end;
        }
        let word = plain.strip_prefix("l'").or_else(|| elided(plain)).unwrap_or(plain);
        self.all.push(match word {
            _ if is_code => Token::Code(word),
            _ if word.bytes().all(|byte| byte.is_ascii_digit()) => Token::Number(word),
            _ if is_version(word) => Token::Version(word),
            _ => Token::Word(word),
        });
        if matches!(word, "and" | "then" | "please" | "und" | "et" | "bitte" | "so" | "simply") {
            self.clause();
        }
        end
    }
}

fn elided(word: &str) -> Option<&str> {
    word.strip_prefix("d'").filter(|rest| !matches!(*rest, "abord" | "une" | "un" | "elle-même"))
}

fn is_of_word(c: char) -> bool {
    (c.is_alphanumeric() && !words::is_ideograph(c)) || matches!(c, '@' | '_')
}

fn is_within_word(c: char) -> bool {
    is_of_word(c) || matches!(c, '-' | '.' | '/' | '\'' | '=')
}

fn is_version(word: &str) -> bool {
    let rest = word.strip_prefix('v').unwrap_or(word);
    rest.starts_with(|c: char| c.is_ascii_digit())
        && rest.contains('.')
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// `2026-05-04`
fn is_day(word: &str) -> bool {
    word.len() == 10
        && word.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
}
