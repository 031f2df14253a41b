//! What a word governs: what a denial reaches through a chain of verbs, which noun is the head, what is only offered.

use super::line::label;
use super::role::Role::{
    self, Adapt, Added, Can, Cannot, Changed, Clause, Code, Converted, Data, Do, DropsTable, FromTo, Gone, Inside,
    Instead, Is, Maker, Migration, Must, New, NewMigration, NoLonger, Not, Number, Product, Remove, Removed, Renamed,
    Required, Swapped, Thing, Will, Wiped, Workshop,
};
use super::sentence::Sentence;
use super::token::Token;

/// What happens to a thing, which a denial before it takes back.
const EVENTS: [Role; 8] = [Removed, Remove, Gone, Renamed, Swapped, Converted, Wiped, Changed];
/// So many words may stand between a denied subject and its verb.
const SUBJECT: usize = 6;

/// Whether a line without a colon at its end only names what stands below it. One with a verb says something itself, and so
/// does one that tells what became of a named thing, or that has something behind a label.
pub(super) fn is_title(text: &str) -> bool {
    let s = Sentence::of(text);
    let has_verb = [Is, NoLonger, Gone, Must, Will].into_iter().any(|verb| s.has(verb)) && !s.begins(Role::Relative);
    let happens = [Removed, Remove, Renamed, Swapped, Required].into_iter().any(|event| s.has(event));
    !(has_verb || happens && s.has_any(&[Code, Product])) && label(text).is_none()
}

/// What may stand between a denial, or a subject, and its verb.
fn is_auxiliary(word: &str) -> bool {
    is_finite(word)
        || matches!(
            word,
            "be" | "not"
                | "been"
                | "being"
                | "to"
                | "yet"
                | "ever"
                | "actually"
                | "really"
                | "fully"
                | "completely"
                | "simply"
                | "accidentally"
                | "silently"
                | "worden"
                | "été"
                | "être"
        )
}

/// Whether a word is a form of «be», «have» or «become» that a subject stands with.
pub(super) fn is_finite(word: &str) -> bool {
    matches!(
        word.strip_prefix("n'").unwrap_or(word),
        "is" | "are"
            | "was"
            | "were"
            | "has"
            | "have"
            | "had"
            | "get"
            | "gets"
            | "got"
            | "ist"
            | "sind"
            | "wird"
            | "werden"
            | "wurde"
            | "wurden"
            | "est"
            | "sont"
            | "a"
            | "ont"
    )
}

/// Whether a word says that something was not there before.
fn is_of_news(word: &str) -> bool {
    let starts = ["add", "new", "introduc", "neu", "nouve", "ajout", "nuev", "añad"];
    word.is_empty() || starts.iter().any(|start| word.starts_with(start))
}

/// Whether a word denies all of the things that it stands before.
fn is_none_of(word: &str) -> bool {
    matches!(word, "no" | "none" | "nothing" | "nichts" | "ningún" | "ninguna")
        || ["kein", "aucun", "nessun", "nenhum"].iter().any(|start| word.starts_with(start))
}

impl Sentence {
    /// «is not removed», «no settings were renamed or removed»: what happens is denied. «Files that are not referenced are
    /// removed» and «not only deprecated but removed» deny nothing.
    pub(super) fn deny_events(&mut self, words: &[&str]) {
        // «will not be removed», but not «can no longer be removed».
        let cannot = self.all(Cannot).filter(|_| !self.has(NoLonger));
        let nots: Vec<usize> = self.all(Not).chain(cannot).map(usize::from).collect();
        let mut denied = Vec::new();
        for not in nots {
            let verb = self.verb_behind(not, words).or_else(|| self.verb_of_none(not, words));
            let Some(verb) = verb else { continue };
            denied.push(verb);
            let is_or = |at: &usize| {
                words.get(*at).is_some_and(|word| matches!(*word, "or" | "nor" | "oder" | "noch" | "ou" | "ni"))
            };
            let or = [verb + 1, verb + 2].into_iter().find(is_or);
            denied.extend(or.and_then(|or| self.verb_behind(or, words)));
        }
        if denied.is_empty() {
            return;
        }
        self.marks.retain(|(role, at)| !(EVENTS.contains(role) && denied.contains(&usize::from(*at))));
        self.counted();
        self.denies |= !self.has_any(&EVENTS);
    }

    fn is_event(&self, at: usize) -> bool {
        self.marks.iter().any(|(role, place)| usize::from(*place) == at && EVENTS.contains(role))
    }

    fn is_clause(&self, at: usize) -> bool {
        self.all(Clause).any(|clause| usize::from(clause) == at)
    }

    /// The verb that a word stands before, with nothing but auxiliaries and adverbs between.
    fn verb_behind(&self, word: usize, words: &[&str]) -> Option<usize> {
        let mut at = word + 1;
        while at < words.len() && at <= word + SUBJECT && !self.is_clause(at) {
            if self.is_event(at) {
                return Some(at);
            }
            if !words.get(at).is_some_and(|word| is_auxiliary(word)) {
                return None;
            }
            at += 1;
        }
        None
    }

    /// The verb whose subject is none of something.
    fn verb_of_none(&self, none: usize, words: &[&str]) -> Option<usize> {
        words.get(none).filter(|word| is_none_of(word))?;
        let is_before = words.get(none.saturating_sub(3)..none)?.iter().any(|word| is_finite(word));
        let mut is_told = is_before;
        for at in none + 1..words.len().min(none + 1 + SUBJECT) {
            let word = words.get(at)?;
            if self.is_clause(at) || matches!(*word, "that" | "which" | "who" | "but" | "die" | "qui") {
                return None;
            }
            is_told |= is_finite(word);
            if is_told && self.is_event(at) {
                return Some(at);
            }
        }
        None
    }

    /// A noun of the makers' own workshop counts as one where it is what changes: neither before the noun that is, nor where
    /// a flag, a path or a setting is named.
    pub(super) fn workshop(&mut self, tokens: &[Token<'_>]) {
        let is_setting = |code: &str| code.starts_with(['-', '/']) || code.contains(['_', '.', '=']);
        let names_setting = tokens.iter().any(|token| matches!(token, Token::Code(code) if is_setting(code)));
        let is_thing = |at: u16| [Thing, Product, Code].iter().any(|role| self.all(*role).any(|thing| thing == at));
        let is_object = |at: u16| {
            let happens = EVENTS.iter().flat_map(|event| self.all(*event)).filter(|event| *event < at);
            happens.max().is_some_and(|event| at - event <= 3 && !(event + 1..at.saturating_sub(1)).any(is_thing))
        };
        let is_subject = |at: u16| at >= self.lead && at - self.lead <= 2;
        let inside: Vec<u16> = self
            .all(Workshop)
            .filter(|at| !names_setting && !is_thing(at.saturating_add(1)) && (is_subject(*at) || is_object(*at)))
            .collect();
        for at in inside {
            self.add(Inside, at);
        }
    }

    /// What several words say only together, however much stands between them.
    pub(super) fn joined(&mut self, words: &[&str]) {
        let migrations: Vec<u16> = self.all(Migration).collect();
        if migrations.into_iter().any(|at| self.is_made_new(usize::from(at), words)) {
            self.add(NewMigration, 0);
        }
        for (at, word) in words.iter().enumerate() {
            let rest = words.get(at + 1..).unwrap_or_default();
            let near = |most: usize| rest.iter().take(most);
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let is_drop = matches!(*word, "drop" | "drops" | "dropped" | "dropping" | "truncates" | "deletes");
            let is_part = |word: &&str| matches!(*word, "table" | "tables" | "column" | "columns");
            if is_drop && near(4).any(is_part) && near(4).any(|word| *word == "`") {
                self.add(DropsTable, place);
            }
            let changes = matches!(*word, "changed" | "changes" | "switched" | "switches");
            // «Switch from `a` to `b`» tells of no thing that is another.
            let is_order = at == 0 && matches!(*word, "switch" | "switched" | "change" | "changed" | "move" | "moved");
            if is_order && matches!(rest, ["from", "`", ..]) {
                self.marks.retain(|mark| *mark != (Instead, place.saturating_add(1)));
                self.counted();
            } else if changes && rest.first() == Some(&"from") && near(8).skip(2).any(|word| *word == "to") {
                self.add(FromTo, place);
            }
        }
    }

    /// Whether a migration is what is added: «adds a database migration», and neither «add a migration page» nor «a test of
    /// the migration».
    fn is_made_new(&self, at: usize, words: &[&str]) -> bool {
        let place = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        let plays =
            |at: usize, roles: &[Role]| self.marks.iter().any(|(role, one)| *one == place(at) && roles.contains(role));
        let is_name = |word: &str| word.contains("migration") || word.contains("migraci") || word.is_empty();
        let end = if words.get(at).is_some_and(|word| is_name(word)) { at + 1 } else { at + 2 };
        let is_headed = words.get(end).is_none_or(|next| {
            self.is_clause(end)
                || plays(end, &[Code, Number, Added])
                || matches!(*next, "for" | "that" | "which" | "in" | "on" | "of" | "für" | "pour" | "by")
        });
        let is_between = |at: usize| {
            plays(at, &[Data, New, Added, Number, Required])
                || words.get(at).is_some_and(|word| {
                    matches!(*word, "a" | "an" | "the" | "one" | "two" | "some" | "eine" | "une" | "missing")
                })
        };
        let is_behind = words.get(end).is_some() && plays(end, &[Added]);
        // What is only better was there before.
        let is_new = |at: usize| plays(at, &[Added]) && words.get(at).is_some_and(|word| is_of_news(word));
        let start = (at.saturating_sub(4)..at).rev().find(|before| is_new(*before));
        let is_object = start.is_some_and(|start| (start + 1..at).all(|at| is_between(at) && !self.is_clause(at)));
        // «no new migrations»
        let is_denied = (at.saturating_sub(4)..at).any(|at| plays(at, &[Not]));
        // «a migration for the option `a`»: a file of settings is no store.
        let is_of_settings = words.iter().skip(end).take(6).any(|word| {
            ["option", "setting", "config", "flag", "einstellung"].iter().any(|start| word.starts_with(start))
        });
        !is_denied && !is_of_settings && is_headed && (is_object || (is_behind && !self.is_clause(end)))
    }

    /// «Support for XML has been removed»: what is gone can't be done.
    pub(super) fn unsupported(&mut self, words: &[&str]) {
        let word = |at: u16| words.get(usize::from(at)).copied().unwrap_or_default();
        let is_told = |event: u16| event.checked_sub(1).is_some_and(|at| word(at) == "been" || is_finite(word(at)));
        let ends: Vec<u16> = [Gone, NoLonger, Role::Ends]
            .into_iter()
            .flat_map(|role| self.all(role))
            .chain(self.all(Removed).filter(|at| is_told(*at)))
            .collect();
        let is_ended = |at: u16| word(at) == "support" && ends.iter().any(|end| *end > at);
        self.marks.retain(|(role, at)| *role != Can || !is_ended(*at));
        self.counted();
    }

    /// «No action is needed unless you use MySQL»: who does is spoken to.
    pub(super) fn excepted(&mut self) {
        let but: Vec<u16> = self.all(Role::Unless).collect();
        let waived: Vec<u16> = self.all(Role::Nobody).collect();
        if let Some(at) = but.into_iter().find(|at| waived.iter().any(|one| one < at)) {
            self.marks.retain(|mark| *mark != (Role::Unless, at));
            self.add(Role::Except, at);
            self.counted();
        }
    }

    /// Whether two stand in one clause.
    pub(super) fn in_one_clause(&self, one: Role, other: Role) -> bool {
        let clause = |at: u16| self.all(Clause).filter(|clause| *clause <= at).max();
        self.all(one).any(|one| self.all(other).any(|other| clause(one) == clause(other)))
    }

    /// Whether what is somewhere is only what can be done: «can rename fields, change the default view and remove them».
    pub(super) fn is_offered(&self, what: Role) -> bool {
        let is_at = |roles: &[Role], at: u16| self.marks.iter().any(|(role, one)| *one == at && roles.contains(role));
        let goes_on = |clause: u16| {
            is_at(&[Do, Maker, Remove, Renamed, Changed, Adapt, Swapped], clause)
                || is_at(&[Clause], clause.saturating_add(1))
        };
        let reaches =
            |can: u16, at: u16| can < at && self.all(Clause).filter(|one| *one > can && *one <= at).all(goes_on);
        self.has(Can) && self.has(what) && self.all(what).all(|at| self.all(Can).any(|can| reaches(can, at)))
    }
}
