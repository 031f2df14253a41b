//! What people are asked to do besides taking the image.

use super::gone::{INTERFACE, is_relief};
use super::role::Role::{
    Adapt, Advised, AppUser, Asked, AtStart, Before, Can, Cannot, Casual, Clause, Code, Condition, Do, Done, Downtime,
    Dump, Else, Every, Except, First, Fixed, From, Inside, Is, Jump, Lockstep, Maker, Migration, Minimum, Must,
    NoLonger, Not, Nothing, Now, Older, Once, Optional, Peer, Please, Remove, Required, Rolling, Should, Standing,
    Steps, ToYours, Update, Updating, Version, Workaround, You, Yours,
};
use super::section::Context;
use super::sentence::Sentence;

/// What must be done besides taking the image.
pub(super) fn asks(s: &Sentence, context: &Context, is_loud: bool, breaking: bool) -> bool {
    // The title of a change tells what its makers did.
    let is_told = context.of_change && !context.steps && !s.has_any(&[Please, You, Yours, Updating, Must]);
    let does = (!is_told && s.begins_clause_without(Do, Standing)) || (context.steps && s.begins(Maker));
    let is_demand = s.has(Asked) && s.follows(You, Must, 3);
    let is_standing = s.has_any(&[Standing, Casual]) && !does && !s.has(Code) && !is_demand;
    let is_of_peers = context.steps && s.begins(Casual) && s.follows(Casual, Every, 1) && s.follows(Every, Peer, 1);
    if is_of_peers {
        return true;
    }
    if is_standing || s.has(Advised) || (s.begins(Nothing) && !s.has(Except)) {
        return false;
    }
    let asked = does || s.has(Asked) || is_begged(s);
    let is_free = s.has_any(&[Can, Optional, Condition]);
    let is_yours = s.begins_clause(Do) && s.has(ToYours) && !is_free;
    let is_else_lost =
        s.begins_clause(Do) && s.has_all(&[Yours, Code]) && s.has_any(&[NoLonger, Not, Cannot]) && !is_free;
    is_else_lost
        || (asked && (is_pressing(s, does) || context.steps))
        || is_yours
        || (context.steps && s.has(Please))
        || begs_for_yours(s)
        || (s.has(Except) && does && s.has(Code))
        || (s.has_all(&[Done, Code, Else]) && s.has_any(&[Once, Updating]))
        || (s.begins_clause(Adapt) && s.has(Yours) && (breaking || context.breaking))
        || you_must(s)
        || (is_loud && (must_be_done(s, context) || orders(s, context, does) || stops(s) || dumps(s, context)))
}

/// The verb that «please» governs is what is to be done.
fn is_begged(s: &Sentence) -> bool {
    let tells = [Standing, Casual].into_iter().any(|verb| s.follows(Please, verb, 1));
    s.has(Please) && (s.follows(Please, Do, 2) || (s.has(Done) && !tells))
}

/// «Please update your proxy»: that is heard even among what is new or repaired.
fn begs_for_yours(s: &Sentence) -> bool {
    let is_begged = s.follows(Please, Adapt, 2) || (s.follows(Please, Do, 2) && s.has(Yours));
    is_begged && !s.has_any(&[Can, Condition, Optional, Workaround, Standing, Casual])
}

/// The reader must do it: that is heard even among what is new or repaired.
fn you_must(s: &Sentence) -> bool {
    let what = s.has(Code) || (s.has(Do) && s.has(Updating));
    s.follows(You, Must, 3) && what && !s.has_any(&[Can, Condition, Fixed, Optional, NoLonger, Not])
}

/// At a certain time, or else.
fn is_pressing(s: &Sentence, does: bool) -> bool {
    let is_end = |at: u16| at + 1 >= s.length || s.all(Clause).any(|clause| clause == at + 1);
    s.has_any(&[Updating, Else])
        || (does && s.all(First).any(is_end))
        || (s.has(First) && s.has_any(&[Version, Code]))
        || s.has_all(&[Once, Code])
}

/// It is said that it has to be.
fn must_be_done(s: &Sentence, context: &Context) -> bool {
    // «`APP` should be updated to `app:create()`»
    let is_named_anew = s.is_about(Code) && s.follows(Code, Should, 1) && s.count(Code) >= 2;
    let should = s.follows(Should, Done, 4) && (context.steps || s.has(Updating) || is_named_anew);
    let must = should || s.follows(Must, Done, 9) || s.follows(Must, Do, 6) || s.follows(Done, Must, 4);
    // «The owner must confirm it»: how it is worked with.
    let is_of_everybody = !s.is_about(AppUser) || s.has_any(&[Every, Code, Updating]);
    let is_timed = s.has_all(&[Updating, Must]) && !s.denies;
    let is_named = s.has(Asked)
        && (s.has_any(&[Must, Please, Yours])
            || s.follows(Asked, Done, 3)
            || (s.begins_clause(Asked) && s.follows(Asked, Do, 2)));
    let intervenes = s.has(Steps) && !s.has(Inside) && s.has_any(&[Asked, Required, Must]);
    let together = s.has_all(&[Lockstep, Must, Peer]);
    let is_short = s.follows(Do, Required, 1) && s.ends(Required);
    let is_waived = is_relief(s) && !s.has_any(&[You, Please]);
    (!s.has(Can) && !is_waived && ((must && is_of_everybody) || is_timed || is_named))
        || intervenes
        || together
        || is_short
}

/// The reader is told to do it.
fn orders(s: &Sentence, context: &Context, does: bool) -> bool {
    let is_after = context.follows && s.begins(Do) && (s.follows(Do, Code, 2) || s.follows(Do, Every, 1));
    let is_order = (does && s.has_any(&[Asked, Please])) || is_after;
    (is_order && !s.has_any(&[Can, Optional, Condition])) || follows_use(s)
}

/// The service is down for it, or older versions have to be left behind first.
fn stops(s: &Sentence) -> bool {
    let is_down = s.has(Downtime) && s.has_any(&[Update, Updating, AtStart, Migration]) && !s.has_any(&[Not, Can]);
    let only_from =
        s.follows(Cannot, Do, 2) && s.has(Cannot) && s.follows(From, Version, 1) && s.has_all(&[You, Minimum]);
    let not_rolling = s.has(Rolling) && s.has_any(&[Cannot, Not, NoLonger]);
    let not_from = s.follows(Update, Cannot, 9) && s.has_any(&[Before, Older]) && !s.has(NoLonger);
    only_from || is_down || not_rolling || not_from || s.has_all(&[Jump, Cannot, Version])
}

fn dumps(s: &Sentence, context: &Context) -> bool {
    s.has(Dump)
        && (context.steps
            || context.breaking
            || s.has_any(&[Required, Must, Updating, Update, Version, Asked, Now, Is]))
}

/// «If you scrape it, use port 9100»: whoever uses it has to do something.
fn follows_use(s: &Sentence) -> bool {
    let is_use = s.follows(Condition, You, 2) && s.begins_clause(Condition);
    let is_later_clause = |at: u16| at > 2 && s.all(Clause).any(|clause| clause == at);
    let does = [Do, Maker, Remove].into_iter().any(|role| s.all(role).any(is_later_clause));
    is_use && does && s.has_any(&INTERFACE) && !s.has_any(&[Optional, Casual, Advised, Can, Workaround])
}
