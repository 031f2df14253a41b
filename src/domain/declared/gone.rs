//! What was there and is not any more, or is called otherwise.

use super::role::Role::{
    self, Acronym, Adapt, Added, Advised, Also, AppUser, Arrow, Before, Burden, Can, Cannot, Changed, Code, Condition,
    Data, Deprecated, Dies, Disk, Edition, Else, Ends, Every, Existing, Failed, Fails, Fixed, FromNowOn, Gone, Habit,
    Image, Inside, Instead, Is, Leak, Limited, Looks, Mishap, Must, Name, NoLonger, Not, Now, Number, Older, Only,
    Optional, Peer, Planned, Product, Pronoun, Read, Refused, Rejected, Relies, Remove, Removed, Renamed, Required,
    Should, Shown, Since, Standing, Still, Stored, Swapped, Thing, Unit, Update, Updating, Us, Version, Wiped, Works,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;

/// What others rely on.
pub(super) const INTERFACE: [Role; 3] = [Thing, Product, Code];

/// Something is gone that nobody wanted.
pub(super) fn is_relief(s: &Sentence) -> bool {
    let ends = |role, within| s.follows(NoLonger, role, within);
    let is_mishap = ends(Mishap, 3) && !ends(Works, 2);
    let is_of_secrets = s.has(NoLonger) && s.has(Leak);
    is_mishap
        || is_of_secrets
        || s.follows(Should, NoLonger, 1)
        || ends(Rejected, 3)
        || ends(Required, 2)
        || ends(Must, 2)
        || (s.has(NoLonger) && s.follows(Required, Not, 1))
        || s.follows(Required, NoLonger, 1)
        || ends(Limited, 2)
        || (ends(Changed, 2) && !s.has(Can))
        || ends(Wiped, 4)
        || ends(Burden, 4)
        || s.follows(Removed, Burden, 4)
        || s.follows(Remove, Burden, 4)
        || s.follows(Burden, Gone, 3)
        || (s.has(Not) && s.follows(Mishap, NoLonger, 4))
        || (s.follows(Burden, Removed, 6) && s.all(Burden).any(|at| at <= 4))
}

/// It is only for those who pay, from now on.
pub(super) fn costs_now(s: &Sentence) -> bool {
    s.has(Edition) && s.has_any(&[Now, FromNowOn, Only, Renamed]) && !s.has_any(&[Can, Added, Also, Fixed])
}

/// It worked, and no longer does.
pub(super) fn is_lost(s: &Sentence, context: &Context) -> bool {
    let is_old_peer = s.follows(Existing, Peer, 1) && s.follows(Peer, Cannot, 2) && !s.has_any(&[Condition, Inside]);
    let is_dated_peer = s.is_about(Peer) && s.follows(Peer, Before, 2) && s.follows(Version, Cannot, 2);
    let is_of_peers = is_old_peer || s.has_any(&[Peer, Existing]) && s.follows(Cannot, Read, 3);
    let is_dead = s.has(Dies)
        && s.has_any(&[Version, NoLonger, Every, Existing, Update, Updating])
        && !s.has_any(&[Can, Condition]);
    let lacks = s.is_about(Image) && INTERFACE.into_iter().any(|what| s.follows(Not, what, 1));
    if lacks || s.begins(Not) && s.has_any(&[Product, Thing]) && s.follows(Since, Image, 2) {
        return true;
    }
    let has_none =
        s.has_any(&[Now, FromNowOn]) && s.follows(Not, Thing, 1) && !s.has_any(&[Condition, Can, Inside, Looks]);
    let is_denied_now = s.follows(Not, Works, 2) && s.follows(Works, NoLonger, 6) && context.quiet == Quiet::No;
    let is_lost = has_none
        || (is_denied_now && !s.has_any(&[Inside, Looks, Shown, Mishap]))
        || s.follows(NoLonger, Works, 3) && context.quiet == Quiet::No && !s.has_any(&[Inside, Looks, Shown]);
    let is_denied_now_to = s.follows(Cannot, NoLonger, 5) || s.follows(Not, NoLonger, 5);
    let may_not = s.is_about(AppUser) && is_denied_now_to && !s.has_any(&[Looks, Mishap, Required, Must]);
    let is_disabled = (may_not || s.follows(Can, NoLonger, 1)) && !s.has_any(&[Inside, Condition]);
    is_dead
        || (is_dated_peer && !s.has_any(&[Condition, Inside]))
        || is_disabled
        || is_lost
        || (s.has_any(&INTERFACE) || s.has(Existing))
            && ((s.has(Dies) && !s.has_any(&[Condition, Habit]))
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

pub(super) fn is_removed(s: &Sentence) -> bool {
    let is_told_of = [Us, Version, Update].into_iter().any(|who| s.follows(who, Remove, 2))
        || (s.is_about(Thing) && s.follows(Remove, Code, 1));
    let is_asked = s.begins(Remove) || is_told_of;
    if s.begins(Remove) && s.has_any(&[Data, Stored]) && !s.has_any(&[Code, Product]) {
        return false;
    }
    let said = s.has(Removed) || is_asked;
    let of_users = if is_asked && s.has(Looks) {
        s.has_in_body(&[Code])
    } else if s.follows(Removed, Name, 1) || s.follows(Remove, Name, 1) {
        true
    } else if is_asked {
        s.has_in_body(&INTERFACE) || s.has_any(&[Deprecated, Acronym])
    } else {
        s.has_any(&INTERFACE)
    };
    if (s.has(Condition) || s.has(Habit)) && !s.has_any(&[NoLonger, Gone, FromNowOn]) && !s.has(Code) {
        return false;
    }
    // «Allow recipients to be dropped»
    if s.begins(Can) && !s.has(NoLonger) && s.in_one_clause(Can, Removed) {
        return false;
    }
    if s.follows(Removed, Number, 1) && !s.has_any(&[Code, Product, Thing]) {
        return false;
    }
    let is_gone = s.has(Gone) && !s.has_any(&[Condition, Can, Inside, Planned]) && !s.follows(Pronoun, Gone, 1);
    is_gone || said && of_users && !s.has(Inside) && !s.follows(Can, Removed, 4) && !s.follows(Can, Remove, 4)
}

pub(super) fn is_renamed(s: &Sentence) -> bool {
    let is_moved = s.all(Code).any(|at| at < 2) && s.all(Renamed).any(|at| at < 3);
    let goes_to = s.follows(Renamed, Code, 3) || (s.follows(Renamed, Number, 4) && s.has(Thing));
    let is_new =
        is_moved || (goes_to && !s.has(Can)) || (s.has_any(&[Now, FromNowOn, NoLonger]) && s.has_any(&[Thing, Code]));
    let is_told =
        (s.follows(Thing, Renamed, 2) || s.is_about(Thing)) && s.ends(Renamed) && !s.has_any(&[Can, Inside, Looks]);
    let is_done_by = [Version, Update].into_iter().any(|who| s.begins(who) && s.follows(who, Renamed, 2))
        && s.has_any(&[Thing, Product, Code, Data, Disk]);
    if s.has(Looks) && !s.has(Code) {
        return false;
    }
    is_told
        || is_done_by
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

/// One for another.
pub(super) fn is_swapped(s: &Sentence) -> bool {
    let said = (s.has(Swapped) && s.has(Product) && s.is_about(Product))
        || (s.has(Swapped) && (s.count(Product) >= 2 || s.count(Code) >= 2))
        || (s.has(Instead) && (s.count(Product) >= 2 || s.has(Unit)) && !s.has(Works));
    said && !s.has_any(&[Can, Inside])
}

/// «Scripts that parse it have to be adapted»: what others have built on it fails.
pub(super) fn hits_who_relies(s: &Sentence) -> bool {
    let hit = s.has_any(&[NoLonger, Refused, Rejected, Dies, Adapt, Else, Fails, Cannot])
        || s.follows(Relies, Must, 12)
        || s.follows(Relies, Required, 12);
    s.has(Relies) && hit && !s.has_any(&[Can, Fixed, Optional, Failed, Standing, Still, Advised, Not])
}
