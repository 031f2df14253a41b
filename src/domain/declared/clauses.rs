//! Clauses of a sentence that stand for themselves: what one of them denies, keeps, mends or offers says nothing of the
//! others. «The API stays compatible, but the default port is 9090», «To mend a crash, the option was removed».

use super::governed::is_finite;
use super::role::Role::{
    self, Added, Asked, Better, Builders, Burden, Can, Cannot, Changed, Code, Condition, Data, Default, Deprecated, Do,
    Elsewhere, Existing, Failed, Fixed, FromNowOn, Gone, Guard, Image, Is, Leak, Maker, Mishap, Must, NewOnly,
    NoLonger, Nobody, Not, Nothing, Now, Off, Older, Optional, Peer, Planned, Please, Product, Pronoun, Refused,
    Rejected, Removed, Renamed, Required, Runs, Still, Stored, Thing, Was, Will, Workaround, Works, You,
};
use super::sentence::{Sentence, in_small_letters};
use super::words::is_ideograph;

/// What governs a clause, and reads as if it governed the whole sentence.
const GOVERNORS: [Role; 16] = [
    Not, Nobody, Nothing, Still, Fixed, Can, Cannot, Deprecated, Elsewhere, Builders, NewOnly, Added, Better, Guard,
    Failed, Workaround,
];
/// What is mended, so that a purpose is one of makers.
const MENDED: [Role; 9] = [Fixed, Failed, Guard, Burden, Leak, Mishap, Added, Better, Workaround];
/// What says that something happens.
const VERBS: [Role; 18] = [
    Is, NoLonger, Must, Will, Gone, Now, Cannot, Can, Required, Still, Removed, Renamed, Do, Asked, Runs, Works,
    Changed, Default,
];
/// What others rely on, which a clause may be about.
const SUBJECTS: [Role; 7] = [Thing, Product, Code, Data, Stored, Peer, Image];
/// How the subject of a clause begins that is set against the old.
const OTHERS: [&str; 5] = ["new", "neue", "others", "anderen", "nouve"];
/// So many words of a clause say what it is about.
const SUBJECT: usize = 5;

/// What stands between two clauses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// «but»
    Contrast,
    /// «while», which is one of time as often.
    Beside,
    /// «and», which joins what happens to one thing as often.
    And,
    /// «new ones», which begins the clause itself.
    Others,
}

/// Words that part clauses behind a comma, or without one where that is said.
const JOINTS: [(&str, Joint, bool); 34] = [
    ("but ", Joint::Contrast, false),
    ("mais ", Joint::Contrast, false),
    ("aber ", Joint::Contrast, false),
    ("pero ", Joint::Contrast, false),
    ("yet ", Joint::Contrast, true),
    ("however ", Joint::Contrast, true),
    ("however, ", Joint::Contrast, true),
    ("although ", Joint::Contrast, true),
    ("though ", Joint::Contrast, true),
    ("jedoch ", Joint::Contrast, true),
    ("doch ", Joint::Contrast, true),
    ("allerdings ", Joint::Contrast, true),
    ("obwohl ", Joint::Contrast, true),
    ("cependant ", Joint::Contrast, true),
    ("bien que ", Joint::Contrast, true),
    ("但是", Joint::Contrast, true),
    ("但", Joint::Contrast, true),
    ("不过", Joint::Contrast, true),
    ("然而", Joint::Contrast, true),
    ("while ", Joint::Beside, true),
    ("whereas ", Joint::Beside, true),
    ("während ", Joint::Beside, true),
    ("tandis que ", Joint::Beside, true),
    ("and ", Joint::And, true),
    ("und ", Joint::And, true),
    ("et ", Joint::And, true),
    ("new ", Joint::Others, true),
    ("others ", Joint::Others, true),
    ("all others ", Joint::Others, true),
    ("the others ", Joint::Others, true),
    ("neue ", Joint::Others, true),
    ("alle anderen ", Joint::Others, true),
    ("les nouve", Joint::Others, true),
    ("les autres ", Joint::Others, true),
];

/// What a clause begins with that goes on with the one before it.
const DEPENDENT: &str = "based not also only still just can may could might will would is are was were has have had does do did must \
    should need needs without from to by as of that which because less more never rather instead nicht auch nur \
    noch kann können wird werden ist sind mit ohne von als immer bleibt bleiben pas aussi seulement uniquement \
    toujours peut peuvent est sont avec sans plus que reste restent remains remain";

/// What a sentence may begin with that only says why.
const PURPOSES: [&str; 12] = [
    "to ",
    "in order to ",
    "as a fix for ",
    "in response to ",
    "um ",
    "zur behebung ",
    "pour ",
    "afin de ",
    "afin d'",
    "为修复",
    "为解决",
    "为了",
];
/// The same of a reason, behind which what went wrong is told as often as what was done.
const REASONS: [&str; 11] = [
    "because of ",
    "due to ",
    "owing to ",
    "wegen ",
    "aufgrund ",
    "à cause d",
    "en raison d",
    "suite à ",
    "debido a ",
    "由于",
    "因为",
];
/// The same of what is granted.
const CONCESSIONS: [&str; 12] = [
    "although ",
    "though ",
    "even though ",
    "while ",
    "whereas ",
    "obwohl ",
    "auch wenn ",
    "während ",
    "bien que ",
    "même si ",
    "虽然",
    "尽管",
];

/// The clauses of a sentence that are read each for itself, besides the whole; none where it is all one.
pub(super) fn clauses<'t>(text: &'t str, whole: &Sentence) -> Vec<(&'t str, Sentence)> {
    if !whole.has_any(&GOVERNORS) || whole.has(Optional) {
        return Vec::new();
    }
    let lower = in_small_letters(text);
    let start = behind_lead(text, &lower).unwrap_or_default();
    let (text, lower) = (text.get(start..).unwrap_or_default(), lower.get(start..).unwrap_or_default());
    let parts = parts(text, lower);
    let is_one = parts.len() < 2 && start == 0;
    let is_conditional = start == 0 && parts.first().is_some_and(|(_, first)| first.begins(Condition));
    let is_taken_back = parts.windows(2).any(|pair| matches!(pair, [one, then] if takes_back(one, then)));
    if is_one || is_conditional || is_taken_back {
        return Vec::new();
    }
    let is_offer = parts.first().is_some_and(|(_, first)| is_offer(first));
    let is_heard = |s: &Sentence| !is_offer || (s.has_any(&[NoLonger, Gone]) && !s.begins(Pronoun));
    parts.into_iter().filter(|(_, clause)| is_heard(clause)).collect()
}

/// It tells what is new, and what follows tells of that.
fn is_offer(s: &Sentence) -> bool {
    let can = s.all(Can).any(|at| at <= s.lead + 3);
    (can || s.is_early(Added)) && !s.has_any(&[Still, Fixed, Not, Cannot, NoLonger])
}

/// Where what a sentence says begins behind why it is so; `None` where it begins at once, or that is no matter of its own.
fn behind_lead(text: &str, lower: &str) -> Option<usize> {
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let comma = lower.char_indices().find(|(at, c)| is_comma(*c, lower.get(at + c.len_utf8()..)))?;
    let start = comma.0 + comma.1.len_utf8();
    let (is_purpose, is_reason, is_granted) = (begins(&PURPOSES), begins(&REASONS), begins(&CONCESSIONS));
    if !(is_purpose || is_reason || is_granted) {
        return None;
    }
    let lead = Sentence::of(text.get(..comma.0)?);
    let main = Sentence::of(text.get(start..)?);
    let is_for_others = lead.has_any(&[Optional, NewOnly, Builders, Elsewhere, Planned]);
    // «To mend this, run `x`»: a remedy, for whom it is broken.
    let is_order = [Do, Maker, Asked, Please, You].into_iter().any(|role| main.begins(role));
    let is_said = if is_granted {
        lead.has_any(&[Still, Not, Nobody, Cannot, Can, Deprecated])
    } else {
        lead.has_any(&MENDED) && !is_order && (is_purpose || is_done(&main, lower.get(start..)?))
    };
    (is_said && !is_for_others && stands_alone(lower.get(start..)?, &main)).then_some(start)
}

/// What was done, and not what went wrong.
fn is_done(s: &Sentence, lower: &str) -> bool {
    let is_past = lower.split_whitespace().any(|word| matches!(word, "was" | "were" | "did" | "waren" | "étaient"));
    !is_past && s.has_any(&[Removed, Gone, NoLonger, Now, FromNowOn, Renamed, Required, Must, Off, Refused, Rejected])
}

fn is_comma(c: char, rest: Option<&str>) -> bool {
    let is_apart = rest.and_then(|rest| rest.chars().next()).is_some_and(|next| next == ' ' || is_ideograph(next));
    matches!(c, '，' | '；') || (c == ',' && is_apart)
}

/// The clauses between words that part them, in order.
fn parts<'t>(text: &'t str, lower: &str) -> Vec<(&'t str, Sentence)> {
    let joints = joints(lower);
    // What is repaired is told first; elsewhere «and» goes on about one thing.
    let first = joints.first().and_then(|(_, end, _)| text.get(..*end));
    let is_mended = first.is_some_and(|first| Sentence::of(first).has(Fixed));
    let mut parts = Vec::new();
    let mut start = 0;
    for (place, (joint, end, next)) in joints.iter().enumerate() {
        let until = joints.get(place + 1).map_or(text.len(), |(_, end, _)| *end);
        let Some(then) = text.get(*next..until) else { continue };
        let sentence = Sentence::of(then);
        let may_part = match joint {
            Joint::Contrast => true,
            Joint::Beside | Joint::Others => sentence.has_any(&[Still, Nobody]),
            Joint::And => is_mended && sentence.is_about(Code),
        };
        if may_part && stands_alone(lower.get(*next..until).unwrap_or_default(), &sentence) {
            parts.push(text.get(start..*end).unwrap_or_default());
            start = *next;
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts.into_iter().map(|part| (part, Sentence::of(part))).collect()
}

/// Where words stand that may part clauses: where the clause before ends, and where the next one begins. None stands in code
/// or in brackets.
fn joints(lower: &str) -> Vec<(Joint, usize, usize)> {
    let mut found = Vec::new();
    let (mut in_code, mut depth) = (false, 0_usize);
    let (mut last, mut before, mut end) = (' ', ' ', 0);
    for (at, c) in lower.char_indices() {
        in_code ^= c == '`';
        match c {
            '(' | '（' => depth += 1,
            ')' | '）' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_behind_comma = matches!(last, ',' | '，' | '；' | ';');
        if !in_code && depth == 0 && (before.is_whitespace() || matches!(before, '，' | '；' | ',')) {
            let rest = lower.get(at..).unwrap_or_default();
            let joint = JOINTS.iter().find(|(word, _, behind)| rest.starts_with(word) && (is_behind_comma || !*behind));
            found.extend(joint.map(|(word, joint, _)| {
                let next = if *joint == Joint::Others { at } else { at + word.len() };
                (*joint, end, next)
            }));
        }
        before = c;
        if !c.is_whitespace() {
            last = c;
            end = if matches!(c, ',' | '，' | '；') { at } else { at + c.len_utf8() };
        }
    }
    found
}

/// The words of a text without the signs around them.
fn words(lower: &str) -> impl Iterator<Item = &str> {
    lower.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '`'))
}

/// Whether a text says of something what it is, or what becomes of it.
fn stands_alone(lower: &str, s: &Sentence) -> bool {
    let Some(first) = words(lower).next() else { return false };
    if lower.chars().any(is_ideograph) {
        return s.length >= 3;
    }
    let is_told = words(lower).skip(1).any(|word| word != "a" && is_finite(word)) || s.has_any(&VERBS);
    s.length >= 3 && !is_among(DEPENDENT, first) && is_told
}

/// Whether a clause says that nothing of the one before it matters: the old way goes on, nobody need care, it is no breaking
/// change, it can be chosen, or is to come.
fn takes_back((before, _): &(&str, Sentence), (text, s): &(&str, Sentence)) -> bool {
    let goes_on = s.has(Still) && refers_back(before, text, s);
    let is_waived = s.has(Nobody) && !s.has(Role::Except) || s.denies_breaking;
    goes_on || is_waived || (s.begins(Pronoun) && s.has_any(&[Optional, Planned]))
}

/// Whether a clause is about what the one before it is about: «the old name», «it», «both», the same thing, or nothing else
/// that is known.
fn refers_back(before: &str, text: &str, s: &Sentence) -> bool {
    let is_subject = |role: Role| s.all(role).any(|at| usize::from(at) < SUBJECT);
    let (before, text) = (in_small_letters(before), in_small_letters(text));
    let verb = s.all(Still).min().map_or(SUBJECT, usize::from);
    let subject: Vec<&str> =
        words(&text).take_while(|word| !is_finite(word) || *word == "a").take(SUBJECT.min(verb)).collect();
    let is_of_old = s.begins(Pronoun) || [Existing, Older, Was].into_iter().any(is_subject);
    let is_same = subject.iter().any(|word| matches!(*word, "both" | "alias" | "aliases" | "former" | "your"));
    if is_of_old || is_same {
        return true;
    }
    if subject.iter().take(3).any(|word| OTHERS.iter().any(|other| word.starts_with(other))) {
        return false;
    }
    let is_there = |word: &str| words(&before).any(|one| singular(one) == singular(word));
    let of_code = subject.iter().any(|word| word.starts_with('`') && is_there(word));
    let mut own = subject.iter().filter(|word| is_own(word));
    let is_known = SUBJECTS.into_iter().any(is_subject);
    !is_known || of_code || own.all(|word| is_there(word))
}

/// Whether a word is one of several, which spaces part.
fn is_among(all: &str, word: &str) -> bool {
    all.split(' ').any(|one| one == word)
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').unwrap_or(word)
}

/// Whether a word says which thing is meant: neither an article nor what everything may be called.
fn is_own(word: &str) -> bool {
    const COMMON: &str = "the a an its all any der die das den le la les l un une ein eine this that setting option flag \
        switch name key variable parameter value still with from schalter einstellung nom paramètre of path";
    !word.is_empty() && !is_among(COMMON, singular(word)) && !is_among(COMMON, word)
}
