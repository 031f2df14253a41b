//! What happens to stored data.

use super::role::Role::{
    Asked, AtStart, Back, Can, Cannot, Code, Condition, Converted, Data, Disk, Do, Done, Dump, Every, Existing, Fails,
    Fixed, Format, FromNowOn, Guard, Habit, Incompatible, Inside, Is, Jump, Migration, Mishap, MovesData, Must, New,
    NoLonger, NoWayBack, Not, Now, Number, Older, Please, Pronoun, Read, Reindex, Rejected, Removed, Renamed, Required,
    Restore, Standing, Stored, Thing, Tool, Update, Updating, Version, Wiped,
};
use super::section::Quiet;
use super::sentence::Sentence;

/// Stored data change, or there is no way back.
pub(super) fn migrates(s: &Sentence, quiet: Quiet, is_step: bool) -> bool {
    let (is_loud, is_heard) = (quiet == Quiet::No, quiet <= Quiet::New);
    let fails = [Cannot, Mishap, Rejected, NoLonger].into_iter().any(|fails| s.follows(Back, fails, 9));
    let warned = s.begins(Guard) && s.follows(Guard, Back, 2) && s.has_any(&[Updating, Version, Older, Data]);
    let older_cannot = s.follows(Cannot, Older, 8);
    let needs_copy = (s.follows(Back, Required, 3) && s.has(Standing)) || s.has(Back) && s.has(Restore) && !s.has(Can);
    let denied = (s.follows(Back, Not, 8) && s.has_any(&[Version, Number, Older]) && !s.has(Can))
        || s.follows(Not, Back, 2) && !s.has_any(&[Required, Must]);
    let no_return = older_cannot
        || warned
        || needs_copy
        || denied
        || s.has(NoWayBack)
        || fails
        || s.follows(Cannot, Back, 4)
        || s.follows(NoLonger, Back, 4);
    let starts_empty = s.has(Wiped) && s.has(Jump) && !s.has_any(&[Can, Fixed, Inside]);
    if starts_empty || no_return && !s.has(Fixed) {
        return true;
    }
    let converts = s.has(Converted) || s.has(Migration) || (s.has(Renamed) && s.has(Stored) && s.has(Every));
    if converts
        && s.has(AtStart)
        && !s.has_any(&[Fixed, Inside, Can])
        && !s.begins(Guard)
        && s.has_any(&[Data, Converted, Stored, Migration])
    {
        return true;
    }
    let is_of_all = s.has_any(&[Every, Existing, AtStart, Update, Updating, Disk]);
    if is_heard
        && s.has(Converted)
        && s.has_any(&[Stored, Data])
        && is_of_all
        && !s.has_any(&[Can, Inside, Condition, Fixed, Tool])
    {
        return true;
    }
    if is_heard && s.has(Renamed) && s.has(Data) && s.has(AtStart) && !s.has_any(&[Can, Inside]) {
        return true;
    }
    let is_wiped =
        s.has_any(&[Removed, Wiped]) && s.has_any(&[Stored, Data]) && s.has_any(&[AtStart, Updating, Update]);
    if is_heard && is_wiped && !s.has_any(&[Can, Inside, Fixed, Tool, Condition, Habit]) {
        return true;
    }
    let is_of_more = s.all(Converted).any(|at| s.all(Migration).all(|migration| migration != at));
    let is_near = s.follows(Data, Migration, 6)
        || s.follows(Migration, Data, 6)
        || s.all(Data).any(|data| s.all(Migration).any(|at| at == data));
    is_loud
        && !s.has(Inside)
        && ((s.has(Migration) && (s.has(MovesData) || is_near || is_of_more) && !s.follows(Can, Migration, 4))
            || (s.has(Converted)
                && s.has(Data)
                && (s.has_any(&[Must, Now, FromNowOn, Version]) || (s.count(Code) >= 2 && !s.has(Thing))))
            || ((s.has(Older) || s.has(Version)) && s.follows(Cannot, Read, 4))
            || (s.has(Version) && s.follows(Version, Cannot, 2) && s.follows(Cannot, Read, 3))
            || (s.follows(Version, Not, 3) && s.follows(Not, Read, 1) && s.has_any(&[Disk, Data, Older]))
            || (s.has(Format) && s.has(New) && s.has(Disk))
            || s.follows(Older, Rejected, 3)
            || s.follows(Older, Fails, 3)
            || (s.has(FromNowOn) && s.has_any(&[Disk, Data]) && !s.has_any(&[Can, Thing]))
            || (is_step && s.has(Converted) && s.has(Data))
            || (s.begins(Pronoun) && s.has(Removed) && s.has(Data))
            || (s.has(Disk) && s.has(Incompatible))
            || (s.has(Reindex) && !s.has(Tool) && !s.follows(Can, Reindex, 4))
            || moves_by_hand(s))
}

pub(super) fn moves_by_hand(s: &Sentence) -> bool {
    (s.has(Dump) && s.has_any(&[Required, Must, Updating, Update, Version, Asked, Now, Is, Do]))
        || (s.has(Reindex) && s.has_any(&[Do, Updating, Must, Please, AtStart]))
        || (s.has(MovesData) && s.has_any(&[Do, Asked, Done]))
}
