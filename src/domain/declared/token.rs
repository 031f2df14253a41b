//! The words of a sentence, names in code, versions and signs among them; addresses and references are none.

use super::role::Role;
use super::words;

pub(super) enum Token<'t> {
    Word(&'t str),
    /// A word that its writer began with a capital.
    Name(&'t str),
    Code(&'t str),
    /// A name in code that only the makers' own source knows.
    Symbol,
    Version(&'t str),
    Number(&'t str),
    /// A Chinese word.
    Ideograph(Vec<Role>),
}

impl<'t> Token<'t> {
    pub(super) fn word(&self) -> &'t str {
        match self {
            Self::Word(word) | Self::Name(word) | Self::Version(word) | Self::Number(word) => word,
            Self::Code(_) | Self::Symbol => "`",
            Self::Ideograph(_) => "",
        }
    }
}

pub(super) struct Tokens<'t> {
    pub(super) all: Vec<Token<'t>>,
    pub(super) clauses: Vec<u16>,
    pub(super) lead: u16,
    /// Where quotes begin and end, with the sign that closes each.
    quotes: Vec<Quote>,
    /// The same text as its writer wrote it, byte for byte.
    written: &'t str,
}

struct Quote {
    start: u16,
    end: Option<u16>,
    closing: char,
}

/// What stands before a sentence and only says what part it is about has no more words.
const LONGEST_LEAD: usize = 4;
/// What is quoted and has more words is no name.
const LONGEST_NAME: u16 = 6;

impl<'t> Tokens<'t> {
    /// The tokens of a text in small letters, which stand where they stand in the `written` one.
    pub(super) fn of(text: &'t str, written: &'t str) -> Self {
        let mut tokens = Self { all: Vec::new(), clauses: Vec::new(), lead: 0, quotes: Vec::new(), written };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let length = if let Some(reference) = reference(rest) {
                reference
            } else if c == '`' {
                tokens.code(rest)
            } else if words::is_ideograph(c) {
                tokens.ideograph(rest)
            } else if is_of_word(c) || (matches!(c, '-' | '/') && rest.len() > 1) {
                tokens.word(rest)
            } else {
                if matches!(c, ',' | ':' | '*' | '(' | ')' | '—' | '–' | '，' | '：' | '、' | '|' | '«') {
                    tokens.clause();
                }
                if matches!(c, ':' | '：' | '—' | '–') || (matches!(c, ']' | ')') && text.starts_with(['[', '(']))
                {
                    tokens.led();
                }
                tokens.quote(c);
                match c {
                    '+' if is_open_end(text, rest)
                        && matches!(tokens.all.last(), Some(Token::Number(_) | Token::Version(_))) =>
                    {
                        tokens.all.push(Token::Word("minimum"));
                    }
                    '→' | '➜' | '⇒' => tokens.all.push(Token::Word("→")),
                    '❌' | '✗' | '✖' | '🚫' => tokens.all.push(Token::Word("no")),
                    _ => {}
                }
                c.len_utf8()
            };
            rest = rest.get(length.max(c.len_utf8())..).unwrap_or_default();
        }
        tokens
    }

    /// Whether what is left of the text begins with a capital.
    fn is_capital(&self, rest: &str) -> bool {
        let at = self.written.len().checked_sub(rest.len());
        at.and_then(|at| self.written.get(at..)?.chars().next()).is_some_and(char::is_uppercase)
    }

    /// A sign may close the quote that is open, or open one.
    fn quote(&mut self, c: char) {
        let at = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        if let Some(open) = self.quotes.last_mut().filter(|quote| quote.end.is_none()) {
            if c == open.closing {
                open.end = Some(at);
            }
            return;
        }
        let closing = match c {
            '«' => '»',
            '„' => '“',
            '“' => '”',
            '"' => '"',
            _ => return,
        };
        self.quotes.push(Quote { start: at, end: None, closing });
    }

    /// Where quotes of a few words begin and end. One that nothing closes is none.
    pub(super) fn quotes(&self) -> Vec<(u16, u16)> {
        let closed = self.quotes.iter().filter_map(|quote| Some((quote.start, quote.end?)));
        let is_whole = |start: u16, end: u16| start == 0 && usize::from(end) >= self.all.len();
        closed.filter(|(start, end)| end - start <= LONGEST_NAME && !is_whole(*start, *end)).collect()
    }

    fn clause(&mut self) {
        self.clauses.push(u16::try_from(self.all.len()).unwrap_or(u16::MAX));
    }

    /// What came so far only said what the sentence is about.
    fn led(&mut self) {
        if self.all.len() <= LONGEST_LEAD {
            self.lead = u16::try_from(self.all.len()).unwrap_or_default();
        }
    }

    fn code(&mut self, rest: &'t str) -> usize {
        let marks = rest.bytes().take_while(|byte| *byte == b'`').count();
        let inner = rest.get(marks..).unwrap_or_default();
        let end = inner.find('`').unwrap_or(inner.len());
        // `-f', as GNU's notes have it.
        let single = inner
            .find('\'')
            .filter(|at| *at < end && marks == 1 && !inner.get(..*at).is_some_and(|code| code.contains(' ')));
        let is_single =
            single.is_some_and(|at| !inner.get(at + 1..).is_some_and(|next| next.starts_with(char::is_alphanumeric)));
        if let Some(end) = single.filter(|_| is_single) {
            self.all.push(Token::Code(inner.get(..end).unwrap_or_default()));
            return marks + end + 1;
        }
        let code = inner.get(..end).unwrap_or_default();
        // The hash of a commit is no name.
        if !is_hash(code) {
            self.all.push(match code {
                _ if is_symbol(code) => Token::Symbol,
                _ if is_version(code) => Token::Version(code),
                _ => Token::Code(code),
            });
        }
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
        if whole.starts_with('@') || is_hash(whole) {
            return end;
        }
        if whole == "-" && rest.starts_with("->") {
            self.all.push(Token::Word("→"));
            return end + 1;
        }
        let word = whole.trim_end_matches(['.', '-', '/', '\'', ':']);
        // Marks of emphasis.
        let word = word.strip_prefix('_').unwrap_or(word).trim_end_matches(['_', '.']);
        let plain = word.trim_start_matches('-');
        let is_flag = word.starts_with("--") || (word.starts_with('-') && plain.len() > 1);
        let is_path = word.starts_with('/') && word.len() > 1;
        let is_name = plain.contains('_') || (plain.contains('=') && plain.len() > 2);
        let is_code = is_flag || is_path || is_name;
        if plain.is_empty() || is_day(plain) {
            if plain.is_empty() {
                self.clause();
                self.led();
            }
            return end;
        }
        let word = plain.strip_prefix("l'").or_else(|| elided(plain)).unwrap_or(plain);
        self.all.push(match word {
            _ if is_source(word) => Token::Symbol,
            _ if is_code => Token::Code(word),
            _ if is_quantity(word) => Token::Number(word),
            _ if is_version(word) => Token::Version(word),
            _ if self.is_capital(rest) => Token::Name(word),
            _ => Token::Word(word),
        });
        // «In that case stop …»
        let is_case = word == "case" && matches!(self.all.as_slice(), [.., Token::Word("that" | "this"), _]);
        if is_case || matches!(word, "and" | "then" | "please" | "und" | "et" | "bitte" | "so" | "simply") {
            self.clause();
        }
        end
    }
}

/// Whether a plus stands right behind a number, and no other number follows: `1.25+`, and neither `8 + 2` nor `+0100`.
fn is_open_end(text: &str, rest: &str) -> bool {
    let before = text.len().checked_sub(rest.len()).and_then(|at| text.get(..at)?.chars().next_back());
    let after = rest.chars().nth(1);
    before.is_some_and(char::is_alphanumeric) && !after.is_some_and(|c| c.is_ascii_digit())
}

/// How long an address, the name of a picture, or the number of an issue or change is that a text begins with: none is a
/// word.
fn reference(text: &str) -> Option<usize> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ')' | '>' | ']' | '，' | '。');
    if text.starts_with("http://") || text.starts_with("https://") {
        return Some(text.find(is_end).unwrap_or(text.len()));
    }
    if let Some(name) = text.strip_prefix(':') {
        let length = name.bytes().take_while(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'0'..=b'9')).count();
        return (length > 1 && name.as_bytes().get(length) == Some(&b':')).then_some(length + 2);
    }
    let number = text.strip_prefix(['#', '!'])?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some(digits + 1)
}

/// Whether a name in code is one of the makers' own source: a file of it, a type, an element of a page.
fn is_symbol(code: &str) -> bool {
    const SOURCES: [&str; 14] = [
        ".go", ".ts", ".tsx", ".jsx", ".css", ".scss", ".less", ".vue", ".svelte", ".rs", ".java", ".kt", ".cpp",
        ".tmpl",
    ];
    code.contains("::")
        || code.starts_with('<')
        || is_pointer(code)
        || code.starts_with("[]")
        || (!code.contains(' ') && SOURCES.iter().any(|end| code.ends_with(end)))
}

/// Whether a word is the name of a file of the source, or of a test: `panel.tmpl`.
fn is_source(word: &str) -> bool {
    (word.len() > 6 && [".tmpl", ".tsx", ".scss", ".vue", ".svelte"].iter().any(|end| word.ends_with(end)))
        || word.starts_with("test_")
}

/// `*Client`, `*http.Client`: a type, and neither `*_import` nor `*.example.org`, which stand for many names.
fn is_pointer(code: &str) -> bool {
    code.strip_prefix('*').is_some_and(|name| {
        name.starts_with(char::is_alphabetic) && name.chars().all(|c| c.is_alphanumeric() || c == '.')
    })
}

/// Whether a command only takes the image, as every update does.
pub(super) fn takes_image(code: &str) -> bool {
    [
        "docker pull",
        "docker compose",
        "docker-compose",
        "podman pull",
        "helm upgrade",
        "helm repo",
        "git pull",
        "git checkout",
    ]
    .iter()
    .any(|start| code.starts_with(start))
        && !code.contains(" run ")
        && !code.contains(" exec ")
}

/// Whether a word is the hash of a commit.
fn is_hash(word: &str) -> bool {
    (7..=40).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether a participle only says which things are meant: «the removed users», but not «the dropped support».
pub(super) fn is_attribute(before: &str, words: &[&str]) -> bool {
    let is_determined = matches!(
        before,
        "the"
            | "a"
            | "an"
            | "any"
            | "all"
            | "every"
            | "these"
            | "those"
            | "some"
            | "of"
            | "to"
            | "on"
            | "between"
            | "with"
            | "for"
            | "about"
            | "already"
            | "recently"
            | "previously"
    );
    is_determined
        && words.first().is_some_and(|word| word.ends_with("ed"))
        && words.get(1).is_some_and(|next| !matches!(*next, "support" | "in" | "by" | "from" | "with"))
}

/// Whether a word counts the next one, which is a noun then: «several changes to …».
pub(super) fn is_counted(before: &str) -> bool {
    matches!(
        before,
        "several" | "many" | "some" | "few" | "various" | "minor" | "small" | "other" | "more" | "no" | "the" | "these"
    )
}

/// Whether German words ask for something: «ist … auszuführen», «sind … zu setzen».
pub(super) fn is_infinitive(words: &[&str]) -> bool {
    let [is, rest @ ..] = words else { return false };
    let separated = |word: &str| {
        ["aus", "an", "ein", "ab", "auf", "um", "nach", "vor", "durch", "hinzu", "zurück", "frei", "neu"]
            .iter()
            .any(|start| word.strip_prefix(start).is_some_and(|rest| rest.starts_with("zu") && rest.len() > 5))
    };
    matches!(*is, "ist" | "sind") && rest.iter().take(8).any(|word| word.ends_with("en") && separated(word))
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

/// What may stand behind the digits of a quantity.
const UNITS: [&str; 24] = [
    "", "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib", "ms", "s", "sec", "min", "h", "d",
    "w", "y", "x", "px",
];

/// `503`, `503/422`, `2gb`, `30d`: a number, or several, with a unit or without.
fn is_quantity(word: &str) -> bool {
    let digits = word.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'/').count();
    let unit = word.get(digits..).unwrap_or_default();
    word.starts_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&unit)
}

/// `2026-05-04`
fn is_day(word: &str) -> bool {
    word.len() == 10
        && word.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
}
