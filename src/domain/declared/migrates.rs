//! What happens to stored data.

use super::gone::is_relief;
use super::role::Role::{
    Asked, AtStart, Back, Can, Cannot, Code, Condition, Converted, Data, Default, Disk, Do, Docs, Done, DropsTable,
    Dump, Every, Existing, Fails, Fixed, Format, FromNowOn, Guard, Habit, Incompatible, Inside, Is, Jump, Looks,
    Migration, Mishap, MovesData, Must, New, NewMigration, NoLonger, NoWayBack, Not, Now, Number, Older, Only, Peer,
    Please, Pronoun, Read, Reindex, Rejected, Removed, Renamed, Required, Restore, Standing, Stored, Thing, Tool,
    Update, Updating, Version, Wiped,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;

/// Stored data change, or there is no way back.
pub(super) fn migrates(s: &Sentence, quiet: Quiet, context: &Context) -> bool {
    let is_heard = quiet <= Quiet::New && !s.has_any(&[Can, Inside, Fixed, Tool]);
    let is_news = quiet <= Quiet::New && !s.has_any(&[Can, Inside, Fixed, Tool, Docs, Looks]);
    has_no_way_back(s, context)
        || converts_at_start(s)
        || (is_news && s.has_any(&[NewMigration, DropsTable]))
        || (is_heard && is_rewritten(s))
        || (quiet == Quiet::No && says_so(s, context.steps))
}

/// Who has it can't go back to the older version, or only with a copy.
fn has_no_way_back(s: &Sentence, context: &Context) -> bool {
    let fails =
        [Cannot, Mishap, Rejected, NoLonger].into_iter().any(|fails| s.follows(Back, fails, 9)) && !is_relief(s);
    let warned = s.begins(Guard) && s.follows(Guard, Back, 2) && s.has_any(&[Updating, Version, Older, Data]);
    let needs_copy =
        (s.follows(Back, Required, 3) && s.has(Standing)) || (s.has(Back) && s.has(Restore) && !s.has(Can));
    let denied = (s.follows(Back, Not, 8) && s.has_any(&[Version, Number, Older]) && !s.has(Can))
        || (s.follows(Not, Back, 2) && !s.has_any(&[Required, Must]));
    let is_left = s.follows(Back, Only, 3) || s.follows(Cannot, Back, 4) || s.follows(NoLonger, Back, 4);
    let starts_empty = s.has(Wiped) && s.has(Jump) && !s.has_any(&[Can, Inside]);
    // Among repairs, what is said first is what was wrong.
    let is_wrong = context.quiet == Quiet::Mostly && !s.begins(Pronoun) && !s.is_way_back_later();
    let is_said = s.follows(Cannot, Older, 8) || (s.has(NoWayBack) && !is_wrong);
    let is_left = is_left && !is_wrong;
    let is_mended = s.all(Fixed).any(|fixed| !s.is_way_back_beside(fixed));
    (is_said || fails || warned || needs_copy || denied || is_left || starts_empty) && !is_mended
}

/// It happens by itself when the new version starts.
fn converts_at_start(s: &Sentence) -> bool {
    let converts = s.has_any(&[Converted, Migration]) || s.has_all(&[Renamed, Stored, Every]);
    converts
        && s.has(AtStart)
        && !s.has_any(&[Fixed, Inside, Can])
        && !s.follows(Condition, Migration, 1)
        && !s.follows(Condition, Converted, 4)
        && !s.begins(Guard)
        && s.has_any(&[Data, Converted, Stored, Migration])
}

/// What people keep in it becomes something else, or is lost.
fn is_rewritten(s: &Sentence) -> bool {
    let of_data = s.has_any(&[Stored, Data]);
    let is_of_all = s.has_any(&[Every, Existing, AtStart, Update, Updating, Disk]);
    let is_wiped = s.has_any(&[Removed, Wiped]) && s.has_any(&[AtStart, Updating, Update]) && !s.has(Habit);
    let is_between =
        |one: u16, other: u16| [Thing, Code].iter().any(|what| s.all(*what).any(|at| one < at && at < other));
    let is_of_theirs = !s.has(Condition)
        && s.all(Existing).any(|old| s.all(Converted).any(|at| old < at && at - old <= 3 && !is_between(old, at)));
    is_of_theirs
        || (s.has(Renamed) && s.has(Data) && s.has(AtStart))
        || (of_data && !s.has(Condition) && ((s.has(Converted) && is_of_all) || is_wiped))
}

/// The makers speak of a migration, of another format, or of what older versions can't read.
fn says_so(s: &Sentence, is_step: bool) -> bool {
    let is_of_more = s.all(Converted).any(|at| s.all(Migration).all(|migration| migration != at));
    let is_one = s.all(Data).any(|data| s.all(Migration).any(|at| at == data));
    let is_near = is_one || s.follows(Data, Migration, 6) || s.follows(Migration, Data, 6);
    let is_called = s.has(Migration) && (s.has(MovesData) || is_near || is_of_more) && !s.follows(Can, Migration, 4);
    let is_of_two = s.count(Code) >= 2 && !s.has(Thing);
    let converts =
        s.has_all(&[Converted, Data]) && (is_of_two || is_step || s.has_any(&[Must, Now, FromNowOn, Version]));
    let cannot_read = s.has_any(&[Older, Version]) && s.follows(Cannot, Read, 4);
    let reads_not = s.follows(Version, Not, 3) && s.follows(Not, Read, 1) && s.has_any(&[Disk, Data, Older]);
    let other_format = s.has_all(&[Format, New, Disk]) || s.has_all(&[Disk, Incompatible]);
    let older_fails = !s.is_about(Peer) && (s.follows(Older, Rejected, 3) || s.follows(Older, Fails, 3));
    let is_so_now = s.has(FromNowOn) && s.has_any(&[Disk, Data]) && !s.has_any(&[Can, Thing, Default]);
    let it_removes = s.begins(Pronoun) && s.has_all(&[Removed, Data]);
    let reindexes = s.has(Reindex) && !s.has(Tool) && !s.follows(Can, Reindex, 4);
    let is_any = is_called || converts || cannot_read || reads_not || other_format || older_fails || is_so_now;
    !s.has(Inside) && (is_any || it_removes || reindexes || moves_by_hand(s))
}

/// People move the data themselves.
pub(super) fn moves_by_hand(s: &Sentence) -> bool {
    (s.has(Dump) && s.has_any(&[Required, Must, Updating, Update, Version, Asked, Now, Is, Do]))
        || (s.has(Reindex) && s.has_any(&[Do, Updating, Must, Please, AtStart]))
        || (s.has(MovesData) && s.has_any(&[Do, Asked, Done]))
}
