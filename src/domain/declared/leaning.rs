//! What many small signs say together where no single one does.

use super::gone::is_relief;
use super::role::Role::{
    self, Acronym, Added, Advised, Also, Arrow, Better, Burden, Can, Cannot, Changed, Code, Condition, Data, Default,
    Dies, Docs, Ends, Enforced, Every, Existing, FromNowOn, Guard, Habit, Inside, Instead, Less, Limited, Looks, Maker,
    Mishap, Must, NoLonger, Not, Now, Number, Off, Only, Optional, Other, Peer, Product, Refused, Rejected, Removed,
    Renamed, Required, Resource, Standing, Still, Strict, Swapped, Thing, Tool, Unit, Unless, Version, Was, Yours,
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
    (Other, 1),
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
const FAILS: [(Role, i32); 4] = [(Rejected, 2), (Refused, 2), (Dies, 2), (Cannot, 1)];
const AGAINST: [(Role, i32); 19] = [
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
    (Version, 0),
];

pub(super) fn leans(s: &Sentence, context: &Context, quiet: Quiet) -> bool {
    if is_relief(s) || s.follows(Not, Required, 3) || s.follows(Not, Changed, 3) || s.follows(Required, Instead, 5) {
        return false;
    }
    let sum =
        |roles: &[(Role, i32)]| roles.iter().filter(|(role, _)| s.has(*role)).map(|(_, points)| points).sum::<i32>();
    let is_other_name = s.has(Acronym) && !s.has_any(&[Thing, Product, Code]);
    let subject = (sum(&SUBJECTS) + i32::from(is_other_name)).min(3);
    let pairs = [Code, Number, Version].into_iter().filter(|role| s.count(*role) >= 2).count() as i32;
    let fails = if s.has(NoLonger) { 0 } else { sum(&FAILS).min(2) };
    let change = sum(&CHANGES) + fails + if s.begins(Maker) && s.has(Number) { 2 } else { 0 };
    let change = if s.has(Not) && s.follows(Not, NoLonger, 5) { change + 1 } else { change };
    let change = if s.has(Existing) && s.has(Was) { change - 1 } else { change };
    let change = if change > 0 { change + pairs.min(1) } else { 0 };
    let saved = if s.has(Default) && s.has(Less) { -2 } else { 0 };
    let against = saved + sum(&AGAINST) + if s.is_early(Added) { 3 } else { 0 };
    let place = match quiet {
        Quiet::No => 0,
        Quiet::New => -2,
        Quiet::Mostly => -4,
        _ => return false,
    };
    let t: i32 = std::env::var("LEAN").ok().and_then(|t| t.parse().ok()).unwrap_or(4);
    let t = if (context.attention && change >= 2) || (context.changed && change > 0) { t - 1 } else { t };
    subject > 0 && change > 0 && subject + change - against + place >= t
}
