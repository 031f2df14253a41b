//! Messages: those that were given up, those that failed, those that wait, and those that arrived.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use minijinja::{Value, context};
use serde::Serialize;
use url::form_urlencoded;

use super::backend::{Handling, Letters};
use super::pages::value;
use super::row::{Shown, StateShown};
use super::words::{Moment, Words};
use crate::api::view::{AboutView, ClosedChannelView, DeliveryView};
use crate::domain::view::Attention;
use crate::listener::{Form, Problem};
use crate::message::{Untaken, untaken};

/// The states that are listed, in the order in which people look.
const STATES: [&str; 4] = ["dead", "retried", "waiting", "delivered"];
/// What is said of another.
const NO_STATE: &str = "state is dead, retried, waiting or delivered";
/// The longest cursor.
const LONGEST: usize = 64;

/// A message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(skip)]
    word: String,
    state: StateShown,
    id: String,
    channel: String,
    recipient: Option<String>,
    event: Option<String>,
    event_words: Option<String>,
    about: Option<String>,
    about_more: Option<String>,
    tries: u32,
    error: Option<Failure>,
    at: Moment,
    next: Option<Moment>,
    is_dead: bool,
}

/// What went wrong last.
#[derive(Serialize)]
struct Failure {
    words: String,
    theirs: Option<String>,
}

impl Failure {
    fn of(line: &str, words: &dyn Words) -> Self {
        let Untaken { words, theirs } = untaken(line, words.of_messages());
        Self { words, theirs }
    }
}

/// What an address asks for: a state, and where its page begins.
///
/// # Errors
/// 400, for a state that is none.
pub(super) fn asked(query: &str) -> Result<Letters, Problem> {
    let mut asked = Letters::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "state" if value.is_empty() => asked.state = None,
            "state" => {
                let state = STATES.into_iter().find(|state| *state == value);
                let state = state.ok_or(Problem::new(StatusCode::BAD_REQUEST, NO_STATE))?;
                asked.state = Some(state.to_owned());
            }
            "from" if value.len() <= LONGEST => asked.cursor = Some(value.into_owned()),
            _ => {}
        }
    }
    Ok(asked)
}

/// What a form asks for; nothing where it asks for none, or for several.
pub(super) fn handling(form: &Form) -> Option<Handling> {
    let of = |name| form.one(name).map(str::to_owned);
    match (of("retry"), of("discard"), of("retry-all")) {
        (Some(id), None, None) => Some(Handling::Retry(id)),
        (None, Some(id), None) => Some(Handling::Discard(id)),
        (None, None, Some(channel)) => Some(Handling::RetryAll(channel)),
        _ => None,
    }
}

fn message(letter: &DeliveryView, closed: &[ClosedChannelView], shown: Shown<'_>) -> Message {
    let Shown { words, now, .. } = shown;
    let shape = match letter.state.as_str() {
        "dead" => Attention::Failed,
        "retried" => Attention::CannotTell,
        "waiting" => Attention::Waiting,
        _ => Attention::UpToDate,
    };
    let next = letter.clone().beside(closed).next_attempt.map(|at| at.0);
    let more = letter.about.len().saturating_sub(1) + letter.more;
    let first = letter.about.first();
    let version = first.map(AboutView::step);
    Message {
        word: letter.state.clone(),
        state: StateShown::named(shape, words.sending(&letter.state)),
        id: letter.id.clone(),
        channel: letter.channel.clone(),
        recipient: letter.recipient.clone(),
        event: letter.event.clone(),
        event_words: words.event(letter).map(str::to_owned),
        about: first.map(|it| it.workload.clone()),
        about_more: if more > 0 { Some(words.more(more)) } else { version },
        tries: letter.attempts,
        error: letter.last_error.as_deref().map(|line| Failure::of(line, words)),
        at: Moment::of(letter.changed.0, now, words),
        next: next.filter(|_| letter.state != "dead").map(|at| Moment::of(at, now, words)),
        is_dead: letter.state == "dead",
    }
}

fn url(base: &str, state: Option<&str>, from: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(state.map(|state| ("state", state)));
    query.extend_pairs(from.map(|from| ("from", from)));
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{base}/deliveries{mark}{query}")
}

/// What the template is given: those that were given up first.
pub(super) fn values(
    (letters, next): (&[DeliveryView], Option<&str>),
    closed: &[ClosedChannelView],
    asked: &Letters,
    shown: Shown<'_>,
) -> Value {
    let Shown { words, base, now } = shown;
    let state = asked.state.as_deref();
    let messages: Vec<Message> = letters.iter().map(|letter| message(letter, closed, shown)).collect();
    let group = |of: &str| {
        let all: Vec<&Message> = messages.iter().filter(|it| it.word == of).collect();
        (!all.is_empty()).then(|| value(all))
    };
    // What failed and waits is tried at once, too.
    let is_sent_again = |it: &&DeliveryView| matches!(it.state.as_str(), "dead" | "retried");
    let channels: BTreeSet<&str> = letters.iter().filter(is_sent_again).map(|it| it.channel.as_str()).collect();
    let channels = channels.into_iter().map(|name| context! { name => name, word => words.retry_all(name) });
    let tab = |of: Option<&'static str>| {
        let word = of.map_or(words.labels().not_arrived(), |state| words.sending(state));
        context! { word => word, url => url(base, of, None), current => state == of }
    };
    context! {
        title => words.labels().deliveries(),
        arrived => state == Some("delivered"),
        tabs => std::iter::once(None).chain(STATES.map(Some)).map(tab).collect::<Vec<_>>(),
        groups => STATES.into_iter().filter_map(group).collect::<Vec<_>>(),
        channels => channels.collect::<Vec<_>>(),
        closed => closed.iter().map(|it| words.closed(it, now)).collect::<Vec<_>>(),
        next => next.map(|from| url(base, state, Some(from))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_is_not_told_as_the_way_forth() {
        let step = |event: &str| {
            let [workload, container, from, to] = ["shop/deploy/web", "web", "1.0.0", "1.0.1"].map(str::to_owned);
            AboutView { event: event.into(), workload, container, from, to }.step()
        };
        assert_eq!((step("update.failed"), step("update.available")), ("1.0.0 → 1.0.1".into(), "1.0.0 → 1.0.1".into()));
        assert_eq!((step("update.rolled_back"), step("update.held")), ("1.0.1 → 1.0.0".into(), "1.0.1 → 1.0.0".into()));
        assert_eq!(step("image.gone"), "1.0.0");
    }

    #[test]
    fn one_button_asks_for_one_thing() {
        let of = |body: &str| handling(&Form::parse(body.as_bytes()));
        assert_eq!(of("retry=a"), Some(Handling::Retry("a".into())));
        assert_eq!(of("discard=a"), Some(Handling::Discard("a".into())));
        assert_eq!(of("retry-all=mail"), Some(Handling::RetryAll("mail".into())));
        for wrong in ["", "retry=a&discard=b", "retry=a&retry=b", "Retry=a"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        let dead = Letters { state: Some("dead".into()), cursor: Some("1.2".into()) };
        assert_eq!(asked("state=dead&from=1.2"), Ok(dead));
        assert_eq!(asked(&format!("state=&from={}", "1".repeat(65))), Ok(Letters::default()));
        assert_eq!(asked("state=done").map_err(|problem| problem.detail), Err(NO_STATE.into()));
    }
}
