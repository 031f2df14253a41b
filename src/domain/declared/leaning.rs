//! What many small signs say together where no single one does.

use super::gone::is_relief;
use super::role::Role::{
    self, Acronym, Added, Advised, Also, Arrow, Better, Burden, Can, Cannot, Changed, Code, Condition, Data, Default,
    Dies, Docs, Ends, Enforced, Every, Existing, Fixed, FromNowOn, Guard, Habit, Inside, Instead, Less, Limited, Looks,
    Maker, Mishap, Must, NoLonger, Not, Now, Number, Off, Only, Optional, Other, Peer, Product, Refused, Rejected,
    Removed, Renamed, Required, Resource, Standing, Still, Strict, Swapped, Thing, Tool, Unit, Unless, Version, Was,
    Yours,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;

/// What it is about: the surroundings of an image rely on it.
const SUBJECTS: [(Role, i32); 9] =
    [(Data, 1), (Unit, 1), (Code, 2), (Product, 1), (Thing, 1), (Peer, 1), (Existing, 1), (Yours, 1), (Number, 1)];
/// What happens to it.
const CHANGES: [(Role, i32); 22] = [
    (Ends, 2),
    (Every, 1),
    (Other, 2),
    (Removed, 3),
    (Renamed, 2),
    (NoLonger, 2),
    (Instead, 2),
    (Swapped, 2),
    (Was, 1),
    (Now, 1),
    (FromNowOn, 2),
    (Changed, 1),
    (Default, 1),
    (Required, 2),
    (Must, 3),
    (Only, 1),
    (Unless, 1),
    (Strict, 1),
    (Limited, 1),
    (Enforced, 2),
    (Off, 1),
    (Arrow, 1),
];
/// How it fails.
const FAILS: [(Role, i32); 4] = [(Rejected, 2), (Refused, 2), (Dies, 2), (Cannot, 1)];
/// What says that nobody need care.
const AGAINST: [(Role, i32); 18] = [
    (Standing, 3),
    (Advised, 3),
    (Burden, 1),
    (Resource, 3),
    (Also, 2),
    (Habit, 2),
    (Can, 2),
    (Better, 2),
    (Less, 2),
    (Condition, 1),
    (Inside, 3),
    (Docs, 2),
    (Still, 3),
    (Looks, 1),
    (Mishap, 1),
    (Tool, 2),
    (Guard, 2),
    (Optional, 3),
];

/// So much says that something changes for those who run the image.
const ENOUGH: i32 = 4;

/// Whether the signs in a sentence together say that something is not as before: what it is about, and what happens to it,
/// less what says that nobody need care. Where people are warned, or changes are listed, less is enough.
pub(super) fn leans(s: &Sentence, context: &Context, quiet: Quiet) -> bool {
    let is_denied = [Required, Changed].into_iter().any(|what| s.follows(Not, what, 3));
    // «Use SHA256 instead of MD5»: how it is made.
    let is_made = s.begins(Maker) && s.has(Instead) && !s.has_any(&[Code, Number, Product]);
    // «Columns can be dropped elsewhere»: what one may do.
    let is_offered = [Removed, Renamed, Swapped, Changed].into_iter().any(|event| s.follows(Can, event, 2))
        && s.all(Can).any(|at| at <= s.lead + 3)
        && !s.has_any(&[NoLonger, Only, Must, Cannot, FromNowOn]);
    // «Rename columns in the grid»: what is renamed has no name.
    let is_unnamed = s.begins(Renamed) && !s.has_any(&[Code, Product, Number, Version, Arrow, Instead, Was, Now]);
    // «Fixed the default, which was 0», «When a user is removed, …»: what was wrong, and how it goes.
    let is_news = s.has_any(&[Now, FromNowOn, NoLonger]);
    let is_told = (s.begins(Fixed) && quiet == Quiet::Mostly) || (s.begins(Condition) && s.has(Habit));
    if (is_told && !is_news)
        || is_unnamed
        || is_offered
        || is_made
        || is_relief(s)
        || is_denied
        || s.follows(Required, Instead, 5)
    {
        return false;
    }
    let place = match quiet {
        Quiet::No => 0,
        Quiet::New => -2,
        Quiet::Mostly => -4,
        Quiet::Silent | Quiet::Never => return false,
    };
    let (subject, change) = (subject(s), change(s));
    let is_expected = (context.attention && change >= 2) || (context.changed && change > 0);
    let enough = if is_expected { ENOUGH - 1 } else { ENOUGH };
    subject > 0 && change > 0 && subject + change - against(s) + place >= enough
}

fn sum(s: &Sentence, signs: &[(Role, i32)]) -> i32 {
    signs.iter().filter(|(role, _)| s.has(*role)).map(|(_, points)| points).sum()
}

fn subject(s: &Sentence) -> i32 {
    let is_other_name = s.has(Acronym) && !s.has_any(&[Thing, Product, Code]);
    (sum(s, &SUBJECTS) + i32::from(is_other_name)).min(3)
}

fn change(s: &Sentence) -> i32 {
    let fails = if s.has(NoLonger) { 0 } else { sum(s, &FAILS).min(2) };
    let is_set = s.begins(Maker) && s.has(Number);
    // «does not … any more»
    let is_denied_now = s.follows(Not, NoLonger, 5);
    // «older clients» says it once only.
    let is_of_old = s.has(Existing) && s.has(Was);
    let change = sum(s, &CHANGES) + fails + 2 * i32::from(is_set) + i32::from(is_denied_now) - i32::from(is_of_old);
    let is_pair = [Code, Number, Version].into_iter().any(|role| s.count(role) >= 2);
    if change > 0 { change + i32::from(is_pair) } else { 0 }
}

fn against(s: &Sentence) -> i32 {
    // A lower default is no saving.
    let is_default = s.has(Default) && s.has(Less);
    sum(s, &AGAINST) - 2 * i32::from(is_default) + 3 * i32::from(s.is_early(Added))
}
