//! What has another value, or another form, than before.

use super::gone::INTERFACE;
use super::role::Role::{
    self, Added, Also, AppUser, Arrow, Better, Burden, ByDefault, Can, Cannot, Changed, Clause, Code, Condition,
    Contract, Data, Default, Deprecated, Did, Do, Failed, Fixed, Format, Formerly, FromNowOn, FromTo, Gains, Good,
    Habit, Hitherto, Image, Inside, Instead, Is, IsNow, Less, Looks, Maker, Minimum, Mishap, New, NoLonger, Not, Now,
    Number, Off, OffByDefault, Optional, Other, Peer, Product, Required, Resource, Runs, Shown, Still, Stored, Swapped,
    Thing, Unit, Unless, Version, Was, Works,
};
use super::section::Context;
use super::sentence::Sentence;

const VALUES: [Role; 3] = [Code, Number, Version];

/// A default, a port, a path, a user: something is another than before.
pub(super) fn has_another_value(s: &Sentence) -> bool {
    has_other_default(s) || is_told_by_contrast(s) || (!s.has(Can) && is_other_now(s))
}

fn has_other_default(s: &Sentence) -> bool {
    let is_beside = |role: Role| s.in_one_clause(Default, role) || s.all(Default).any(|at| at < s.lead);
    let was_aside = s.all(Was).any(|at| at > 0 && s.all(Clause).any(|clause| clause == at));
    let is_other = s.has_any(&[Now, FromNowOn, Instead, NoLonger, Formerly])
        || (s.has(Was) && (is_beside(Was) || was_aside))
        || (s.has(Changed) && is_beside(Changed))
        || s.follows(New, Default, 1);
    let is_so_made = s.has(ByDefault)
        && [Maker, Do, Required].into_iter().any(|verb| s.begins(verb))
        && !s.has_any(&[Looks, Resource]);
    let is_made = (is_so_made || s.begins(Maker) && s.has_any(&[Thing, Code, Product, Number])) && !s.has(Inside);
    let is_changeable = s.in_one_clause(Default, Can) && s.in_one_clause(Can, Changed) && !s.has(NoLonger);
    let may_be = s.follows(Can, Default, 4) || s.follows(Can, Changed, 2) || is_changeable || s.is_offered(Default);
    // «(default: unlimited)» tells of something new.
    let is_aside = s.begins_clause(Default)
        && !s.begins(Default)
        && !was_aside
        && ![Was, Formerly, Now, FromNowOn, Instead].into_iter().any(is_beside);
    let is_set = s.follows(Default, Is, 4) && VALUES.into_iter().any(|value| s.follows(Is, value, 1));
    let is_so = s.follows(Is, Default, 4) && !s.has_any(&[New, Added, OffByDefault]);
    (s.has_any(&[OffByDefault, Default]) && (is_other || is_made) && !may_be && !is_aside)
        || ((is_set || is_so) && !s.has(Can))
}

/// «Config: TOML instead of INI», «where it used to be RSS», «(was 60)».
fn is_told_by_contrast(s: &Sentence) -> bool {
    let is_label = s.lead > 0 && s.all(Thing).any(|at| at < s.lead);
    let is_one_for_other = s.has(Instead)
        && is_label
        && s.length <= 8
        && !is_amount(s)
        && !s.has_any(&[Resource, Better, Looks, Can, Did]);
    let was_so = s.has(Hitherto) && s.has_any(&[Thing, Code, Peer, AppUser]) && !s.has_any(&[Can, Fixed, Not]);
    let is_of_value = s.has_any(&[Minimum, Default]) && s.has_any(&VALUES);
    is_one_for_other || was_so || (s.begins_clause(Was) && is_of_value)
}

fn is_other_now(s: &Sentence) -> bool {
    let of_interface = s.has_any(&[Thing, Code]);
    let replaces = !is_amount(s)
        && s.has(Instead)
        && !s.has(Resource)
        && (s.has(Code)
            || (s.count(Number) >= 2 && s.has_any(&[Thing, Product, Default, Unit]))
            || (s.has_any(&[Thing, Number]) && s.has(Now)));
    let is_aside = s.all(Formerly).any(|at| at > 0 && s.all(Clause).any(|clause| clause == at));
    let was_other = is_aside && s.has_any(&VALUES) && s.has_any(&INTERFACE);
    let has_value = VALUES.into_iter().any(|value| s.follows(IsNow, value, 2)) && s.has_any(&[Thing, Contract]);
    let is_value = VALUES.into_iter().any(|value| s.follows(Is, value, 2))
        && s.has(Now)
        && (s.has(Thing) || s.follows(Is, Code, 2));
    let is_near = s.follows(Instead, Number, 2) || s.follows(Number, Instead, 3);
    let goes_to = s.has(Thing) && !s.has(Resource) && (is_near || s.has_all(&[Arrow, Number]));
    let is_told_of_two = s.has_all(&[FromNowOn, Instead]) && s.count(Number) >= 2;
    let since_now = of_interface && (s.has(FromNowOn) || s.has_all(&[Was, Now]));
    // «Switched from Moment to Luxon»: what the makers use.
    let is_of_makers = s.begins(Swapped) && !s.has_any(&INTERFACE) && !s.has_any(&[Number, Unit, Contract, Default]);
    let from_to = s.has(FromTo) && !is_of_makers && !s.has_any(&[Fixed, Looks, Inside, Resource, Better, Less]);
    from_to
        || was_other
        || has_value
        || is_value
        || replaces
        || goes_to
        || since_now
        || is_told_of_two
        || (s.has(Was) && s.count(Code) >= 2)
}

/// «needs four requests instead of nineteen»: how much it takes.
pub(super) fn is_amount(s: &Sentence) -> bool {
    s.follows(Required, Instead, 5) && !s.has_any(&[Product, Code, FromNowOn])
}

/// «`timeout` is in seconds»: how something is that others rely on, said as news.
pub(super) fn states(s: &Sentence) -> bool {
    let is_first = |role: Role| s.all(role).any(|at| at >= s.lead && at - s.lead <= 2);
    let values = [Code, Number, Unit];
    let is_value =
        (s.follows(Thing, Is, 4) && is_first(Thing) && values.into_iter().any(|value| s.follows(Is, value, 2)))
            || (s.follows(Code, Is, 1)
                && is_first(Code)
                && [Code, Number, Unit, Off].into_iter().any(|value| s.follows(Is, value, 3)));
    let against = [
        Can, Good, Better, Also, Added, Fixed, Optional, Gains, Looks, Inside, Still, Condition, Less, Failed, Habit,
        Shown, Deprecated, NoLonger, Not, Works, Resource,
    ];
    let has_default = s.follows(Code, Default, 1) && s.is_about(Code);
    (is_value || has_default) && !s.has_any(&against) && !s.begins(Image)
}

/// What is another even where it is told among repairs: a default with its value, or the unit of what is named.
pub(super) fn says_other_value(s: &Sentence) -> bool {
    let value = |from: Role, most: u16| VALUES.into_iter().any(|value| s.follows(from, value, most));
    let of_default = s.follows(Default, Instead, 5) && value(Instead, 2);
    let is_pair = s.follows(Unit, Instead, 2) && s.follows(Instead, Unit, 3);
    let of_unit = (s.is_about(Code) || s.is_about(Thing)) && is_pair && !s.begins(Fixed);
    (of_default || of_unit) && !s.has_any(&[Failed, Fixed, Was, Did, Can, Shown, Looks, Better, Inside])
}

/// What others are written against is another.
pub(super) fn changes_contract(s: &Sentence) -> bool {
    let is_end = |at: u16| at + 1 >= s.length || s.all(Clause).any(|clause| clause == at + 1);
    let is_changed =
        |at: u16| [Thing, Code].iter().any(|what| s.all(*what).any(|one| one < at && at - one <= 2)) && is_end(at);
    let another =
        s.follows(Other, Contract, 2) || s.follows(New, Contract, 1) && s.has(Thing) && !s.has_any(&[Works, Added]);
    // «The payload has a new structure»
    let is_reshaped = s.follows(New, Format, 1)
        && !s.is_early(Added)
        && [Thing, Contract, Stored, Data].into_iter().any(|what| s.is_about(what))
        && !s.has_any(&[Looks, Works, Code, Also, Optional]);
    let said = s.follows(Contract, Other, 8)
        || another
        || is_reshaped
        || s.all(Changed).any(is_changed)
        || s.follows(Contract, Changed, 5)
        || s.follows(Changed, Contract, 3);
    said && !s.has_any(&[Can, Condition, Inside]) && !s.follows(Not, Changed, 3)
}

/// It is there no more unless somebody asks for it.
pub(super) fn is_closed(s: &Sentence) -> bool {
    let is_now_off = s.begins(Off) && s.follows(Off, Code, 1);
    (is_now_off || !s.has_any(&[Can, Added]))
        && s.has(Off)
        && s.has_any(&[Product, Thing, Code])
        && (is_now_off || s.has(Unless) || (s.has(Product) && s.has_any(&[Version, Number])))
}

/// «`/config` is disabled now unless `admin-config` is set»: that is no repair, wherever it is told.
pub(super) fn is_closed_now(s: &Sentence) -> bool {
    s.has_all(&[Off, Now, Unless, Code]) && s.has(Is) && !s.has_any(&[Can, Added, Fixed, Looks, Inside, Still])
}

/// The process runs as somebody else, or listens elsewhere.
pub(super) fn runs_otherwise(s: &Sentence, context: &Context) -> bool {
    let is_other = s.begins(Maker) || s.begins(Runs) || s.has_any(&[Default, Now, Not, Instead, FromNowOn, Number]);
    s.has(Runs) && ((context.changed && s.has_any(&INTERFACE)) || (is_other && !s.has_any(&[Can, Also])))
}

/// «Before, one was enough»: what the sentence before it says was otherwise, and not only worse.
pub(super) fn was_otherwise(s: &Sentence) -> bool {
    let is_aside = s.all(Clause).any(|clause| clause == s.lead + 1);
    s.begins(Formerly)
        && is_aside
        && s.count(Formerly) >= 2
        && !s.has_any(&[Failed, Cannot, Did, Burden, Mishap, Looks, Version])
}
