//! What a sentence declares: a small grammar over the roles of its words.

use super::Kinds;
use super::role::Role::{
    self, Adapt, Added, Asked, AtStart, Back, Before, Builders, Can, Cannot, Changed, Code, Converted, Data, Default,
    Deprecated, Disk, Do, Docs, Done, Dump, Else, Elsewhere, First, Fixed, Format, FromNowOn, Incompatible, Inside,
    Instead, Less, Migration, Minimum, Mishap, MovesData, Must, New, NewOnly, NoLonger, NoWayBack, Nobody, Not, Now,
    Number, Off, Older, Once, Optional, Planned, Please, Product, Read, Reindex, Rejected, Remove, Removed, Renamed,
    Required, Runs, Standing, Steps, Still, Strict, Swapped, Thing, Tool, Unless, Updating, Version, Was, Works, Yours,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;

/// What a sentence declares for those who run the image, within what is said around it.
pub(super) fn declared(sentence: &Sentence, context: &Context, before: Kinds) -> Kinds {
    let quiet = quiet(sentence, context);
    if quiet == Quiet::Silent {
        return Kinds::default();
    }
    let is_loud = quiet == Quiet::No;
    let breaking = (is_loud || context.removed) && breaks(sentence, context);
    let migration = migrates(sentence, is_loud);
    let manual = asks(sentence, context, is_loud, breaking || before.breaking) || (moves_by_hand(sentence) && is_loud);
    Kinds { breaking, manual, migration }
}

/// How much of a sentence is about something else than this update.
fn quiet(sentence: &Sentence, context: &Context) -> Quiet {
    let is_removal = sentence.has(Removed) || sentence.begins(Remove);
    let is_elsewhere = sentence.has_any(&[Builders, Elsewhere, NewOnly, Nobody, Planned]);
    if is_elsewhere || (sentence.has(Optional) && !sentence.has(FromNowOn)) || (sentence.has(Deprecated) && !is_removal)
    {
        return Quiet::Silent;
    }
    let is_first = |role| sentence.all(role).any(|at| at < 2);
    if sentence.has(Fixed) || is_first(Added) || is_first(Docs) || sentence.has(Tool) {
        return context.quiet.max(Quiet::Mostly);
    }
    context.quiet
}

fn breaks(sentence: &Sentence, context: &Context) -> bool {
    let s = sentence;
    let is_relief = s.follows(NoLonger, Rejected, 3);
    if s.has(Still) || is_relief || (s.follows(NoLonger, Mishap, 3) && !s.follows(NoLonger, Works, 2)) {
        return s.has(Incompatible);
    }
    s.has(Incompatible)
        || (context.removed && !s.has(Inside) && !s.denies)
        || is_lost(s)
        || is_removed(s)
        || is_renamed(s)
        || has_another_value(s)
        || is_required(s)
        || is_refused(s)
        || is_closed(s)
        || (s.has(Swapped) && s.count(Product) >= 2 && !s.has_any(&[Can, Inside]))
        || (s.has(Runs) && !s.has(Can) && s.has_any(&[Now, Not, Instead, FromNowOn, Number]))
}

const INTERFACE: [Role; 3] = [Thing, Product, Code];

/// It worked, and no longer does.
fn is_lost(s: &Sentence) -> bool {
    s.has_any(&INTERFACE)
        && (s.follows(NoLonger, Works, 7)
            || s.follows(Works, NoLonger, 4)
            || (s.has(Works) && s.has(Cannot) && s.has(Product))
            || s.follows(Rejected, NoLonger, 6)
            || (s.has(NoLonger) && s.has(Cannot))
            || (s.has_any(&[Older, Before]) && s.follows(Cannot, Read, 3))
            || s.follows(NoLonger, Code, 2))
}

fn is_removed(s: &Sentence) -> bool {
    let said = s.has(Removed) || s.begins(Remove);
    said && s.has_any(&INTERFACE) && !s.has(Inside) && !s.follows(Can, Removed, 4) && !s.follows(Can, Remove, 4)
}

fn is_renamed(s: &Sentence) -> bool {
    let is_moved = s.all(Code).any(|at| at < 2) && s.all(Renamed).any(|at| at < 3);
    let is_new = is_moved || (s.has_any(&[Now, FromNowOn, NoLonger]) && s.has_any(&[Thing, Code]));
    s.has(Renamed) && !s.has(Inside) && !s.follows(Can, Renamed, 4) && (s.count(Code) >= 2 || is_new)
}

/// A default, a port, a path, a user: something is another than before.
fn has_another_value(s: &Sentence) -> bool {
    let is_other = s.has_any(&[Now, FromNowOn, Was, Instead, Changed, NoLonger]);
    let of_interface = s.has_any(&[Thing, Code]);
    let replaces =
        s.has(Instead) && (s.has(Code) || s.count(Number) >= 2 || (s.has_any(&[Thing, Number]) && s.has(Now)));
    (s.has(Default) && is_other)
        || (replaces && !s.has(Can))
        || (of_interface && s.has(Was) && s.has_any(&[Now, FromNowOn]) && !s.has(Can))
        || (of_interface && s.has(FromNowOn) && !s.has(Can))
        || (s.has(Thing) && s.has(Instead) && s.has(Number) && !s.has(Can))
        || (s.has(Was) && s.count(Code) >= 2 && !s.has(Can))
        || (s.begins_clause(Was) && s.has_any(&[Minimum, Default]) && (s.has(Code) || s.has_any(&[Version, Number])))
}

fn is_required(s: &Sentence) -> bool {
    let is_new = s.has_any(&[Now, FromNowOn]);
    let has_version = s.has_any(&[Version, Number]);
    let of_product = s.has(Product) && (is_new || (has_version && s.has_any(&[Minimum, Required])));
    let minimum = s.has(Minimum) && s.has(Product) && has_version;
    (s.has(Required)
        && !s.has_any(&[Can, Less])
        && (of_product || (is_new && s.has_any(&INTERFACE)) || (s.has(Minimum) && has_version)))
        || minimum
}

fn is_refused(s: &Sentence) -> bool {
    let is_new = s.has_any(&[Now, FromNowOn, Was, Code])
        || (s.has(Strict) && s.has(Thing))
        || (s.has(Product) && s.count(Product) >= 2);
    s.has(Rejected) && !s.has(Can) && !s.follows(Else, Rejected, 8) && is_new || (s.has(FromNowOn) && s.has(Must))
}

/// It is there no more unless somebody asks for it.
fn is_closed(s: &Sentence) -> bool {
    !s.has_any(&[Can, Added])
        && s.has(Off)
        && s.has_any(&[Product, Thing, Code])
        && (s.has(Unless) || (s.has(Product) && s.has_any(&[Version, Number])))
}

/// What must be done besides taking the image.
fn asks(s: &Sentence, context: &Context, is_loud: bool, breaking: bool) -> bool {
    let is_standing = s.has(Standing) && !s.has(Code);
    if is_standing {
        return false;
    }
    let asked = s.begins_clause(Do) || s.has(Asked) || (s.has(Please) && s.has_any(&[Done, Do]));
    let is_pressing =
        s.has_any(&[Updating, Else]) || (s.has(First) && s.has_any(&[Version, Code])) || (s.has(Once) && s.has(Code));
    let must = s.follows(Must, Done, 9) || s.follows(Must, Do, 6) || s.follows(Done, Must, 4);
    let intervenes = s.has(Steps) && s.has_any(&[Asked, Required, Must]);
    (asked && is_pressing)
        || (s.has(Asked) && (s.has_any(&[Must, Please]) || s.follows(Asked, Done, 3)) && !s.has(Can) && is_loud)
        || (must && is_loud && !s.has(Can))
        || (context.steps && asked)
        || (context.steps && s.has(Please))
        || (intervenes && is_loud)
        || (s.begins_clause(Adapt) && s.has(Yours) && (breaking || context.breaking))
        || (s.has(Dump) && is_loud)
}

/// Stored data change, or there is no way back.
fn migrates(s: &Sentence, is_loud: bool) -> bool {
    let fails = [Cannot, Mishap, Rejected, NoLonger].into_iter().any(|fails| s.follows(Back, fails, 6));
    let no_return = s.has(NoWayBack) || fails || s.follows(Cannot, Back, 4) || s.follows(NoLonger, Back, 4);
    if no_return && !s.has(Fixed) {
        return true;
    }
    let converts = s.has(Converted) || s.has(Migration);
    if converts && s.has(AtStart) && !s.has_any(&[Fixed, Inside, Can]) && s.has_any(&[Data, Converted]) {
        return true;
    }
    is_loud
        && !s.has(Inside)
        && ((s.has(Migration) && s.has_any(&[Data, MovesData]) && !s.follows(Can, Migration, 4))
            || (s.has(Converted) && s.has(Data) && s.has_any(&[Must, Now, FromNowOn, Version]))
            || ((s.has(Older) || s.has(Version)) && s.follows(Cannot, Read, 4))
            || (s.has(Format) && s.has(New) && s.has(Disk))
            || (s.has(Disk) && s.has(Incompatible))
            || (s.has(Reindex) && !s.has_any(&[Can, Tool]))
            || moves_by_hand(s))
}

fn moves_by_hand(s: &Sentence) -> bool {
    s.has(Dump)
        || (s.has(Reindex) && s.has_any(&[Do, Updating, Must, Please, AtStart]))
        || (s.has(MovesData) && s.has_any(&[Do, Asked, Done]))
}

/// Whether it concerns others than those who run the image.
pub(super) fn is_of_others(s: &Sentence) -> bool {
    s.has_any(&[Builders, Elsewhere, NewOnly, Nobody])
}
