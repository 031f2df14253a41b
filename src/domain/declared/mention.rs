//! What words do not do where they are only mentioned: in quotes, or before the noun that a compound is about.

use super::role::Role::{
    self, Asked, AtStart, Attention, Breaking, Clause, Deprecated, Do, Done, Fixed, Incompatible, Is, Migration, Must,
    NoLonger, Please, Reindex, Removed, Renamed, Required, Steps, Updating,
};
use super::sentence::Sentence;

/// What a word does no more in quotes: «the tab «Action required»» asks nothing of anybody.
const SAID: [Role; 14] = [
    Incompatible,
    Breaking,
    Steps,
    Asked,
    Deprecated,
    Fixed,
    Do,
    Must,
    Removed,
    Renamed,
    Migration,
    Attention,
    Required,
    NoLonger,
];

/// What finds breaking changes, or shows them, and is none.
const FINDERS: [&str; 11] =
    ["detect", "check", "report", "filter", "rule", "scan", "analys", "lint", "badge", "tab", "column"];

impl Sentence {
    /// Takes back what words do that are only mentioned; `quotes` are where quotes begin and end.
    pub(super) fn mentioned(&mut self, quotes: &[(u16, u16)], words: &[&str]) {
        let is_quoted = |at: u16| quotes.iter().any(|(start, end)| (*start..*end).contains(&at));
        let is_found = |at: u16| is_of_finder(words.get(usize::from(at)..).unwrap_or_default());
        let is_mentioned = |(role, at): &(Role, u16)| {
            (SAID.contains(role) && is_quoted(*at)) || (*role == Incompatible && is_found(*at))
        };
        let had = self.marks.len();
        self.marks.retain(|mark| !is_mentioned(mark));
        if self.tells_of_index(words) {
            self.marks.retain(|(role, _)| *role != Reindex);
        }
        if self.marks.len() < had {
            self.counted();
        }
    }

    /// «Reindexing uses all cores»: how it is done, and not that it has to be.
    fn tells_of_index(&self, words: &[&str]) -> bool {
        let is_gerund = words.get(usize::from(self.lead)).is_some_and(|word| word.ends_with("ing"));
        let asks = [Required, Must, Asked, Please, Updating, AtStart, Is, Do, Done];
        let is_asked = self.marks.iter().any(|(role, at)| *at > self.lead && asks.contains(role));
        let is_alone = !self.all(Clause).any(|clause| clause > self.lead);
        self.begins(Reindex) && is_gerund && !is_asked && is_alone && usize::from(self.lead) + 2 < words.len()
    }
}

/// «The breaking change detector»: a compound is about its last noun.
fn is_of_finder(words: &[&str]) -> bool {
    let rest = match words {
        ["breaking", change, rest @ ..] if change.starts_with("change") => rest,
        [one, rest @ ..] if one.starts_with("breaking-change") => rest,
        _ => return false,
    };
    rest.first().is_some_and(|next| FINDERS.iter().any(|finder| next.starts_with(finder)))
}
