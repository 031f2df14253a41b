//! Buttons in chats: a request is proven, read and checked by the chat's own door; then all go one way, which is that of a
//! link's page.
//!
//! ```text
//! door: proof, payload, who may ─► stored ─► acknowledged ─► the sequencer ─► what is said
//! ```
//!
//! A chat waits some seconds for an answer, and Slack sends a press once: so a press is stored before it is acknowledged, and
//! what comes of it is said in the chat, after a restart too.

mod opening;
mod slack;
mod telegram;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use chrono::DateTime;
use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

pub use opening::Opening;
pub use slack::{SlackDoor, slack_routes};
pub use telegram::{TelegramDoor, telegram_routes};

use super::words::Reader;
use crate::ambient::Ambient;
use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::event::{Job, holder};
use crate::domain::history::Entry;
use crate::domain::press::{Place, Pressed, Saying};
use crate::domain::release::Language;
use crate::domain::view::Stands;
use crate::listener::Problem;
use crate::message::chat::{self, Nothing};
use crate::queue::worker::Verdict;
use crate::queue::{NewJob, Queue, QueueError, Records};
use crate::reconcile::{Answer, Applied, Press, Reconciler};
use crate::registry::Registry;
use crate::stop::Stop;
use crate::telemetry::chain;

/// The largest request that is read.
const MOST_BYTES: usize = 64 * 1024;
/// Strangers who wait to be told that they may not; more are told nothing.
const MOST_STRANGERS: usize = 64;
/// Slack waits three seconds for its answer.
const STORED_WITHIN: Duration = Duration::from_millis(2500);
/// After so long whoever pressed is told that it is under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// Stores a press.
pub type Keep = Arc<dyn Fn(Pressed) -> BoxFuture<'static, Result<(), QueueError>> + Send + Sync>;
/// Says what comes of a press, through the channel of this name.
pub type Say = Arc<dyn Fn(String, Place, Saying) -> BoxFuture<'static, ()> + Send + Sync>;
/// The language of a channel, and the zone of its times.
pub type Voice = Arc<dyn Fn(&str) -> (Language, Tz) + Send + Sync>;

/// Where presses of buttons in chats come in.
#[derive(Clone, Default)]
pub struct Doors {
    /// Of Slack.
    pub slack: Option<Data<SlackDoor>>,
    /// Of Telegram.
    pub telegram: Option<Data<TelegramDoor>>,
}

impl Doors {
    /// Adds the routes of those that are open.
    pub fn add_to(&self, config: &mut ServiceConfig) {
        if let Some(door) = &self.slack {
            config.app_data(door.clone());
            slack_routes(config);
        }
        if let Some(door) = &self.telegram {
            config.app_data(door.clone());
            telegram_routes(config);
        }
    }
}

/// Where doors leave what they took.
#[derive(Clone)]
pub struct Tray {
    keep: Keep,
    strangers: mpsc::Sender<(String, Place)>,
}

impl std::fmt::Debug for Tray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tray")
    }
}

/// Those who pressed and may not.
#[derive(Debug)]
pub struct Strangers(mpsc::Receiver<(String, Place)>);

impl Tray {
    /// A tray whose presses are stored so, and those who may not press.
    #[must_use]
    pub fn new(keep: Keep) -> (Self, Strangers) {
        let (strangers, receiver) = mpsc::channel(MOST_STRANGERS);
        (Self { keep, strangers }, Strangers(receiver))
    }

    /// A tray whose presses are jobs.
    #[must_use]
    pub fn in_queue(queue: impl Queue, ambient: Ambient) -> (Self, Strangers) {
        Self::new(Arc::new(move |pressed| {
            let (queue, trace, now) = (queue.clone(), ambient.trace_id(), ambient.now());
            let job = NewJob::prompt(Job::Press(Box::new(pressed)), &*trace, now);
            Box::pin(async move { queue.put(vec![job]).await.map(drop) })
        }))
    }

    /// Stores a press; it is stored when this returns, and not before.
    async fn store(&self, pressed: Pressed) -> Result<(), Problem> {
        let approval = pressed.button.approval().clone();
        let reason = match tokio::time::timeout(STORED_WITHIN, (self.keep)(pressed)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => chain(&error).to_string(),
            Err(_) => "it takes too long".to_owned(),
        };
        tracing::warn!(%approval, reason, "a button was pressed, and it can't be stored now; whoever pressed sees that");
        Err(Problem::later("it can't be stored now; press it again"))
    }

    /// Somebody who may not press.
    fn turn_away(&self, channel: String, place: Place) {
        // When too many wait, the log says who they were.
        let _ = self.strangers.try_send((channel, place));
    }
}

impl Strangers {
    /// Tells them until the process ends.
    pub async fn keep_telling(mut self, say: Say, voice: Voice, mut stop: Stop) {
        loop {
            let next = tokio::select! {
                () = stop.raised() => return,
                next = self.0.recv() => next,
            };
            let Some((channel, place)) = next else { break };
            let words = chat::nothing(voice(&channel).0, Nothing::MayNot);
            say(channel, place, Saying::Aside(words.to_owned())).await;
        }
        stop.raised().await;
    }
}

/// Does what a stored press asks for.
pub async fn answer_stored<Q: Queue + Records, R: Registry, C: Cluster>(
    reconciler: &Reconciler<Q, R, C>,
    how_said: (&Say, &Voice),
    ambient: &Ambient,
    job: &Job,
) -> Verdict {
    let Job::Press(pressed) = job else {
        return Verdict::Dead { reason: "not a press".into() };
    };
    answer(reconciler, how_said, ambient, pressed).await;
    Verdict::Done
}

/// Does what was pressed, and says what came of it.
async fn answer<Q: Queue + Records, R: Registry, C: Cluster>(
    reconciler: &Reconciler<Q, R, C>,
    (say, voice): (&Say, &Voice),
    ambient: &Ambient,
    pressed: &Pressed,
) {
    let channel = pressed.channels.first().cloned().unwrap_or_default();
    let (language, zone) = voice(&channel);
    let mut doing = std::pin::pin!(act(reconciler, ambient, pressed));
    let outcome = if let Ok(outcome) = tokio::time::timeout(PATIENCE, &mut doing).await {
        outcome
    } else {
        let under_way = Saying::Aside(chat::nothing(language, Nothing::UnderWay).to_owned());
        say(channel.clone(), pressed.place.clone(), under_way).await;
        doing.await
    };
    let by = pressed.signed_in().with(String::new()).actor();
    say(channel, pressed.place.clone(), saying(&outcome, by, (language, zone))).await;
}

/// Does what is pressed, as the link beside the button would. What takes one more gesture than a button is refused.
async fn act<Q: Queue + Records, R: Registry, C: Cluster>(
    reconciler: &Reconciler<Q, R, C>,
    ambient: &Ambient,
    pressed: &Pressed,
) -> Answer {
    let holders: Vec<String> = pressed.channels.iter().map(|name| holder(name, "")).collect();
    let token = match reconciler.token_beside(&pressed.button, &holders).await {
        Ok(Some(token)) => token,
        Ok(None) => return Answer::Unknown,
        Err(error) => {
            tracing::warn!(approval = %pressed.button.approval(), error = %chain(&error), "what is known of this button can't be read now");
            return Answer::Unread;
        }
    };
    let press = Press { by: Some(pressed.signed_in()), ..Press::of(pressed.action) };
    reconciler.answer_to(&token, &press, &ambient.trace_id()).await
}

/// What is said of an answer: to all what was done, to whoever pressed why nothing was.
fn saying(answer: &Answer, by: Actor, (language, zone): (Language, Tz)) -> Saying {
    let at = |entry: &Entry| DateTime::parse_from_rfc3339(&entry.time).ok().map(|time| time.to_utc());
    let settled = |what: chat::Pressed, entry: &Entry| {
        Saying::Settled(chat::pressed(language, &what, zone), Actor::from(entry.by.as_str()))
    };
    let below = |what: chat::Pressed| Saying::Below(chat::pressed(language, &what, zone), by);
    let nothing = match answer {
        Answer::Approved(applied) => {
            let Applied { entry, rollout } = &**applied;
            let waits = rollout.as_ref().and_then(Stands::waits);
            return settled(chat::Pressed::Approved(at(entry), waits), entry);
        }
        Answer::Skipped(entry) => return settled(chat::Pressed::Skipped(at(entry)), entry),
        Answer::Snoozed(_, until) => return below(chat::Pressed::PutOff(*until)),
        Answer::Voted { asked, is_again: false } => {
            return below(chat::Pressed::Voted(asked.ballot.votes.count(), asked.ballot.needed.number()));
        }
        Answer::Voted { is_again: true, .. } => Nothing::Again,
        Answer::Unconfirmed(_) | Answer::NotAllowed(_) => Nothing::OneMoreStep,
        Answer::Forbidden(_) => Nothing::MayNot,
        Answer::Expired(_) | Answer::Renewed(_) | Answer::RenewedLately(_) => Nothing::Expired,
        Answer::Superseded { .. } => Nothing::Superseded,
        // What the registry or the API server said is kept nowhere, so that the page behind the link does not say it.
        Answer::Refused(..) | Answer::NotWritten(..) => {
            let to = Reader::person(language, zone);
            return Saying::Aside(to.words().message(answer, to));
        }
        Answer::Moved(_) => Nothing::Moved,
        Answer::Changed(_) => Nothing::Changed,
        Answer::Over(..) | Answer::Resumed(_) | Answer::WentBack(_) | Answer::Resuming(_) => Nothing::Over,
        Answer::Later(_) | Answer::Busy(_) | Answer::Unread | Answer::Open(_) => Nothing::Later,
        Answer::Unknown => Nothing::Unknown,
    };
    Saying::Aside(chat::nothing(language, nothing).to_owned())
}
