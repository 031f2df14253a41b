//! Slack's buttons: a request is proven, read and checked, and then does what a link's page would do.
//!
//! ```text
//! signature over the bytes ─► payload ─► desk: app, team, channel, user ─► acknowledged ─► the sequencer ─► what is said
//! ```
//!
//! Slack gives three seconds for an answer, and the sequencer asks a registry: so a request is acknowledged once the press is
//! taken, and what comes of it is said in the channel. A press that is lost by a restart left its buttons as they were.

mod payload;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use self::payload::Pressed;
use self::signature::Stamp;
use super::words::said;
use crate::ambient::Ambient;
use crate::cluster::Cluster;
use crate::domain::actor::{Actor, SignedIn};
use crate::domain::event::holder;
use crate::domain::history::Entry;
use crate::domain::secret::Secret;
use crate::domain::slack::{Desk, NotAllowed, Place, Saying};
use crate::domain::wording::{moment, moment_of};
use crate::listener::{Bodies, Meter, Problem, unread};
use crate::queue::{Queue, Records};
use crate::reconcile::{Answer, Press, Reconciler};
use crate::registry::Registry;
use crate::stop::Stop;
use crate::telemetry::chain;

/// The largest request that is read.
const MOST_BYTES: usize = 64 * 1024;
/// Presses that wait; more are refused, and Slack shows it to whoever pressed.
const WAITING: usize = 64;
/// Presses that are answered at once.
const AT_ONCE: usize = 4;
/// After so long whoever pressed is told that it is under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says what comes of a press, through the channel of this name.
pub type Say = Arc<dyn Fn(String, Place, Saying) -> BoxFuture<'static, ()> + Send + Sync>;

/// A press that is allowed, or what is said to one that is not.
enum Taken {
    Pressed { pressed: Box<Pressed>, channels: Vec<String> },
    Refused { place: Place, channel: String },
}

/// Takes the presses of buttons.
#[derive(Debug)]
pub struct SlackDoor {
    secret: Secret,
    desks: Vec<(String, Desk)>,
    bodies: Bodies,
    ambient: Ambient,
    taken: mpsc::Sender<Taken>,
}

/// The presses that were taken.
#[derive(Debug)]
pub struct Presses(mpsc::Receiver<Taken>);

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Taken")
    }
}

/// Adds the route of the buttons.
pub fn slack_routes(config: &mut ServiceConfig) {
    config.route("/slack/actions", web::post().to(pressed));
}

async fn pressed(door: Data<SlackDoor>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let answer = match door.take(&request, &mut payload).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(problem) => problem.error_response(),
    };
    unread(answer, payload)
}

impl SlackDoor {
    /// A door for what Slack signs with this secret, to the desks of channels by their names; and what it takes.
    #[must_use]
    pub fn new(secret: Secret, desks: Vec<(String, Desk)>, bodies: Bodies, ambient: Ambient) -> (Self, Presses) {
        let (taken, presses) = mpsc::channel(WAITING);
        (Self { secret, desks, bodies, ambient, taken }, Presses(presses))
    }

    async fn take(&self, request: &HttpRequest, payload: &mut Payload) -> Result<(), Problem> {
        const UNPROVEN: Problem = Problem::new(StatusCode::UNAUTHORIZED, "this is not signed by Slack a moment ago");
        // Of a stranger no body is read.
        let stamp = Stamp::read(request.headers(), self.ambient.now().timestamp()).ok_or(UNPROVEN)?;
        let body = self.bodies.read(request, payload, MOST_BYTES).await?;
        if !stamp.signs(&body, &self.secret) {
            return Err(UNPROVEN);
        }
        if let Some(connection) = request.conn_data::<Meter>() {
            connection.known();
        }
        let Some(pressed) = payload::read(&body)? else { return Ok(()) };
        let taken = self.admit(pressed);
        self.taken.try_send(taken).map_err(|_| Problem::later("too many buttons are pressed at once; press it again"))
    }

    /// The channels whose buttons whoever pressed may press.
    fn admit(&self, pressed: Pressed) -> Taken {
        let admitted = self.desks.iter().filter(|(_, desk)| desk.admits(&pressed.presser).is_ok());
        let channels: Vec<String> = admitted.map(|(name, _)| name.clone()).collect();
        if !channels.is_empty() {
            return Taken::Pressed { pressed: Box::new(pressed), channels };
        }
        let of_channel = self.desks.iter().find(|(_, desk)| desk.channel == pressed.presser.channel);
        let reason = of_channel
            .map_or(NotAllowed::Channel, |(_, desk)| desk.admits(&pressed.presser).err().unwrap_or(NotAllowed::User));
        let (presser, approval) = (&pressed.presser, pressed.button.approval());
        tracing::warn!(
            %approval,
            team = presser.home,
            user = presser.user,
            action = pressed.action.as_str(),
            %reason,
            outcome = "refused",
            "a button in Slack was pressed by somebody who may not; nothing was done"
        );
        let channel = of_channel.or(self.desks.first()).map(|(name, _)| name.clone()).unwrap_or_default();
        Taken::Refused { place: pressed.place, channel }
    }
}

impl Presses {
    /// Answers them until the process ends; those that were begun are ended.
    pub async fn keep_answering<Q: Queue + Records, R: Registry, C: Cluster>(
        self,
        reconciler: Reconciler<Q, R, C>,
        say: Say,
        ambient: Ambient,
        stop: Stop,
    ) {
        let presses = futures_util::stream::unfold((self.0, stop), async |(mut presses, mut stop)| {
            let taken = tokio::select! {
                biased;
                () = stop.raised() => presses.try_recv().ok(),
                taken = presses.recv() => taken,
            };
            Some((taken?, (presses, stop)))
        });
        let answered = presses.for_each_concurrent(AT_ONCE, |taken| answer(&reconciler, &say, &ambient, taken));
        answered.await;
    }
}

async fn answer<Q: Queue + Records, R: Registry, C: Cluster>(
    reconciler: &Reconciler<Q, R, C>,
    say: &Say,
    ambient: &Ambient,
    taken: Taken,
) {
    let (pressed, channels) = match taken {
        Taken::Pressed { pressed, channels } => (pressed, channels),
        Taken::Refused { place, channel } => {
            let words = "You may not answer this here: only people whom the configuration of this channel names may. Nothing was done.";
            return say(channel, place, Saying::Aside(words.to_owned())).await;
        }
    };
    let channel = channels.first().cloned().unwrap_or_default();
    let mut doing = std::pin::pin!(act(reconciler, ambient, &pressed, &channels));
    let outcome = if let Ok(outcome) = tokio::time::timeout(PATIENCE, &mut doing).await {
        outcome
    } else {
        let under_way = Saying::Aside("Your answer is under way. What comes of it is said here.".to_owned());
        say(channel.clone(), pressed.place.clone(), under_way).await;
        doing.await
    };
    let by = SignedIn::in_slack(&pressed.presser.home, &pressed.presser.user);
    say(channel, pressed.place.clone(), saying(&outcome, &by)).await;
}

/// Does what is pressed, as the link beside the button would. What takes one more gesture than a button is refused.
async fn act<Q: Queue + Records, R: Registry, C: Cluster>(
    reconciler: &Reconciler<Q, R, C>,
    ambient: &Ambient,
    pressed: &Pressed,
    channels: &[String],
) -> Answer {
    let holders: Vec<String> = channels.iter().map(|name| holder(name, "")).collect();
    let token = match reconciler.token_beside(&pressed.button, &holders).await {
        Ok(Some(token)) => token,
        Ok(None) => return Answer::Unknown,
        Err(error) => {
            tracing::warn!(approval = %pressed.button.approval(), error = %chain(&error), "what is known of this button can't be read now");
            return Answer::Unread;
        }
    };
    let by = SignedIn::in_slack(&pressed.presser.home, &pressed.presser.user);
    let press = Press { by: Some(by), ..Press::of(pressed.action) };
    reconciler.answer_to(&token, &press, &ambient.trace_id()).await
}

/// What is said of an answer: to all what was done, to whoever pressed why nothing was.
fn saying(answer: &Answer, by: &SignedIn) -> Saying {
    let by = || by.with(String::new()).actor();
    let settled = |what: &str, entry: &Entry| {
        let words = format!("{what} {}", moment_of(&entry.time));
        Saying::Settled(words, Actor::from(entry.by.as_str()))
    };
    match answer {
        Answer::Approved(entry) => settled("Approved", entry),
        Answer::Skipped(entry) => settled("Skipped", entry),
        Answer::Snoozed(_, until) => Saying::Below(format!("Put off until {}", moment(*until)), by()),
        Answer::Voted { asked, is_again: false } => {
            Saying::Below(format!("Approved: {}", asked.ballot.words().unwrap_or_default()), by())
        }
        Answer::Unconfirmed(_) => {
            Saying::Aside("This update takes one more step: open the link in the message. Nothing was done.".to_owned())
        }
        Answer::Unknown => Saying::Aside(
            "This button is not known here: it may be too old, or image-watcher has just started. Nothing was done; the link in the message says more."
                .to_owned(),
        ),
        other => {
            let said = said(other, false);
            Saying::Aside(format!("{}. {}", said.title, said.message))
        }
    }
}

#[cfg(test)]
mod tests;
