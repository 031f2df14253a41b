use tokio::sync::mpsc;

use super::*;
use crate::domain::refusal::Refusal;

/// Stores presses where the test sees them.
pub(super) fn stored() -> (Keep, mpsc::UnboundedReceiver<Pressed>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let keep: Keep = Arc::new(move |pressed| {
        let sent = sender.send(pressed).map_err(|_| QueueError::Closed);
        Box::pin(async move { sent })
    });
    (keep, receiver)
}

#[test]
fn what_is_said_of_a_press_is_in_the_channels_language() {
    let by = Actor::Telegram("7".into());
    let said = |answer: &Answer, language| saying(answer, by.clone(), (language, Tz::UTC));
    let Saying::Aside(english) = said(&Answer::Unknown, Language::English) else { panic!("to whoever pressed") };
    let Saying::Aside(french) = said(&Answer::Unread, Language::French) else { panic!("to whoever pressed") };
    assert!(english.starts_with("This button is not known here"), "{english}");
    assert!(french.contains("réessayez"), "{french}");
}

#[test]
fn whoever_approves_what_waits_is_told_so() {
    use crate::domain::rollout::Waits;
    let applied = crate::approvals::snapshots::applied(crate::domain::history::Outcome::RollingOut);
    let answer = Answer::Approved(Box::new(Applied { rollout: Some(Stands::Waits(Waits::Paused)), ..*applied }));
    let Saying::Settled(text, _) = saying(&answer, Actor::Telegram("7".into()), (Language::English, Tz::UTC)) else {
        panic!("to all")
    };
    assert!(
        text.starts_with("Approved 19 Nov 2026") && text.ends_with("(its rollout waits: rollouts are paused)"),
        "{text}"
    );
}

/// Fault r25d-11: the page behind the link does not know it.
#[test]
fn whoever_is_refused_is_told_why() {
    let refused = |answer: &Answer, language| match saying(answer, Actor::Telegram("7".into()), (language, Tz::UTC)) {
        Saying::Aside(text) => text,
        other => panic!("to whoever pressed: {other:?}"),
    };
    let asked = crate::approvals::snapshots::asked();
    let closed = Refusal::OutsideWindow("2026-11-30T02:00:00Z".parse().unwrap());
    for answer in [
        Answer::Refused(asked.clone(), closed),
        Answer::Refused(asked.clone(), Refusal::Withdrawn),
        Answer::NotWritten(asked, "image is not signed".into()),
    ] {
        let said = [Language::English, Language::French].map(|language| refused(&answer, language));
        let to = |language| Reader::person(language, Tz::UTC);
        let page =
            [Language::English, Language::French].map(|language| to(language).words().message(&answer, to(language)));
        assert_eq!(said, page, "what the page says to who presses there");
    }
}
