//! What a sentence declares: a small grammar over the roles of its words.

use super::Kinds;
use super::role::Role::{
    self, Burden, Without, Resource, You, Relies, Image, Since, Good, Did, Downtime, Jump, Gains, Shown, Acronym, Adapt, Added, Advised, Also, Arrow, Asked, AtStart, Back, Before, Better, Builders, Can, Cannot, Casual, Changed, Clause, Code, Condition, Contract, Converted, Data, Default, Deprecated, Dies, Disk, Do, Docs, Done, Dump, Else, Elsewhere, Ends, Enforced, Every, Except, Existing, Failed, Fails, First, Fixed, Format, Formerly, FromNowOn, Gone, Guard, Habit, Incompatible, Inside, Instead, Is, IsNow, Less, Limited, Looks, Maker, Migration, Minimum, Mishap, MovesData, Must, New, NewOnly, NoLonger, NoWayBack, Nobody, Not, Now, Number, Off, OffByDefault, Often, Older, Once, Only, Optional, Other, Peer, Planned, Please, Product, Pronoun, Read, Refused, Reindex, Rejected, Remove, Removed, Renamed, Required, Restore, Rolling, Runs, Should, Standing, Steps, Still, Stored, Strict, Swapped, Thing, ToYours, Tool, Unit, Unless, Update, Updating, Version, Was, Workaround, Works, Yours,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;

/// What a sentence declares for those who run the image, within what is said around it.
pub(super) fn declared(sentence: &Sentence, context: &Context, before: Kinds) -> Kinds {
    let quiet = quiet(sentence, context);
    if quiet >= Quiet::Silent {
        return Kinds::default();
    }
    let is_loud = quiet == Quiet::No;
    let breaking = ((quiet <= Quiet::New || context.removed) && breaks(sentence, context))
        || (quiet <= Quiet::Mostly && hits_who_relies(sentence))
        || (is_loud && states(sentence));
    let breaking = breaking || super::leaning::leans(sentence, context, quiet);
    let migration = migrates(sentence, is_loud, context.steps);
    let manual = asks(sentence, context, is_loud, breaking || before.breaking) || (moves_by_hand(sentence) && is_loud);
    let migration = migration || (manual && moves_by_hand(sentence));
    Kinds { breaking, manual, migration, unread: false }
}

/// How much of a sentence is about something else than this update.
pub(super) fn quiet(sentence: &Sentence, context: &Context) -> Quiet {
    let is_removal = sentence.has(Removed) || sentence.begins(Remove);
    let is_elsewhere = sentence.has_any(&[Builders, Elsewhere, NewOnly, Planned, Often, Workaround])
        || (sentence.has(Nobody) && !sentence.has(Except));
    let is_new = sentence.has_any(&[Now, FromNowOn, Was, NoLonger]);
    let is_gain = sentence.follows(Now, Gains, 2)
        && !sentence.has_any(&[Only, Instead, Unless, NoLonger, Required, Must, FromNowOn, Was, Formerly, Removed, Other]);
    let is_taken = is_removal && sentence.has(Code);
    let is_optional = (sentence.has(Optional) && !sentence.has(FromNowOn) && !is_taken) || (sentence.has(OffByDefault) && !is_new);
    if is_elsewhere || is_optional || (sentence.has(Deprecated) && !is_removal) {
        return Quiet::Silent;
    }
    let guards = sentence.begins(Guard) && !sentence.has_any(&[Updating, Yours, NoLonger]);
    let was_instead = (sentence.follows(Was, Instead, 3) || sentence.follows(Did, Instead, 3)) && !sentence.has_any(&[Changed, Renamed, Removed, Default, Before]);
    let is_told = (sentence.has(Failed) || was_instead) && !sentence.has_any(&[Now, FromNowOn, NoLonger]);
    let is_better = sentence.has(Better) && !sentence.has_any(&[Was, Formerly, FromNowOn, NoLonger, Renamed]);
    if sentence.has(Fixed)
        || is_better
        || is_told
        || guards
        || sentence.is_early(Added)
        || sentence.is_early(Docs)
        || sentence.has(Tool)
    {
        return context.quiet.max(Quiet::Mostly);
    }
    if is_gain { context.quiet.max(Quiet::New) } else { context.quiet }
}

fn breaks(sentence: &Sentence, context: &Context) -> bool {
    let s = sentence;
    let is_relief = s.follows(NoLonger, Rejected, 3) || s.follows(NoLonger, Required, 2);
    if s.has(Still) || is_relief || (s.follows(NoLonger, Mishap, 3) && !s.follows(NoLonger, Works, 2)) {
        return s.has(Incompatible);
    }
    s.has(Incompatible)
        || (context.removed && !s.has(Inside) && !s.denies)
        || is_lost(s, context)
        || is_removed(s)
        || (is_renamed(s) && (context.quiet != Quiet::New || s.count(Code) >= 2 || s.has_any(&[Now, FromNowOn])))
        || (has_another_value(s) && (context.quiet != Quiet::New || s.has_any(&[Thing, Code, Product, Number])))
        || is_required(s)
        || is_refused(s)
        || is_closed(s)
        || (is_restricted(s) && context.quiet != Quiet::New)
        || is_swapped(s)
        || changes_contract(s)
        || (s.has(Runs) && context.changed && s.has_any(&INTERFACE))
        || (s.has(Runs) && !s.has_any(&[Can, Also]) && (s.begins(Maker) || s.has_any(&[Now, Not, Instead, FromNowOn, Number])))
}

/// «Scripts that parse it have to be adapted»: what others have built on it fails.
fn hits_who_relies(s: &Sentence) -> bool {
    let hit = s.has_any(&[NoLonger, Refused, Rejected, Dies, Adapt, Else, Fails, Cannot])
        || s.follows(Relies, Must, 12)
        || s.follows(Relies, Required, 12);
    s.has(Relies) && hit && !s.has_any(&[Can, Fixed, Optional, Failed, Standing, Still, Advised, Not])
}

/// «`timeout` is in seconds»: how something is that others rely on, said as news.
fn states(s: &Sentence) -> bool {
    let is_first = |role: Role| s.all(role).any(|at| at >= s.lead() && at - s.lead() <= 2);
    let values = [Code, Number, Unit];
    let is_value = (s.follows(Thing, Is, 4) && is_first(Thing) && values.into_iter().any(|value| s.follows(Is, value, 2)))
        || (s.follows(Code, Is, 1) && is_first(Code));
    let against = [Can, Good, Better, Also, Added, Fixed, Optional, Gains, Looks, Inside, Still, Condition, Less, Failed, Habit, Shown, Deprecated, NoLonger, Not, Works, Resource];
    is_value && !s.has_any(&against)
}

/// It must be so from now on, or only so.
fn is_restricted(s: &Sentence) -> bool {
    let is_only = s.follows(Only, Works, 2) || s.follows(Works, Only, 2);
    let is_of_code = s.all(Code).any(|code| s.all(Must).any(|must| must == code + 1));
    let is_strict = s.has(Strict) && s.has(Is) && s.has_any(&INTERFACE);
    let is_for_some = s.begins(Only) && s.follows(Only, Can, 4);
    let is_alone = s.has(Only) && s.has(Product) && s.length <= 3;
    if (is_for_some || is_alone) && !s.has(Inside) {
        return true;
    }
    let said = is_strict || s.has(Enforced) || (is_only && s.has_any(&INTERFACE)) || is_of_code;
    said && !s.has_any(&[Can, Condition, Inside])
}

/// One for another.
fn is_swapped(s: &Sentence) -> bool {
    let said = (s.has(Swapped) && (s.count(Product) >= 2 || s.count(Code) >= 2))
        || (s.has(Instead) && (s.count(Product) >= 2 || s.has(Unit)) && !s.has(Works));
    said && !s.has_any(&[Can, Inside])
}

/// What others are written against is another.
fn changes_contract(s: &Sentence) -> bool {
    let is_end = |at: u16| at + 1 >= s.length || s.all(Clause).any(|clause| clause == at + 1);
    let is_changed = |at: u16| s.all(Thing).any(|thing| thing < at && at - thing <= 2) && is_end(at);
    let another = s.follows(Other, Contract, 2) || s.follows(New, Contract, 1) && s.has(Thing) && !s.has_any(&[Works, Added]);
    let said =
        another || s.all(Changed).any(is_changed) || s.follows(Contract, Changed, 5) || s.follows(Changed, Contract, 3);
    said && !s.has_any(&[Can, Condition, Inside]) && !s.follows(Not, Changed, 3)
}

const INTERFACE: [Role; 3] = [Thing, Product, Code];

/// It worked, and no longer does.
fn is_lost(s: &Sentence, context: &Context) -> bool {
    let is_of_peers = s.has_any(&[Peer, Existing]) && s.follows(Cannot, Read, 3);
    let is_dead = s.has(Dies) && s.has_any(&[NoLonger, Every, Existing, Update, Updating]) && !s.has_any(&[Can, Condition]);
    if s.begins(Not) && s.has_any(&[Product, Thing]) && s.follows(Since, Image, 2) {
        return true;
    }
    let is_lost = s.follows(NoLonger, Works, 3) && context.quiet == Quiet::No && !s.has_any(&[Inside, Looks, Shown]);
    let is_disabled = s.follows(Can, NoLonger, 1) && !s.has_any(&[Inside, Condition]);
    is_dead
        || is_disabled
        || is_lost
        || (s.has_any(&INTERFACE) || s.has(Existing))
            && (s.has(Dies)
                || is_of_peers
                || s.follows(NoLonger, Works, 7)
                || s.follows(Works, NoLonger, 4)
                || ((s.follows(Works, Ends, 5) || s.follows(Can, Ends, 5)) && s.has(Product))
                || (s.has(Works) && s.has(Cannot) && s.has(Product))
                || s.follows(Rejected, NoLonger, 6)
                || (s.has(NoLonger) && s.has(Cannot))
                || (s.has_any(&[Older, Before]) && s.follows(Cannot, Read, 3))
                || s.follows(NoLonger, Code, 2))
}

fn is_removed(s: &Sentence) -> bool {
    let is_asked = s.begins(Remove);
    let said = s.has(Removed) || is_asked;
    let of_users = if is_asked && s.has(Looks) {
        s.has_in_body(&[Code])
    } else if is_asked { s.has_in_body(&INTERFACE) || s.has_any(&[Deprecated, Acronym]) } else { s.has_any(&INTERFACE) };
    if (s.has(Condition) || s.has(Habit)) && !s.has_any(&[NoLonger, Gone, FromNowOn]) && !s.has(Code) {
        return false;
    }
    if s.follows(Removed, Burden, 4) || s.follows(Remove, Burden, 4) {
        return false;
    }
    let is_gone = s.has(Gone) && !s.has_any(&[Condition, Can, Inside, Planned]) && !s.follows(Pronoun, Gone, 1);
    is_gone || said && of_users && !s.has(Inside) && !s.follows(Can, Removed, 4) && !s.follows(Can, Remove, 4)
}

fn is_renamed(s: &Sentence) -> bool {
    let is_moved = s.all(Code).any(|at| at < 2) && s.all(Renamed).any(|at| at < 3);
    let goes_to = s.follows(Renamed, Code, 3) || (s.follows(Renamed, Number, 4) && s.has(Thing));
    let is_new =
        is_moved || (goes_to && !s.has(Can)) || (s.has_any(&[Now, FromNowOn, NoLonger]) && s.has_any(&[Thing, Code]));
    let is_done_by = [Version, Update].into_iter().any(|who| s.begins(who) && s.follows(who, Renamed, 2)) && s.has_any(&INTERFACE);
    is_done_by
        || is_named_otherwise(s)
        || s.has(Renamed) && !s.has(Inside) && !s.follows(Can, Renamed, 4) && (s.count(Code) >= 2 || is_new)
}

/// `A` is `B` now, `A` → `B`.
fn is_named_otherwise(s: &Sentence) -> bool {
    let between = |role: Role, most: u16| {
        s.all(role).any(|at| {
            s.all(Code).any(|code| code < at && at - code <= 1)
                && s.all(Code).any(|code| code > at && code - at <= most)
        })
    };
    !s.has_any(&[Condition, Inside, Can]) && (between(Arrow, 1) || between(Is, 2))
}

/// A default, a port, a path, a user: something is another than before.
fn has_another_value(s: &Sentence) -> bool {
    let is_other = s.has_any(&[Now, FromNowOn, Was, Instead, Changed, NoLonger]);
    let of_interface = s.has_any(&[Thing, Code]);
    let is_near = |role| s.follows(Instead, role, 2) || s.follows(role, Instead, 3);
    // «needs four requests instead of nineteen»: how much it takes.
    let is_amount = s.follows(Required, Instead, 5) && !s.has_any(&[Product, Code, FromNowOn]);
    let replaces = !is_amount
        && !s.has(Resource)
        && s.has(Instead) && (s.has(Code) || s.count(Number) >= 2 || (s.has_any(&[Thing, Number]) && s.has(Now)));
    let values = [Code, Number, Version];
    let is_set = s.follows(Default, Is, 4) && values.into_iter().any(|value| s.follows(Is, value, 1));
    let is_so = s.follows(Is, Default, 4) && !s.has_any(&[New, Added, OffByDefault]);
    let was = s.all(Formerly).any(|at| at > 0 && s.all(Clause).any(|clause| clause == at));
    let was_other = was && s.has_any(&values) && s.has_any(&INTERFACE) && !s.has(Can);
    let has_value = [Code, Number, Version].into_iter().any(|value| s.follows(IsNow, value, 2));
    let is_made = s.begins(Maker) && s.has_any(&[Thing, Code, Product, Number]) && !s.has(Inside);
    let may_be = s.follows(Can, Default, 4) || s.follows(Can, Changed, 2);
    let is_value = values.into_iter().any(|value| s.follows(Is, value, 1)) && s.has(Now) && s.has(Thing);
    let is_aside = s.begins_clause(Default) && !s.begins(Default) && !s.has_any(&[Was, Formerly, Now, FromNowOn, Instead]);
    ((s.has(OffByDefault) || s.has(Default)) && (is_other || is_made) && !may_be && !is_aside)
        || (is_value && !s.has(Can))
        || ((is_set || is_so) && !s.has(Can))
        || was_other
        || (has_value && s.has_any(&[Thing, Contract]) && !s.has(Can))
        || (replaces && !s.has(Can))
        || (of_interface && s.has(Was) && s.has_any(&[Now, FromNowOn]) && !s.has(Can))
        || (of_interface && s.has(FromNowOn) && !s.has(Can))
        || (s.has(Thing) && (is_near(Number) || (s.has(Arrow) && s.has(Number))) && !s.has(Can))
        || (s.has(Was) && s.count(Code) >= 2 && !s.has(Can))
        || (s.begins_clause(Was) && s.has_any(&[Minimum, Default]) && (s.has(Code) || s.has_any(&[Version, Number])))
}

fn is_required(s: &Sentence) -> bool {
    let is_new = s.has_any(&[Now, FromNowOn]);
    let has_version = s.has_any(&[Version, Number]);
    let of_product = s.has(Product) && (is_new || (has_version && s.has_any(&[Minimum, Required])));
    let is_said_of = (s.follows(Product, Required, 2) || s.follows(Code, Required, 2))
        && s.has(Is)
        && !s.has_any(&[Can, Less, Condition]);
    let is_guarded = s.follows(Code, Required, 2) && !s.has_any(&[Can, Condition, Less]);
    let made = is_guarded || s.begins(Maker) && s.has(Required) && s.has_any(&[Thing, Code]);
    let minimum = s.has(Minimum) && s.has(Product) && has_version && !s.has(Less);
    (s.has(Required)
        && !s.has_any(&[Can, Less])
        && (of_product || (is_new && s.has_any(&INTERFACE)) || (s.has(Minimum) && has_version)))
        || minimum
        || is_said_of
        || made
        || (s.has(FromNowOn) && s.has(Required) && !s.has_any(&[Can, Less]))
        || ([Thing, Peer, Existing].into_iter().any(|who| s.follows(who, Required, 2))
            && INTERFACE.into_iter().any(|what| s.follows(Required, what, 3))
            && !s.has_any(&[Can, Less, Condition, Inside, Looks]))
        || (s.begins(Product) && s.follows(Product, Required, 2) && !s.has_any(&[Can, Less, Condition]))
        || (s.begins(Required) && s.has_in_body(&[Product, Code]) && !s.has_any(&[Can, Less, Inside]))
        || (s.follows(Now, Required, 3) && !s.has_any(&[Can, Less, Inside, Condition]))
}

fn is_refused(s: &Sentence) -> bool {
    let is_new = s.has_any(&[Now, FromNowOn, Was, Code, Existing, Peer])
        || (s.has(Strict) && s.has(Thing))
        || (s.has(Product) && s.count(Product) >= 2);
    let is_closed = s.has(Unless) && s.has_any(&INTERFACE) && !s.has_any(&[Can, Added, Condition]);
    let is_refused = is_closed || s.has(Refused) && !s.has_any(&[Can, Condition, Else]);
    let is_limited = s.has(Limited) && s.has_any(&[Number, Unless, Now, Code]) && !s.has(Can);
    let fails = s.has(Fails) && s.has_any(&[Now, FromNowOn, Existing, Strict]) && !s.has_any(&[Can, Condition, Else]);
    is_refused
        || fails
        || (s.follows(Without, Rejected, 5) && !s.has_any(&[Can, Condition, Else]))
        || (s.follows(Rejected, Not, 3) && !s.has_any(&[Can, Condition, Else]))
        || is_limited
        || s.has(Rejected) && !s.has(Can) && !s.follows(Else, Rejected, 8) && is_new
        || (s.has(FromNowOn) && s.has(Must))
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
    let does = s.begins_clause_without(Do, Standing);
    let asked = does || s.has(Asked) || (s.has(Please) && s.has_any(&[Done, Do]));
    let is_standing = s.has_any(&[Standing, Casual]) && !does && !s.has(Code);
    if is_standing || s.has(Advised) {
        return false;
    }
    let is_end = |at: u16| at + 1 >= s.length || s.all(Clause).any(|clause| clause == at + 1);
    let is_last = |role| s.all(role).any(is_end) && does;
    let is_pressing = s.has_any(&[Updating, Else])
        || is_last(First)
        || (s.has(First) && s.has_any(&[Version, Code]))
        || (s.has(Once) && s.has(Code));
    let should = s.follows(Should, Done, 4) && (context.steps || s.has(Updating));
    let must = should || s.follows(Must, Done, 9) || s.follows(Must, Do, 6) || s.follows(Done, Must, 4);
    let intervenes = s.has(Steps) && s.has_any(&[Asked, Required, Must]);
    let is_yours = s.begins_clause(Do) && s.has(ToYours) && !s.has_any(&[Can, Optional, Condition]);
    (asked && is_pressing)
        || is_yours
        || (follows_use(s) && is_loud)
        || (s.has(Downtime) && s.has_any(&[Update, Updating, AtStart, Migration]) && is_loud && !s.has_any(&[Not, Can]))
        || (s.has(Jump) && s.has(Cannot) && s.has(Version) && is_loud)
        || (s.has(Please) && does && is_loud && !s.has_any(&[Can, Condition, Optional]))
        || (s.has(Updating) && s.has(Must) && is_loud && !s.has(Can) && !s.denies)
        || (s.has(Asked) && (s.has_any(&[Must, Please, Yours]) || s.follows(Asked, Done, 3)) && !s.has(Can) && is_loud)
        || (must && is_loud && !s.has(Can))
        || (context.steps && asked)
        || (s.has_all(&[Done, Code, Else]) && s.has_any(&[Once, Updating]))
        || (s.has(Except) && does && s.has(Code))
        || (s.has(Rolling) && s.has_any(&[Cannot, Not, NoLonger]) && is_loud)
        || (s.follows(Update, Cannot, 9) && s.has_any(&[Before, Older]) && !s.has(NoLonger) && is_loud)
        || (context.steps && s.has(Please))
        || (intervenes && is_loud)
        || (s.begins_clause(Adapt) && s.has(Yours) && (breaking || context.breaking))
        || (s.has(Dump) && is_loud)
}

/// «If you scrape it, use port 9100»: whoever uses it has to do something.
fn follows_use(s: &Sentence) -> bool {
    let is_use = s.follows(Condition, You, 2) && s.begins_clause(Condition);
    let is_later_clause = |at: u16| at > 2 && s.all(Clause).any(|clause| clause == at);
    let does = [Do, Maker, Remove].into_iter().any(|role| s.all(role).any(is_later_clause));
    is_use && does && s.has_any(&INTERFACE) && !s.has_any(&[Optional, Casual, Advised, Can, Workaround])
}

/// Stored data change, or there is no way back.
fn migrates(s: &Sentence, is_loud: bool, is_step: bool) -> bool {
    let fails = [Cannot, Mishap, Rejected, NoLonger].into_iter().any(|fails| s.follows(Back, fails, 9));
    let warned = s.begins(Guard) && s.follows(Guard, Back, 2) && s.has_any(&[Updating, Version, Older, Data]);
    let older_cannot = s.follows(Cannot, Older, 8);
    let needs_copy = s.has(Back) && s.has(Restore) && !s.has(Can);
    let denied = (s.follows(Back, Not, 8) && s.has_any(&[Version, Number, Older]) && !s.has(Can)) || s.follows(Not, Back, 2) && !s.has_any(&[Required, Must]);
    let no_return = older_cannot
        || warned
        || needs_copy
        || denied
        || s.has(NoWayBack)
        || fails
        || (s.follows(Without, Rejected, 5) && !s.has_any(&[Can, Condition, Else]))
        || (s.follows(Rejected, Not, 3) && !s.has_any(&[Can, Condition, Else]))
        || s.follows(Cannot, Back, 4)
        || s.follows(NoLonger, Back, 4);
    if no_return && !s.has(Fixed) {
        return true;
    }
    let converts = s.has(Converted) || s.has(Migration);
    if converts
        && s.has(AtStart)
        && !s.has_any(&[Fixed, Inside, Can])
        && !s.begins(Guard)
        && s.has_any(&[Data, Converted])
    {
        return true;
    }
    let is_of_all = s.has_any(&[Every, Existing, AtStart, Update, Updating, Disk]);
    if is_loud && s.has(Converted) && s.has_any(&[Stored, Data]) && is_of_all && !s.has_any(&[Can, Inside, Condition, Fixed, Tool]) {
        return true;
    }
    if is_loud && s.has(Renamed) && s.has(Data) && s.has(AtStart) && !s.has_any(&[Can, Inside]) {
        return true;
    }
    let is_wiped = s.has(Removed) && s.has_any(&[Stored, Data]) && s.has_any(&[AtStart, Updating]);
    if is_loud && is_wiped && !s.has_any(&[Can, Inside, Fixed, Tool]) {
        return true;
    }
    let is_of_more = s.all(Converted).any(|at| s.all(Migration).all(|migration| migration != at));
    let is_near = s.follows(Data, Migration, 6) || s.follows(Migration, Data, 6) || s.all(Data).any(|data| s.all(Migration).any(|at| at == data));
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

fn moves_by_hand(s: &Sentence) -> bool {
    s.has(Dump)
        || (s.has(Reindex) && s.has_any(&[Do, Updating, Must, Please, AtStart]))
        || (s.has(MovesData) && s.has_any(&[Do, Asked, Done]))
}

/// Whether it concerns others than those who run the image.
pub(super) fn is_of_others(s: &Sentence) -> bool {
    s.has_any(&[Builders, Elsewhere, NewOnly, Nobody])
}
