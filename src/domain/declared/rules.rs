//! What a sentence declares: a small grammar over the roles of its words.

use super::asks::asks;
use super::demands::{is_refused, is_required, is_restricted};
use super::gone::{costs_now, hits_who_relies, is_lost, is_relief, is_removed, is_renamed, is_swapped};
use super::leaning::leans;
use super::migrates::{migrates, moves_by_hand};
use super::role::Role::{
    self, Added, Before, Better, Builders, Burden, ByDefault, Cannot, Changed, Code, Condition, Default, Deprecated,
    Did, Disk, Do, Docs, Elsewhere, Except, Failed, Fixed, Format, Formerly, From, FromNowOn, Gains, Gone, Guard,
    Incompatible, Inside, Instead, Is, Minimum, Must, New, NewMigration, NewOnly, NoLonger, Nobody, Not, Now, Number,
    OffByDefault, Often, Once, Only, Optional, Other, Planned, Product, Remove, Removed, Renamed, Required, Shown,
    Still, Thing, Tool, Unless, Until, Update, Updating, Version, Was, Will, Workaround, Works, Yours,
};
use super::section::{Context, Quiet};
use super::sentence::Sentence;
use super::values::{
    changes_contract, has_another_value, is_closed, is_closed_now, runs_otherwise, says_other_value, states,
};
use super::{Because, Kinds};

/// What a sentence declares for those who run the image, within what is said around it, and what it is taken for that by.
pub(super) fn declared(sentence: &Sentence, context: &Context, before: Kinds) -> (Kinds, Option<Because>) {
    let quiet = quiet(sentence, context);
    if quiet >= Quiet::Silent {
        return (Kinds::default(), None);
    }
    let is_loud = quiet == Quiet::No;
    let breaks = breaks(sentence, context, quiet);
    let breaking = breaks.is_some();
    let moves_by_hand = moves_by_hand(sentence);
    let manual = asks(sentence, context, is_loud, breaking || before.breaking) || (moves_by_hand && is_loud);
    let migration = migrates(sentence, quiet_of_data(sentence, context, quiet), context) || (manual && moves_by_hand);
    let because = breaks.or(migration.then_some(Because::Data)).or(manual.then_some(Because::Asked));
    (Kinds { breaking, manual, migration, unread: false }, because)
}

/// A claim that a sentence may make: what it is, whether it may be made there, and when it is.
type Claim = (Because, bool, fn(&Sentence, &Context) -> bool);

/// What a sentence declares that breaks something: the first claim that holds, or many signs together.
fn breaks(sentence: &Sentence, context: &Context, quiet: Quiet) -> Option<Because> {
    let is_heard = quiet <= Quiet::New || context.removed;
    let is_told = is_heard && !sentence.has(Still) && !is_relief(sentence);
    let is_taken = is_told || (context.deprecated && is_completed(sentence));
    let claims: [Claim; 19] = [
        (Because::CalledSo, is_heard, |s, _| s.has(Incompatible)),
        (Because::CalledSo, quiet <= Quiet::New && context.marked, |s, _| {
            !s.denies && !s.has_any(&[Still, Not]) || s.has_any(&[NoLonger, Cannot, Works, Shown])
        }),
        (Because::Removed, is_told && context.removed, |s, _| !s.has_any(&[Inside, Burden]) && !s.denies),
        (Because::Removed, is_taken, |s, _| is_removed(s)),
        (Because::Lost, is_told, is_lost),
        (Because::Closed, quiet == Quiet::No, |s, _| costs_now(s)),
        (Because::Renamed, is_told, |s, c| is_renamed(s) && is_no_news(s, c, &[Now, FromNowOn])),
        (Because::Value, is_told && !sentence.has(Inside), |s, c| {
            has_another_value(s) && is_no_news(s, c, &[Thing, Code, Product, Number, ByDefault])
        }),
        (Because::Required, is_told, |s, _| is_required(s)),
        (Because::Refused, is_told, |s, _| is_refused(s)),
        (Because::Closed, is_told, |s, _| is_closed(s)),
        (Because::Restricted, is_told, |s, c| is_restricted(s) && is_no_news(s, c, &[NoLonger])),
        (Because::Replaced, is_told, |s, _| is_swapped(s)),
        (Because::Contract, is_told, |s, _| changes_contract(s)),
        (Because::Process, is_told, runs_otherwise),
        (Because::Reliance, quiet <= Quiet::Mostly && !is_relief(sentence), |s, _| hits_who_relies(s)),
        (Because::Value, quiet == Quiet::No, |s, _| states(s)),
        (Because::Value, quiet <= Quiet::Mostly && !is_relief(sentence), |s, _| says_other_value(s)),
        (Because::Closed, quiet <= Quiet::Mostly, |s, _| is_closed_now(s)),
    ];
    let found = claims.into_iter().find(|(_, may_be, holds)| *may_be && holds(sentence, context));
    found.map(|(because, ..)| because).or_else(|| leans(sentence, context, quiet).then_some(Because::ManySigns))
}

/// Whether it is gone already, where others are only to go.
fn is_completed(s: &Sentence) -> bool {
    let is_done = s.has(Gone) || s.begins(Removed) || s.follows(Is, Removed, 2);
    // A version that is named is mostly the one that it goes with.
    is_done && !s.has_any(&[Version, Will, Planned, Until, Optional, Still, Condition]) && !is_relief(s)
}

/// Whether it is about what was there before, even where new things are told of.
fn is_no_news(s: &Sentence, context: &Context, signs: &[Role]) -> bool {
    context.quiet != Quiet::New || s.has_any(signs) || (signs.contains(&Now) && s.count(Code) >= 2)
}

/// How much of a sentence is about something else than this update.
pub(super) fn quiet(sentence: &Sentence, context: &Context) -> Quiet {
    let is_removal = sentence.has(Removed) || sentence.begins(Remove);
    let is_command = sentence.begins_clause(Do) && sentence.has(Code) && sentence.has_any(&[Once, Updating]);
    // Who is only named along the way is not whom it is for.
    let is_for_others = sentence.all(Elsewhere).any(|at| at <= sentence.lead + 5);
    let is_elsewhere = is_for_others
        || sentence.has_any(&[Builders, NewOnly, Planned, Often, Workaround])
        || (sentence.has(Nobody) && !sentence.has(Except) && !is_command);
    let is_new = sentence.has_any(&[Now, FromNowOn, Was, NoLonger]);
    let is_gain = (sentence.follows(Now, Gains, 2) || sentence.follows(Now, Shown, 3))
        && !sentence
            .has_any(&[Only, Instead, Unless, NoLonger, Required, Must, FromNowOn, Was, Formerly, Removed, Other]);
    // «those who come from an older release» have no choice.
    let is_of_older = sentence.has_all(&[Update, From]);
    let is_taken = is_removal && sentence.has(Code);
    let is_called_so = sentence.has(Incompatible) && !sentence.denies_breaking;
    let is_optional =
        (sentence.has(Optional) && !is_called_so && !sentence.has(FromNowOn) && !is_taken && !is_of_older)
            || (sentence.has(OffByDefault) && !is_new);
    if is_elsewhere || is_optional || (sentence.has(Deprecated) && !is_removal && !context.removed) {
        return Quiet::Silent;
    }
    let guards = sentence.begins(Guard) && !sentence.has_any(&[Updating, Yours, NoLonger]);
    let was_instead = (sentence.follows(Was, Instead, 3) || sentence.follows(Did, Instead, 3))
        && !sentence.has_any(&[Changed, Renamed, Removed, Default, Before]);
    let is_past = sentence.has(Did) && !sentence.has_any(&[Was, Is, Changed, Removed, Renamed]);
    let is_told = (sentence.has(Failed) || was_instead || is_past) && !sentence.has_any(&[Now, FromNowOn, NoLonger]);
    // «New default», «new format on the disk»: something else was there.
    let is_of_old =
        [Default, Minimum].into_iter().any(|what| sentence.follows(New, what, 1)) || sentence.has_all(&[Format, Disk]);
    let is_better = sentence.has(Better) && !sentence.has_any(&[Was, Formerly, FromNowOn, NoLonger, Renamed]);
    if sentence.has(Fixed)
        || is_better
        || is_told
        || guards
        || (sentence.is_early(Added) && !is_of_old)
        || sentence.is_early(Docs)
        || sentence.has(Tool)
    {
        return context.quiet.max(Quiet::Mostly);
    }
    if is_gain { context.quiet.max(Quiet::New) } else { context.quiet }
}

/// A migration that is what is new is no less one as it stands among what is.
fn quiet_of_data(s: &Sentence, context: &Context, quiet: Quiet) -> Quiet {
    if s.has(NewMigration) && quiet == Quiet::Mostly { context.quiet.max(Quiet::New) } else { quiet }
}

/// Whether it concerns others than those who run the image.
pub(super) fn is_of_others(s: &Sentence) -> bool {
    s.has_any(&[Builders, Elsewhere, NewOnly, Nobody])
}
