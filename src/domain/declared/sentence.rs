//! A sentence, as far as it is understood: which roles its words play, and where.

use super::role::Role;
use super::scope::{Numbers, numbers};
use super::token::{Token, Tokens, is_attribute, is_counted, is_infinitive, takes_image};
use super::words;

/// A longer sentence is read in pieces.
const LONGEST: usize = 600;
/// So many words may stand between a denial and what it denies.
const REACH: u16 = 5;

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
    marks: Vec<(Role, u16)>,
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
    lead: u16,
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
        sentence.add(Role::Clause, 0);
        let mut at = 0;
        while let Some(token) = tokens.all.get(at) {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let before = at.checked_sub(1).and_then(|before| words.get(before)).copied().unwrap_or_default();
            at += sentence.token(token, place, (before, words.get(at..).unwrap_or_default()));
        }
        for at in tokens.clauses {
            sentence.add(Role::Clause, at);
        }
        sentence.names(&tokens.all);
        sentence.no_longer(&words);
        sentence.passive(&words);
        sentence.marked(text);
        sentence.relative();
        sentence.attribute(&words);
        sentence.deny();
        sentence
    }

    /// Takes in a token, and how many words it is read with.
    fn token(&mut self, token: &Token<'_>, at: u16, (before, words): (&str, &[&str])) -> usize {
        match token {
            Token::Code(code) if takes_image(code) => {
                self.add(Role::Standing, at);
                1
            }
            Token::Code(code) => {
                let mut is_inside = false;
                words::roles(&[code], |role| is_inside |= role == Role::Inside);
                self.add(if is_inside { Role::Inside } else { Role::Code }, at);
                let is_flag = code.starts_with('-');
                if !is_flag
                    && ["migrat", "migrar", "migrer", ".sql", "pg_upgrade"].iter().any(|word| code.contains(word))
                {
                    self.add(Role::MovesData, at);
                }
                if ["pg_upgrade", "pg_dump"].iter().any(|word| code.starts_with(word)) {
                    self.add(Role::Dump, at);
                }
                if code.contains("reindex") || code.contains("rebuild-index") || code.contains("rebuild_index") {
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
            Token::Symbol => {
                self.add(Role::Inside, at);
                1
            }
            Token::Word(_) | Token::Name(_) => {
                let mut ends_a_clause = false;
                let is_attribute = is_attribute(before, words);
                let length = words::roles(words, |role| {
                    ends_a_clause |= role == Role::Updating;
                    let is_noun = matches!(role, Role::Renamed | Role::Instead) && is_counted(before);
                    if !is_noun && !(is_attribute && matches!(role, Role::Removed | Role::Renamed | Role::Migration)) {
                        self.add(role, at);
                    }
                });
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
        }
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

    fn is_known(&self, at: u16) -> bool {
        self.marks.iter().any(|(role, place)| *place == at && *role != Role::Clause)
    }

    /// «Envoy 1.17»: an unknown name before a version is another product's.
    fn names(&mut self, tokens: &[Token<'_>]) {
        for (at, token) in tokens.iter().enumerate().skip(1) {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            if matches!(token, Token::Name(_)) && !self.is_known(at) {
                self.add(Role::Name, at);
            }
        }
        for (at, pair) in tokens.windows(2).enumerate() {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            let [Token::Name(_), Token::Version(version) | Token::Number(version)] = pair else { continue };
            let is_day = version.len() == 4 && version.starts_with("20");
            let is_unknown =
                self.marks.iter().all(|(role, place)| *place != at || matches!(role, Role::Clause | Role::Name));
            if !is_day && is_unknown {
                self.add(Role::Product, at);
            }
        }
    }

    /// A word that is another's plural, or a German one that ends with another.
    fn compound(&mut self, word: &str, at: u16) {
        if let Some(one) = word.strip_suffix('s').filter(|one| one.len() > 3 && *one != "user") {
            words::roles(&[one], |role| {
                if matches!(role, Role::Thing | Role::Product | Role::Inside | Role::Data) {
                    self.add(role, at);
                }
            });
        }
        for part in word.split('/').filter(|part| part.len() < word.len()) {
            words::roles(&[part], |role| {
                if matches!(role, Role::Elsewhere | Role::Product) {
                    self.add(role, at);
                }
            });
        }
        let heads = [
            "schlüssel",
            "einstellung",
            "einstellungen",
            "schnittstelle",
            "verzeichnis",
            "pfad",
            "port",
            "datei",
            "ordner",
            "dienst",
            "variable",
            "variablen",
            "option",
            "adresse",
            "sitzungen",
            "zugang",
            "konfiguration",
            "sitzung",
        ];
        if heads.iter().any(|head| word.len() > head.len() && word.ends_with(head)) {
            self.add(Role::Thing, at);
        }
    }

    fn add(&mut self, role: Role, at: u16) {
        #[cfg(test)]
        words::step();
        self.marks.push((role, at));
        self.has.insert(role);
    }

    /// French says it around the verb, whichever that is.
    fn no_longer(&mut self, words: &[&str]) {
        for at in 0..words.len() {
            let word = |at: usize| words.get(at).copied().unwrap_or_default();
            let (ne, verb, plus) = (word(at), word(at + 1), word(at + 2));
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let is_verb = !matches!(verb, "sont" | "est" | "seront" | "sera");
            let is_mishap = self.all(Role::Mishap).any(|mishap| mishap == place.saturating_add(1));
            if !is_mishap && ((ne == "ne" && plus == "plus" && is_verb) || (ne.starts_with("n'") && verb == "plus")) {
                self.add(Role::NoLonger, place);
                self.add(Role::Works, place.saturating_add(1));
            }
        }
    }

    /// «has to be saved»: whatever must be done to a thing.
    fn passive(&mut self, words: &[&str]) {
        for (at, pair) in words.windows(2).enumerate() {
            let [be, done] = pair else { continue };
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let is_asked = self.all(Role::Must).any(|must| must <= place && place - must <= 2);
            if *be == "be" && done.ends_with("ed") && is_asked {
                self.add(Role::Done, place.saturating_add(1));
            }
        }
    }

    /// «users who must …», «which nodes must …»: what must be is only told of.
    fn relative(&mut self) {
        let told: Vec<u16> = self.all(Role::Relative).collect();
        let is_told = |at: u16, most: u16| told.iter().any(|one| *one > 0 && *one < at && at - one <= most);
        self.marks.retain(|(role, at)| match role {
            Role::Must | Role::Required => !is_told(*at, 3),
            Role::NoLonger => !is_told(*at, 2),
            Role::Removed | Role::Gone | Role::Renamed => !is_told(*at, 1),
            _ => true,
        });
        self.has = self.marks.iter().map(|(role, _)| *role).collect();
    }

    /// «Removed items are shown crossed out»: it only says which ones.
    fn attribute(&mut self, words: &[&str]) {
        let is_verb = |at: u16| {
            words.get(usize::from(at)).is_some_and(|word| {
                matches!(
                    *word,
                    "are"
                        | "is"
                        | "see"
                        | "sees"
                        | "keep"
                        | "keeps"
                        | "get"
                        | "gets"
                        | "show"
                        | "shows"
                        | "can"
                        | "have"
                        | "has"
                        | "no"
                        | "now"
                        | "may"
                        | "were"
                        | "will"
                )
            })
        };
        let lead = self.lead;
        let is_apart = |at: u16| self.all(Role::Clause).any(|clause| clause > lead && clause <= at);
        let is_told = [2, 3].into_iter().any(|after| is_verb(lead + after) && !is_apart(lead + after));
        if is_told {
            self.marks.retain(|(role, at)| {
                *at != lead
                    || !matches!(
                        role,
                        Role::Removed | Role::Renamed | Role::Incompatible | Role::Changed | Role::Done | Role::Cannot
                    )
            });
            self.has = self.marks.iter().map(|(role, _)| *role).collect();
        }
    }

    /// «… (breaking)», «… BREAKING»: a mark that the makers put there.
    fn marked(&mut self, text: &str) {
        let is_word = |word: &str| {
            matches!(
                word,
                "TODO"
                    | "TODOS"
                    | "FIXME"
                    | "HTML"
                    | "CSS"
                    | "README"
                    | "BREAKING"
                    | "SIG"
                    | "DEBUG"
                    | "CHANGE"
                    | "GITHUB"
                    | "NPM"
            )
        };
        let is_acronym = |word: &str| (3..=6).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase());
        if text.split(|c: char| !c.is_alphanumeric()).any(|word| is_acronym(word) && !is_word(word)) {
            self.add(Role::Acronym, 0);
        }
        let marks: Vec<u16> = self.all(Role::Breaking).filter(|_| self.length > 1).collect();
        let is_clause = |at: u16| self.all(Role::Clause).any(|clause| clause == at);
        let is_apart =
            |at: u16| is_clause(at) && (is_clause(at.saturating_add(1)) || at.saturating_add(1) == self.length);
        let is_loud = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "BREAKING");
        if let Some(at) = marks.into_iter().find(|at| is_loud || (*at > 0 && is_apart(*at))) {
            self.add(Role::Incompatible, at);
        }
    }

    /// What is denied is not said: «no dump», «a dump is not required».
    fn deny(&mut self) {
        use Role::{Asked, Breaking, Dump, Incompatible, Migration, Must, Reindex, Required, Steps};
        let nots: Vec<u16> = self.all(Role::Not).collect();
        let needs: Vec<u16> = self.all(Required).chain(self.all(Must)).collect();
        let is_waived = |not: u16| needs.iter().any(|need| *need > not && need - not <= 2);
        let is_denied = |at: u16| {
            nots.iter()
                .any(|not| (*not < at && at - not <= REACH) || (*not > at && not - at <= 2 * REACH && is_waived(*not)))
        };
        // «a breaking change was never intended»
        let clauses: Vec<u16> = self.all(Role::Clause).collect();
        let is_apart = |one: u16, other: u16| clauses.iter().any(|clause| *clause > one && *clause <= other);
        let older: Vec<u16> = self.all(Role::Older).collect();
        let is_undone = |at: u16| nots.iter().any(|not| *not > at && not - at <= 3 && !is_apart(at, *not));
        let deniable = |role| matches!(role, Incompatible | Breaking | Migration | Steps | Reindex | Asked | Dump);
        let is_gone = |(role, at): &(Role, u16)| {
            (deniable(*role) && is_denied(*at))
                || (*role == Incompatible && (is_undone(*at) || older.iter().any(|one| *one > *at && one - at <= 3)))
                || (matches!(role, Required | Must) && nots.iter().any(|not| not < at && at - not <= 2))
        };
        let is_end = |at: u16| at + 1 == self.length || self.all(Role::Clause).any(|clause| clause == at + 1);
        // «breaking changes: see below (none this time)»
        let is_none = self.all(Role::Nothing).any(|at| {
            at > 0 && self.all(Role::Clause).any(|clause| clause == at) && (is_end(at) || at + 4 >= self.length)
        });
        let is_taken_back = self.begins(Role::Reverts);
        let is_gone =
            |mark: &(Role, u16)| (is_taken_back && matches!(mark.0, Incompatible | Breaking)) || is_gone(mark);
        let is_gone = |mark: &(Role, u16)| is_gone(mark) || (is_none && matches!(mark.0, Incompatible | Breaking));
        self.denies = self.marks.iter().any(|mark| deniable(mark.0) && is_gone(mark));
        self.denies_breaking = self.marks.iter().any(|mark| matches!(mark.0, Incompatible | Breaking) && is_gone(mark));
        self.marks.retain(|mark| !is_gone(mark));
        self.has = self.marks.iter().map(|(role, _)| *role).collect();
    }

    /// Where it begins behind what only says what part it is about.
    pub(super) fn lead(&self) -> u16 {
        self.lead
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
fn in_small_letters(text: &str) -> String {
    let small = |c: char| c.to_lowercase().next().filter(|small| small.len_utf8() == c.len_utf8()).unwrap_or(c);
    text.chars().map(small).collect()
}
