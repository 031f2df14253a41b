use tokio::sync::mpsc;

use super::*;

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
