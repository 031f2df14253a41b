//! What people are asked to do besides taking the image.

use super::gone::INTERFACE;
use super::role::Role::{
    Adapt, Advised, AppUser, Asked, AtStart, Before, Can, Cannot, Casual, Clause, Code, Condition, Do, Done, Downtime,
    Dump, Else, Every, Except, First, Is, Jump, Lockstep, Maker, Migration, Must, NoLonger, Not, Nothing, Now, Older,
    Once, Optional, Peer, Please, Remove, Required, Rolling, Should, Standing, Steps, ToYours, Update, Updating,
    Version, Workaround, You, Yours,
};
use super::section::Context;
use super::sentence::Sentence;

/// What must be done besides taking the image.
pub(super) fn asks(s: &Sentence, context: &Context, is_loud: bool, breaking: bool) -> bool {
    let does = s.begins_clause_without(Do, Standing);
    let does = does || (context.steps && s.begins(Maker));
    let asked = does || s.has(Asked) || (s.has(Please) && s.has_any(&[Done, Do]));
    let is_standing = s.has_any(&[Standing, Casual]) && !does && !s.has(Code);
    if is_standing || s.has(Advised) || (s.begins(Nothing) && !s.has(Except)) {
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
    // «The owner must confirm it»: how it is worked with.
    let is_of_everybody = !s.is_about(AppUser) || s.has_any(&[Every, Code, Updating]);
    let intervenes = s.has(Steps) && s.has_any(&[Asked, Required, Must]);
    let is_yours = s.begins_clause(Do) && s.has(ToYours) && !s.has_any(&[Can, Optional, Condition]);
    (asked && is_pressing)
        || is_yours
        || (s.has(Lockstep) && s.has(Must) && s.has(Peer) && is_loud)
        || (s.follows(Do, Required, 1) && s.ends(Required) && is_loud)
        || (s.has(Asked) && does && is_loud && !s.has_any(&[Can, Optional, Condition]))
        || (context.follows
            && s.begins(Do)
            && (s.follows(Do, Code, 2) || s.follows(Do, Every, 1))
            && is_loud
            && !s.has_any(&[Can, Optional, Condition]))
        || (follows_use(s) && is_loud)
        || (s.has(Downtime) && s.has_any(&[Update, Updating, AtStart, Migration]) && is_loud && !s.has_any(&[Not, Can]))
        || (s.has(Jump) && s.has(Cannot) && s.has(Version) && is_loud)
        || (s.has(Please) && does && is_loud && !s.has_any(&[Can, Condition, Optional]))
        || (s.has(Updating) && s.has(Must) && is_loud && !s.has(Can) && !s.denies)
        || (s.has(Asked) && (s.has_any(&[Must, Please, Yours]) || s.follows(Asked, Done, 3)) && !s.has(Can) && is_loud)
        || (must && is_loud && !s.has(Can) && is_of_everybody)
        || (context.steps && asked)
        || (s.has_all(&[Done, Code, Else]) && s.has_any(&[Once, Updating]))
        || (s.has(Except) && does && s.has(Code))
        || (s.has(Rolling) && s.has_any(&[Cannot, Not, NoLonger]) && is_loud)
        || (s.follows(Update, Cannot, 9) && s.has_any(&[Before, Older]) && !s.has(NoLonger) && is_loud)
        || (context.steps && s.has(Please))
        || (intervenes && is_loud)
        || (s.begins_clause(Adapt) && s.has(Yours) && (breaking || context.breaking))
        || (dumps(s, context) && is_loud)
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
