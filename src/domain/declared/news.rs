//! What only seems to be news: the update itself is called new, what is new has to be there, what was done has to be done again.

use super::role::Role::{
    self, Added, ByDefault, Can, Clause, Code, Condition, Contract, Data, Default, Done, Downtime, Fixed, FromNowOn,
    FromTo, Guard, Instead, Is, Maker, Migration, Must, New, NewMigration, NoLonger, Not, Number, Relative, Removed,
    Required, Steps, Still, Stored, Thing, Unit, Without,
};
use super::sentence::Sentence;

/// So many words may stand between a need and what is needed again.
const NEED: u16 = 6;

impl Sentence {
    /// Takes note of what is told as news and changes what was there.
    pub(super) fn newly(&mut self, words: &[&str]) {
        for (at, word) in words.iter().enumerate() {
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            let rest = words.get(at + 1..).unwrap_or_default();
            let before = at.checked_sub(1).and_then(|before| words.get(before)).copied().unwrap_or_default();
            if is_of_duty(word) {
                self.demanded(place, before, rest);
            }
            if is_done_again(word) {
                self.again(place);
            }
            if bumps_schema(word, before, rest) {
                self.add(Migration, place);
                self.add(Data, place);
            }
            self.clause_of_time(place, word, rest);
            // «has been turned off by default»: it was otherwise.
            let is_perfect = matches!(*word, "has" | "have") && rest.first() == Some(&"been");
            if is_perfect && self.all(Default).any(|default| default > place && default - place <= 7) {
                self.add(FromNowOn, place);
            }
            if place == self.lead
                && matches!(*word, "change" | "changed" | "changes" | "switch" | "switched" | "switches")
            {
                self.changed_to(place, rest);
            }
        }
        let first = words.get(usize::from(self.lead)..).unwrap_or_default();
        if matches!(first, ["only", verb, ..] if is_order(verb)) {
            self.add(Fixed, self.lead);
        }
        // «`--only` to watch containers alone»: it is told what it is for.
        if matches!(first, ["`", "to", verb, ..] if !matches!(*verb, "be" | "`")) {
            self.add(Added, self.lead);
        }
        // «Minor theme changes»
        let is_vague = first.first().is_some_and(|word| matches!(*word, "minor" | "small" | "various" | "several"));
        if is_vague && words.last() == Some(&"changes") {
            self.marks.retain(|(role, _)| !matches!(role, Role::Changed | Contract));
            self.counted();
        }
        // «Turning off telemetry by default»
        let is_set = matches!(
            first,
            ["turning" | "switching", "off" | "on", ..] | ["disabling" | "enabling" | "requiring" | "enforcing", ..]
        );
        if is_set && self.has(ByDefault) {
            self.add(Maker, self.lead);
        }
        self.locks(words);
    }

    /// Words that go on about something, or only say when it is so.
    fn clause_of_time(&mut self, at: u16, word: &str, rest: &[&str]) {
        let is_end = |length: usize| {
            let end = at.saturating_add(u16::try_from(length).unwrap_or(1));
            rest.len() < length || self.all(Clause).any(|clause| clause == end)
        };
        let is_within_relative = || {
            let begins = |one: u16| one > self.lead && self.all(Clause).any(|clause| clause == one);
            self.all(Relative).any(|one| one < at && begins(one))
        };
        let gone = match (word, rest) {
            // «are listed no more»
            ("no", ["more", ..]) if at > self.lead && is_end(2) => Some(Removed),
            // «is called `B`, which reads lists as well»: the old name is not kept by that.
            ("as", ["well", ..]) if is_within_relative() => Some(Still),
            // «Keep names escaped while migrating»
            ("while" | "when", ["migrating", ..]) => {
                self.marks.retain(|(role, one)| *role != Migration || *one != at.saturating_add(1));
                self.counted();
                None
            }
            // «`list` answers `E205` instead of an empty list»: what has a name answers otherwise.
            ("instead", ["of", "an", "empty", ..] | ["of", "null", ..])
                if self.is_about(Code) || self.all(Code).any(|code| code < at && at - code <= 3) =>
            {
                self.add(Instead, at);
                Some(Fixed)
            }
            _ => None,
        };
        if let Some(gone) = gone {
            self.marks.retain(|mark| *mark != (gone, at));
            self.counted();
        }
    }

    /// «Adds the column `x` to the `query` table, which locks the table»: the data are changed where they are.
    fn locks(&mut self, words: &[&str]) {
        let has = |starts: &[&str]| words.iter().any(|word| starts.iter().any(|start| word.starts_with(start)));
        let is_in_place = self.has(Downtime) || has(&["lock", "minutes", "verrouill", "sperrt"]);
        let is_told = !self.has_any(&[Not, NoLonger, Fixed, Guard, Without, Can]);
        if self.is_early(Added)
            && has(&["column", "index", "constraint", "spalte", "colonne"])
            && is_in_place
            && is_told
        {
            self.add(NewMigration, 0);
        }
    }

    /// «New required variable `KEY`», «a new service `worker` is required»: it is a demand.
    fn demanded(&mut self, at: u16, before: &str, rest: &[&str]) {
        let is_of_some = rest.first().is_some_and(|next| matches!(*next, "by" | "for" | "to" | "when" | "if" | "only"));
        let is_said_of = matches!(before, "is" | "are" | "ist" | "sind" | "est" | "sont");
        let names = self
            .all(Code)
            .any(|code| if is_said_of { code < at && at - code <= 2 } else { code > at && code - at <= 4 });
        let most = if is_said_of { 6 } else { 4 };
        let new = self.all(Added).filter(|new| *new < at && at - new <= most).max();
        let Some(new) = new.filter(|_| names && !is_of_some && !self.has_any(&[Can, Condition])) else { return };
        self.marks.retain(|(role, one)| !(matches!(role, Added | New) && *one == new));
        self.add(Required, at);
        self.add(FromNowOn, at);
        self.counted();
    }

    /// «A full re-sync is needed»
    fn again(&mut self, at: u16) {
        if self.has_any(&[NoLonger, Fixed, Can, Condition]) {
            return;
        }
        let is_near = |role: Role, most: u16| self.all(role).any(|one| one < at && at - one <= most);
        let is_needed = is_near(Required, NEED) || self.all(Required).any(|one| one > at && one - at <= NEED);
        let is_verb = is_near(Must, 2);
        if is_verb {
            self.add(Done, at);
        } else if is_needed {
            self.add(Steps, at);
        }
    }

    /// «Changed the type of events to a string»: what becomes of something, and of what.
    fn changed_to(&mut self, at: u16, rest: &[&str]) {
        let Some(to) = rest.iter().take(7).position(|word| *word == "to").filter(|to| *to > 0) else { return };
        let is_article = rest.get(to + 1).is_some_and(|word| matches!(*word, "a" | "an" | "the"));
        let to = at.saturating_add(1).saturating_add(u16::try_from(to).unwrap_or_default());
        let target = to.saturating_add(if is_article { 2 } else { 1 });
        let is_value = |role: &Role| self.all(*role).any(|one| one == target);
        let is_source = |role: &Role| self.all(*role).any(|one| one > at && one < to);
        let is_apart = self.all(Clause).any(|clause| clause > at && clause <= target);
        let kind = rest.get(usize::from(target - at) - 1).copied().unwrap_or_default();
        let is_of_kind = matches!(kind, "list" | "lists" | "map" | "maps" | "arrays" | "objects" | "numbers");
        let known = [Thing, Contract, Unit, Default, Data, Stored, Is];
        let is_known = known.iter().any(is_source) || (is_of_kind && is_source(&Code));
        if !is_apart && is_known && (is_of_kind || [Code, Unit, Number].iter().any(is_value)) {
            self.add(FromTo, at);
        }
    }
}

/// Whether a word says of something that it has to be there.
fn is_of_duty(word: &str) -> bool {
    word.starts_with("pflicht")
        || matches!(
            word,
            "required"
                | "mandatory"
                | "compulsory"
                | "obligatory"
                | "obligatoire"
                | "obligatoires"
                | "verpflichtende"
                | "erforderlich"
        )
}

/// Whether a word names something that was done once: signing in again is for everybody who uses it, and none of them runs it.
fn is_done_again(word: &str) -> bool {
    let is_of_users = ["re-auth", "re-log", "re-sign", "re-enter"].iter().any(|start| word.starts_with(start));
    let is_known = matches!(
        word,
        "resync" | "resynchronisation" | "rescan" | "reinstall" | "reinstalled" | "reimport" | "reconfigured"
    );
    is_known || (word.starts_with("re-") && word.len() > 5 && !is_of_users)
}

/// «bumps the database schema to 42», «database schema bumped»
fn bumps_schema(word: &str, before: &str, rest: &[&str]) -> bool {
    let near = || rest.iter().take(4);
    let is_of_data =
        || near().any(|word| matches!(*word, "database" | "db")) && near().any(|word| word.starts_with("schema"));
    match word {
        "bump" | "bumps" | "raises" | "increments" => is_of_data(),
        "bumped" | "raised" => before == "schema" || is_of_data(),
        _ => false,
    }
}

/// Whether a word behind «only» is an order of the makers to themselves: «Only show users who may sign in».
fn is_order(verb: &str) -> bool {
    matches!(
        verb,
        "show"
            | "offer"
            | "use"
            | "send"
            | "list"
            | "display"
            | "set"
            | "run"
            | "check"
            | "log"
            | "start"
            | "update"
            | "render"
            | "load"
            | "include"
            | "add"
            | "return"
            | "apply"
            | "create"
            | "write"
            | "notify"
            | "call"
            | "delete"
            | "query"
            | "fetch"
            | "count"
            | "retry"
            | "rename"
            | "validate"
            | "migrate"
            | "provide"
    )
}
