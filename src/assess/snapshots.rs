//! What people are told where nothing is decided: `image-watcher/error`, the Event, `check` and `doctor` say the same.

use super::*;
use crate::domain::gone::Lost;
use crate::domain::preflight::Flaw;
use crate::domain::refusal::Refusal;

#[test]
fn nothing_is_decided() {
    let tag = Tag::parse("1.3.0").unwrap();
    let reasons = [
        Undecided::List(Doubt::Empty),
        Undecided::List(Doubt::RunningMissing("1.2.3".into())),
        Undecided::List(Doubt::Shrunk { now: 3, before: 40 }),
        Undecided::Missing(vec!["1.4.0".into(), "1.3.0".into()]),
        Undecided::Unfit(vec![Unfit { tag: tag.clone(), digest: Digest::of(b"x"), flaw: Flaw::NoCommand }]),
        Undecided::Gone(Box::new(Gone { tag, digest: None, lost: Lost::Unknown, good: None })),
        Undecided::Untimed,
        Undecided::Unlisted,
    ];
    let said = reasons.map(|reason| format!("{}\n  {reason}\n", reason.word())).concat();
    insta::assert_snapshot!(said);
}

#[test]
fn an_answer_is_not_carried_out() {
    let said =
        [Unanswerable::Refused(Refusal::Excluded), Unanswerable::Moved].map(|reason| format!("{reason}\n")).concat();
    insta::assert_snapshot!(said);
}
