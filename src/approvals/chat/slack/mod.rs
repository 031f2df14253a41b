//! Slack's door: a request is proven by its signature over the bytes, read, and checked for app, workspace, channel and user.

mod payload;
mod signature;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};

use self::payload::Pressed;
use self::signature::Stamp;
use super::{MOST_BYTES, Tray};
use crate::ambient::Ambient;
use crate::domain::press::Who;
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::domain::slack::{Desk, NotAllowed};
use crate::listener::paths::SLACK_ACTIONS;
use crate::listener::{Bodies, Meter, Problem, unread};

/// What strangers can make the process hold, whose bodies are read before it is known that they are none.
const BYTES: u32 = 8 * 1024 * 1024;
/// Slack waits no longer for its answer.
const WITHIN: Duration = Duration::from_secs(3);

/// Takes the presses of buttons in Slack.
#[derive(Debug)]
pub struct SlackDoor {
    secret: Rotating<Secret>,
    desks: Vec<(String, Desk)>,
    bodies: Bodies,
    ambient: Ambient,
    tray: Tray,
}

/// Adds the route of the buttons.
pub fn slack_routes(config: &mut ServiceConfig) {
    config.route(SLACK_ACTIONS, web::post().to(pressed));
}

async fn pressed(door: Data<SlackDoor>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let answer = match door.take(&request, &mut payload).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(problem) => problem.error_response(),
    };
    unread(answer, payload)
}

impl SlackDoor {
    /// A door for what Slack signs with this secret, to the desks of channels by their names.
    #[must_use]
    pub fn new(secret: Rotating<Secret>, desks: Vec<(String, Desk)>, ambient: Ambient, tray: Tray) -> Self {
        Self { secret, desks, bodies: Bodies::new(BYTES).within(WITHIN), ambient, tray }
    }

    async fn take(&self, request: &HttpRequest, payload: &mut Payload) -> Result<(), Problem> {
        const UNPROVEN: Problem = Problem::new(StatusCode::UNAUTHORIZED, "this is not signed by Slack a moment ago");
        // Who writes no such head is known for a stranger before a body is read; anybody can write one.
        let stamp = Stamp::read(request.headers(), self.ambient.now().timestamp()).ok_or(UNPROVEN)?;
        let body = self.bodies.read(request, payload, MOST_BYTES).await?;
        if !stamp.signs(&body, &self.secret.get()) {
            return Err(UNPROVEN);
        }
        if let Some(connection) = request.conn_data::<Meter>() {
            connection.known("slack");
        }
        let Some(pressed) = payload::read(&body)? else { return Ok(()) };
        let admitted = self.desks.iter().filter(|(_, desk)| desk.admits(&pressed.presser).is_ok());
        let (mut channels, mut elsewhere) = (Vec::new(), None);
        for (name, desk) in admitted {
            channels.push(name.clone());
            elsewhere = elsewhere.or_else(|| desk.people.get(&pressed.presser.user).cloned());
        }
        if channels.is_empty() {
            self.turn_away(pressed);
            return Ok(());
        }
        let Pressed { presser, action, button, place, at } = pressed;
        let id = if at.is_empty() {
            self.ambient.trace_id()
        } else {
            format!("{} {} {at}", place.posted.message, presser.user)
        };
        let who = Who::Slack { team: presser.home, user: presser.user };
        let id = format!("slack {} {id}", action.as_str());
        self.tray.store(crate::domain::press::Pressed { id, channels, action, button, who, elsewhere, place }).await
    }

    fn turn_away(&self, pressed: Pressed) {
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
        self.tray.turn_away(channel, pressed.place);
    }
}

#[cfg(test)]
mod tests;
