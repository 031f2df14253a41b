//! Telegram's door: a request is proven by the secret that Telegram was given with the address, read, and checked for chat and
//! user (core.telegram.org/bots/api, "setWebhook").

mod payload;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};

use self::payload::Pressed;
use super::{MOST_BYTES, Tray};
use crate::domain::press::Who;
use crate::domain::telegram::NotAllowed;
use crate::listener::paths::TELEGRAM_ACTIONS;
use crate::listener::{Bodies, Meter, Problem, unread};
use crate::notify::Bot;

/// The header with the secret.
const SECRET: &str = "X-Telegram-Bot-Api-Secret-Token";

/// Takes the presses of buttons in Telegram.
#[derive(Debug)]
pub struct TelegramDoor {
    bots: Vec<(String, Bot)>,
    bodies: Bodies,
    tray: Tray,
}

/// Adds the route of the buttons.
pub fn telegram_routes(config: &mut ServiceConfig) {
    config.route(TELEGRAM_ACTIONS, web::post().to(pressed));
}

async fn pressed(door: Data<TelegramDoor>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let answer = match door.take(&request, &mut payload).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(problem) => problem.error_response(),
    };
    unread(answer, payload)
}

impl TelegramDoor {
    /// A door to the bots of channels by their names.
    #[must_use]
    pub fn new(bots: Vec<(String, Bot)>, bodies: Bodies, tray: Tray) -> Self {
        Self { bots, bodies, tray }
    }

    async fn take(&self, request: &HttpRequest, payload: &mut Payload) -> Result<(), Problem> {
        const UNPROVEN: Problem = Problem::new(StatusCode::UNAUTHORIZED, "this is not what Telegram was given to show");
        // Of a stranger no body is read.
        let mut shown = request.headers().get_all(SECRET);
        let (Some(secret), None) = (shown.next(), shown.next()) else { return Err(UNPROVEN) };
        let bots = self.bots.iter().filter(|(_, bot)| bot.is_shown(secret.as_bytes()));
        let bots: Vec<&(String, Bot)> = bots.collect();
        if bots.is_empty() {
            return Err(UNPROVEN);
        }
        if let Some(connection) = request.conn_data::<Meter>() {
            connection.known("telegram");
        }
        let body = self.bodies.read(request, payload, MOST_BYTES).await?;
        let Some(pressed) = payload::read(&body)? else { return Ok(()) };
        let admitted = bots.iter().filter(|(_, bot)| bot.admits(&pressed.presser).is_ok());
        let (mut channels, mut elsewhere) = (Vec::new(), None);
        for (name, bot) in admitted {
            channels.push(name.clone());
            elsewhere = elsewhere.or_else(|| bot.elsewhere(pressed.presser.user).map(str::to_owned));
        }
        if channels.is_empty() {
            self.turn_away(&bots, pressed);
            return Ok(());
        }
        let Pressed { presser, action, button, place, id } = pressed;
        let (id, who) = (format!("telegram {id}"), Who::Telegram(presser.user));
        self.tray.store(crate::domain::press::Pressed { id, channels, action, button, who, elsewhere, place }).await
    }

    fn turn_away(&self, bots: &[&(String, Bot)], pressed: Pressed) {
        let why = |bot: &Bot| bot.admits(&pressed.presser).err().unwrap_or(NotAllowed::User);
        let of_chat = bots.iter().find(|(_, bot)| why(bot) != NotAllowed::Chat);
        let reason = of_chat.map_or(NotAllowed::Chat, |(_, bot)| why(bot));
        tracing::warn!(
            approval = %pressed.button.approval(),
            chat = pressed.presser.chat,
            user = pressed.presser.user,
            action = pressed.action.as_str(),
            %reason,
            outcome = "refused",
            "a button in Telegram was pressed by somebody who may not; nothing was done"
        );
        let channel = of_chat.or(bots.first()).map(|(name, _)| name.clone()).unwrap_or_default();
        self.tray.turn_away(channel, pressed.place);
    }
}

#[cfg(test)]
mod tests;
