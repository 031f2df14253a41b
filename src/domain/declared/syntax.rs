//! What words come to by where they stand: names, participles, clauses that only tell, denials.

use super::role::Role;
use super::sentence::Sentence;
use super::token::Token;
use super::words;

/// So many words may stand between a denial and what it denies.
const REACH: u16 = 5;

impl Sentence {
    /// «Envoy 1.17»: an unknown name before a version is another product's.
    pub(super) fn names(&mut self, tokens: &[Token<'_>]) {
        for (at, token) in tokens.iter().enumerate().skip(1) {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            if matches!(token, Token::Name(_)) && !self.is_known(at) {
                self.add(Role::Name, at);
            }
        }
        for (at, pair) in tokens.windows(2).enumerate() {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            let [Token::Name(_), Token::Version(version) | Token::Number(version)] = pair else { continue };
            // «Thu, 05 Feb»: two things.
            if self.marks.contains(&(Role::Clause, at.saturating_add(1))) {
                continue;
            }
            let is_day = version.len() == 4 && version.starts_with("20");
            let is_unknown =
                self.marks.iter().all(|(role, place)| *place != at || matches!(role, Role::Clause | Role::Name));
            if !is_day && is_unknown {
                self.add(Role::Product, at);
            }
        }
    }

    /// A word that is another's plural, or a German one that ends with another.
    pub(super) fn compound(&mut self, word: &str, at: u16) {
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
        if word.rsplit('-').next().is_some_and(|last| last.len() < word.len() && last.starts_with("deprecat")) {
            self.add(Role::Deprecated, at);
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

    /// French says it around the verb, whichever that is.
    pub(super) fn no_longer(&mut self, words: &[&str]) {
        for at in 0..words.len() {
            let word = |at: usize| words.get(at).copied().unwrap_or_default();
            let (ne, verb, plus) = (word(at), word(at + 1), word(at + 2));
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let is_verb = !matches!(verb, "sont" | "est" | "seront" | "sera");
            let verb_at = place.saturating_add(if ne.starts_with("n'") { 2 } else { 1 });
            let is_mishap = self.all(Role::Mishap).any(|mishap| mishap == verb_at || mishap == place.saturating_add(1));
            if !is_mishap && ((ne == "ne" && plus == "plus" && is_verb) || (ne.starts_with("n'") && verb == "plus")) {
                self.add(Role::NoLonger, place);
                self.add(Role::Works, place.saturating_add(1));
            }
        }
    }

    /// «has to be saved»: whatever must be done to a thing.
    pub(super) fn passive(&mut self, words: &[&str]) {
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
    pub(super) fn relative(&mut self) {
        let told: Vec<u16> = self.all(Role::Relative).collect();
        let is_told = |at: u16, most: u16| told.iter().any(|one| *one > 0 && *one < at && at - one <= most);
        self.marks.retain(|(role, at)| match role {
            Role::Must | Role::Required => !is_told(*at, 3),
            Role::NoLonger => !is_told(*at, 2),
            Role::Removed | Role::Gone | Role::Renamed | Role::Rejected | Role::Refused => !is_told(*at, 1),
            _ => true,
        });
        self.counted();
    }

    /// «Alert when a service no longer answers»: what happens then is a condition, and no news.
    pub(super) fn conditional(&mut self) {
        let conditions: Vec<u16> = self.all(Role::Condition).filter(|at| *at > self.lead).collect();
        let clauses: Vec<u16> = self.all(Role::Clause).collect();
        let is_within = |at: u16| {
            conditions.iter().any(|one| {
                *one < at && at - one <= REACH && !clauses.iter().any(|clause| *clause > *one && *clause <= at)
            })
        };
        let told = [Role::NoLonger, Role::Removed, Role::Gone, Role::Refused, Role::Rejected];
        self.marks.retain(|(role, at)| !(told.contains(role) && is_within(*at)));
        self.counted();
    }

    /// «Removed items are shown crossed out»: it only says which ones.
    pub(super) fn attribute(&mut self, words: &[&str]) {
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
        let is_of_kind = words.get(usize::from(lead)).is_some_and(|word| word.ends_with("ed") || word.ends_with("ory"));
        if is_told {
            self.marks.retain(|mark| *mark != (Role::Required, lead) || !is_of_kind);
            self.marks.retain(|(role, at)| {
                *at != lead
                    || !matches!(
                        role,
                        Role::Removed
                            | Role::Renamed
                            | Role::Incompatible
                            | Role::Changed
                            | Role::Done
                            | Role::Cannot
                            | Role::Enforced
                    )
            });
            self.counted();
        }
    }

    /// «… (breaking)», «… BREAKING»: a mark that the makers put there.
    pub(super) fn marked(&mut self, text: &str) {
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
        // `*breaking*` stands apart, whatever follows.
        let is_emphasised = text.starts_with(['*', '⚠', '\\', '(', '[']);
        let is_loud = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "BREAKING");
        if let Some(at) = marks.into_iter().find(|at| is_loud || ((*at > 0 || is_emphasised) && is_apart(*at))) {
            self.add(Role::Incompatible, at);
        }
    }

    /// What is denied is not said: «no dump», «a dump is not required».
    pub(super) fn deny(&mut self) {
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
        self.counted();
    }
}
