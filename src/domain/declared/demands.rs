//! What is demanded, refused or restricted.

use super::gone::INTERFACE;
use super::role::Role::{
    Added, Can, Code, Condition, Do, Else, Enforced, Every, Existing, Fails, FromNowOn, Gains, Inside, Is, Less,
    Limited, Looks, Maker, Minimum, Must, NoLonger, Not, Now, Number, Off, Only, Optional, Peer, Product, Refused,
    Rejected, Required, Shown, Strict, Thing, Unless, Version, Was, Without, Works,
};
use super::sentence::Sentence;
use super::values::is_amount;

pub(super) fn is_required(s: &Sentence) -> bool {
    let is_new = s.has_any(&[Now, FromNowOn]);
    let has_version = s.has_any(&[Version, Number]);
    let of_product = s.has(Product) && (is_new || (has_version && s.has_any(&[Minimum, Required])));
    let is_said_of = (s.follows(Product, Required, 2) || s.follows(Code, Required, 2))
        && s.has(Is)
        && !s.has_any(&[Can, Less, Condition]);
    let is_guarded = s.follows(Code, Required, 2) && !s.has_any(&[Can, Condition, Less]);
    let made = is_guarded || s.begins(Maker) && s.has(Required) && s.has_any(&[Thing, Code]);
    let is_fit = s.follows(Gains, Minimum, 12) && !s.has_any(&[Now, FromNowOn, Required, Only]);
    let minimum = s.has(Minimum) && s.has(Product) && has_version && !s.has(Less) && !is_fit;
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
        || (s.begins(Required)
            && s.has_in_body(&[Product, Code, Version, Thing])
            && !s.has_any(&[Can, Less, Inside, Looks, Optional]))
        || (s.ends(Now)
            && s.has(Required)
            && s.length <= 8
            && !s.has_any(&[Can, Less, Inside, Condition, Not, Gains, Looks]))
        || (s.follows(Now, Required, 3) && !is_amount(s) && !s.has_any(&[Can, Less, Inside, Condition]))
}

pub(super) fn is_refused(s: &Sentence) -> bool {
    let is_new = s.has_any(&[Now, FromNowOn, Was, Code, Existing, Peer])
        || (s.has(Strict) && s.has(Thing))
        || (s.has(Product) && s.count(Product) >= 2);
    let is_closed = s.has(Unless) && s.has_any(&INTERFACE) && !s.has_any(&[Can, Added, Condition]);
    let is_refused = is_closed
        || (s.has(Unless) && s.has_any(&[Rejected, Refused, Off]) && !s.has(Can))
        || s.has(Refused) && !s.has_any(&[Can, Condition, Else]);
    let is_told = s.follows(Is, Limited, 1) && s.has_any(&INTERFACE);
    let is_limited = s.has(Limited) && (is_told || s.has_any(&[Number, Unless, Now, Code])) && !s.has(Can);
    let fails = s.has(Fails) && s.has_any(&[Now, FromNowOn, Existing, Strict]) && !s.has_any(&[Can, Condition, Else]);
    is_refused
        || fails
        || ((s.follows(Without, Rejected, 5) || s.follows(Rejected, Without, 4)) && !s.has_any(&[Can, Condition, Else]))
        || (s.follows(Rejected, Not, 3) && !s.has_any(&[Can, Condition, Else]))
        || is_limited
        || s.has(Rejected) && !s.has(Can) && !s.follows(Else, Rejected, 8) && is_new
        || (s.has(FromNowOn) && s.has(Must))
}

/// It must be so from now on, or only so.
pub(super) fn is_restricted(s: &Sentence) -> bool {
    // «no longer visible to all members, only to those who made them»
    if s.follows(NoLonger, Every, 8) && s.has(Only) && !s.has_any(&[Inside, Can, Condition]) {
        return true;
    }
    let is_order = s.begins(Only) && [Maker, Do].into_iter().any(|verb| s.follows(Only, verb, 1));
    let is_only = !is_order && (s.follows(Only, Works, 2) || s.follows(Works, Only, 2));
    let is_of_code = s.all(Code).any(|code| s.all(Must).any(|must| must == code + 1));
    let is_strict = s.has(Strict) && s.has(Is) && s.has_any(&INTERFACE);
    let is_for_some = s.begins(Only) && s.follows(Only, Can, 4);
    let is_alone = s.has(Only) && s.has(Product) && s.length <= 3;
    let is_all_there_is = s.ends(Only) && (s.is_about(Thing) || s.is_about(Code)) && !s.has_any(&[Can, Looks, Shown]);
    if (is_for_some || is_alone || is_all_there_is) && !s.has(Inside) {
        return true;
    }
    let said = is_strict || s.has(Enforced) || (is_only && s.has_any(&INTERFACE)) || is_of_code;
    said && !s.has_any(&[Can, Condition, Inside])
}
